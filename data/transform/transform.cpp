// SPDX-License-Identifier: Apache-2.0
// Transforms of batches of images. Random ones draw by the sample's number and the epoch, not by the order of calls, so
// that they do not depend on workers.
#include <farro/data/transform/transform.h>

#include <farro/core/dtype/visit.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace farro::data {

namespace {

void check_images(const char* transform, const Tensor& batch) {
  FARRO_CHECK(batch.dim() == 4, ShapeError, transform, ": batch must be [N, C, H, W], got ", batch);
}

// The values of one channel's plane.
void normalize_plane(const uint8_t* in, float* out, int64_t n, double mean, double std) {
  // A byte has 256 values: one division for each of these, not for each pixel.
  float table[256];
  for (int i = 0; i < 256; ++i) table[i] = static_cast<float>((i / 255.0 - mean) / std);
  for (int64_t i = 0; i < n; ++i) out[i] = table[in[i]];
}
void normalize_plane(const float* in, float* out, int64_t n, double mean, double std) {
  const float shift = static_cast<float>(mean), scale = static_cast<float>(1 / std);
  for (int64_t i = 0; i < n; ++i) out[i] = (in[i] - shift) * scale;
}

}  // namespace

RandomSequence BatchInfo::random(size_t row) const noexcept {
  // Streams of the default generators are small numbers: the upper bit keeps out of their way.
  return RandomSequence({.seed = seed,
                         .stream = uint64_t{1} << 63 | static_cast<uint64_t>(indices[row]),
                         .offset = static_cast<uint64_t>(epoch) << 24 | static_cast<uint64_t>(transform) << 16});
}

Transform normalize(std::vector<double> mean, std::vector<double> std) {
  FARRO_CHECK(!mean.empty() && mean.size() == std.size(), ValueError,
              "normalize: mean and std must be equally many, got ", mean.size(), " and ", std.size());
  for (double value : std) FARRO_CHECK(value > 0, ValueError, "normalize: std must be positive, got ", value);
  return [mean = std::move(mean), std = std::move(std)](const Tensor& batch, const BatchInfo&) {
    FARRO_CHECK(batch.dim() >= 2, ShapeError, "normalize: batch must be [N, C, ...], got ", batch);
    const int64_t channels = batch.size(1), planes = batch.size(0) * channels;
    FARRO_CHECK(mean.size() == 1 || static_cast<int64_t>(mean.size()) == channels, ShapeError,
                "normalize: batch must have ", mean.size(), " channels, got ", batch);
    const Tensor in = batch.dtype() == DType::u8 ? batch.contiguous() : batch.to(DType::f32).contiguous();
    const Tensor out = empty(batch.sizes(), {.dtype = DType::f32, .device = Device::cpu()});
    const int64_t n = planes > 0 ? in.numel() / planes : 0;
    for (int64_t plane = 0; plane < planes; ++plane) {
      const size_t c = mean.size() == 1 ? 0 : static_cast<size_t>(plane % channels);
      float* to = out.data<float>() + plane * n;
      if (in.dtype() == DType::u8) {
        normalize_plane(in.data<uint8_t>() + plane * n, to, n, mean[c], std[c]);
      } else {
        normalize_plane(in.data<float>() + plane * n, to, n, mean[c], std[c]);
      }
    }
    return out;
  };
}

Transform random_crop(const RandomCropOptions& options) {
  FARRO_CHECK(options.padding >= 0 && options.padding <= INT32_MAX, ValueError,
              "random_crop: padding must be at least 0 and below 2^31, got ", options.padding);
  const Dims size = options.size.expand("random_crop: size", 2);
  return [size, padding = options.padding](const Tensor& batch, const BatchInfo& info) {
    check_images("random_crop", batch);
    const int64_t height = batch.size(2), width = batch.size(3), channels = batch.size(1);
    const int64_t free_y = height + 2 * padding - size[0], free_x = width + 2 * padding - size[1];
    FARRO_CHECK(free_y >= 0 && free_x >= 0, ShapeError,
                "random_crop: size must fit into the image with its padding of ", padding, ", got ", size,
                " (batch: ", batch, ")");
    const Tensor in = batch.contiguous();
    const Tensor out =
        empty({batch.size(0), channels, size[0], size[1]}, {.dtype = batch.dtype(), .device = Device::cpu()});
    const auto item = static_cast<int64_t>(item_size(batch.dtype()));
    // The padding.
    std::memset(out.raw_data(), 0, out.nbytes());
    for (int64_t i = 0; i < batch.size(0); ++i) {
      RandomSequence random = info.random(static_cast<size_t>(i));
      // The place of the cut within the image and its padding, every one equally likely.
      const int64_t top = static_cast<int64_t>(random.below(static_cast<uint64_t>(free_y) + 1)) - padding;
      const int64_t left = static_cast<int64_t>(random.below(static_cast<uint64_t>(free_x) + 1)) - padding;
      // Columns of the result that lie inside the image.
      const int64_t begin = std::max<int64_t>(0, -left), end = std::min(size[1], width - left);
      for (int64_t row = 0; row < channels * size[0]; ++row) {
        const int64_t c = row / size[0], y = row % size[0] + top;
        if (y < 0 || y >= height || begin >= end) continue;
        const int64_t from = ((i * channels + c) * height + y) * width + left + begin;
        const int64_t to = (i * channels * size[0] + row) * size[1] + begin;
        std::memcpy(static_cast<char*>(out.raw_data()) + to * item,
                    static_cast<const char*>(in.raw_data()) + from * item, static_cast<size_t>((end - begin) * item));
      }
    }
    return out;
  };
}

Transform random_horizontal_flip(double p) {
  FARRO_CHECK(p >= 0 && p <= 1, ValueError, "random_horizontal_flip: p must be in [0, 1], got ", p);
  return [p](const Tensor& batch, const BatchInfo& info) {
    check_images("random_horizontal_flip", batch);
    const Tensor out = batch.contiguous().clone();
    const int64_t rows = batch.size(1) * batch.size(2), width = batch.size(3);
    visit_item_size(item_size(batch.dtype()), [&](auto tag) {
      using T = typename decltype(tag)::type;
      T* data = static_cast<T*>(out.raw_data());
      for (int64_t i = 0; i < batch.size(0); ++i) {
        if (info.random(static_cast<size_t>(i)).uniform() >= p) continue;
        for (int64_t row = i * rows; row < (i + 1) * rows; ++row)
          std::reverse(data + row * width, data + (row + 1) * width);
      }
    });
    return out;
  };
}

}  // namespace farro::data
