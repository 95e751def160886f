// SPDX-License-Identifier: Apache-2.0
// The variant `winograd` of a convolution's gradient with respect to the filter. The transpose of the forward form:
// G^T [sum over tiles of (A dY A^T) * (B^T d B)] G, where at each of the 36 points the sum is a product of matrices,
// [output channels x tiles] x [tiles x input channels]. Each element is one sum in an order that the sizes fix.
#include <farro/core/op/op_table.h>
#include <farro/core/parallel/parallel.h>
#include <farro/kernels/conv/conv.op.h>
#include <farro/kernels/conv/conv_bias.h>
#include <farro/kernels/conv/conv_winograd.h>
#include <farro/kernels/conv/winograd_filters.h>
#include <farro/kernels/conv/winograd_tiles.h>

namespace farro::FARRO_ISA {

namespace {

using namespace winograd;

constexpr int64_t kSide = FilterInputToPoints::kTo, kPoints = kSide * kSide;

// Tiles that are transformed and summed up together: at least kLeastTiles, else so many that they stay in the
// second-level cache. These sums are added up in turn, so that no running sum is long.
constexpr int64_t kTileBytes = 1 << 20, kLeastTiles = 128;

// The points of a block of channels are summed in so many groups: tasks for several threads where there are few blocks.
constexpr int64_t kGroups = 4, kManyBlocks = 16;

struct Problem {
  Images<const float> x, grad;
  Tiling tiling;
  int64_t pad[2];
  float* filter;  // [O, C, 3, 3]

  int64_t in_blocks() const { return blocks_of(x.channels, kChunk); }
  int64_t out_blocks() const { return blocks_of(grad.channels, kChunk); }
  // Tiles that are transformed together: whole chunks of the sum.
  int64_t tiles_at_once() const {
    const int64_t bytes = (in_blocks() + out_blocks()) * block_size(kPoints, kChunk) * 4;
    return std::max<int64_t>(kTileBytes / bytes, kLeastTiles / kChunk) * kChunk;
  }
};

// Transformed tiles, in chunks of kChunk, each as blocks of channels.
struct Points {
  int64_t tiles, blocks;
  float* data;
  int64_t chunks() const { return blocks_of(tiles, kChunk); }
  int64_t rows(int64_t chunk) const { return std::min(kChunk, tiles - chunk * kChunk); }
  float* at(int64_t chunk, int64_t block) const {
    return data + chunk * blocks * block_size(kPoints, kChunk) + block * block_size(kPoints, rows(chunk));
  }
};

// sums = the products of all tiles held at points [begin, end), for the kChunk x kChunk channels of one block.
void multiply(const Problem& p, const Points& grads, const Points& inputs, int64_t o, int64_t c, int64_t begin,
              int64_t end, float* sums) {
  const int64_t rows = std::min(kChunk, p.grad.channels - o * kChunk),
                columns = std::min(kChunk, p.x.channels - c * kChunk);
  for (int64_t chunk = 0; chunk < inputs.chunks(); ++chunk) {
    const int64_t tiles = inputs.rows(chunk), stride = point_stride(tiles);
    const float *left = grads.at(chunk, o), *right = inputs.at(chunk, c);
    for (int64_t point = begin; point < end; ++point)
      product<Left::columns>(rows, columns, tiles, left + point * stride, right + point * stride,
                             sums + point * point_stride(kChunk), chunk > 0);
  }
}

void write_filter(const Problem& p, int64_t o, int64_t c, const float* sums) {
  const int64_t rows = std::min(kChunk, p.grad.channels - o * kChunk),
                columns = std::min(kChunk, p.x.channels - c * kChunk);
  for (int64_t row = 0; row < rows; ++row, sums += kChunk)
    for (int64_t v = 0; v < columns; v += kWidth) {
      Vec taps[kFilter];
      transform<PointsToFilter>(
          [&](int i, int j) { return Lanes::load(sums + (i * kSide + j) * point_stride(kChunk) + v); },
          [&](int i, int j, Vec value) { taps[i * kTaps + j] = value; });
      float* const to = p.filter + ((o * kChunk + row) * p.x.channels + c * kChunk + v) * kFilter;
      scatter_taps(taps, std::min(kWidth, columns - v), to);
    }
}

void run(Ctx& ctx, const Problem& p) {
  const int64_t ins = p.in_blocks(), outs = p.out_blocks(), size = block_size(kPoints, kChunk),
                channels = std::max(p.x.channels, p.grad.channels);
  float* const zeros = ctx.scratch<float>(channels);
  std::fill_n(zeros, channels, 0.0f);
  const int64_t most = std::min(p.tiles_at_once(), p.tiling.count), held = blocks_of(most, kChunk) * size;
  Points inputs{0, ins, ctx.scratch<float>(held * ins)}, grads{0, outs, ctx.scratch<float>(held * outs)};
  const auto read = [&](int64_t first, int64_t tiles) {
    constexpr int64_t no_pad[2] = {0, 0};
    inputs.tiles = grads.tiles = tiles;
    parallel_for(blocks_of(tiles, 8), 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t chunk = i * 8 / kChunk, row = i * 8 % kChunk, rows = inputs.rows(chunk), at = first + i * 8,
                      last = std::min(at + 8, first + tiles);
        read_tiles<FilterInputToPoints>(p.tiling, p.x, p.pad, at, last, zeros, inputs.at(chunk, 0), rows, row);
        read_tiles<GradToPoints>(p.tiling, p.grad, no_pad, at, last, zeros, grads.at(chunk, 0), rows, row);
      }
    });
  };

  const Ctx::Parts parts = ctx.parts();
  if (most == p.tiling.count && ins * outs >= kManyBlocks) {
    read(0, most);
    parallel_for(ins * outs, 1, [&](int64_t begin, int64_t end) {
      Ctx own(parts);
      float* const sums = own.scratch<float>(size);
      for (int64_t i = begin; i < end; ++i) {
        multiply(p, grads, inputs, i / ins, i % ins, 0, kPoints, sums);
        write_filter(p, i / ins, i % ins, sums);
      }
    });
    return;
  }
  float* const totals = ctx.scratch<float>(ins * outs * size);
  for (int64_t first = 0; first < p.tiling.count; first += most) {
    read(first, std::min(most, p.tiling.count - first));
    parallel_for(ins * outs * kGroups, 1, [&](int64_t begin, int64_t end) {
      Ctx own(parts);
      float* const sums = own.scratch<float>(size);
      for (int64_t i = begin; i < end; ++i) {
        const int64_t block = i / kGroups, point = i % kGroups * (kPoints / kGroups);
        const int64_t at = point * point_stride(kChunk), count = kPoints / kGroups * point_stride(kChunk);
        multiply(p, grads, inputs, block / ins, block % ins, point, point + kPoints / kGroups, sums);
        float* const total = totals + block * size;
        for (int64_t j = at; j < at + count; ++j) total[j] = first > 0 ? total[j] + sums[j] : sums[j];
      }
    });
  }
  parallel_for(ins * outs, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) write_filter(p, i / ins, i % ins, totals + i * size);
  });
}

void backward_filter(Ctx& ctx, const ConvBackwardFilter::Args& args, Outputs<ConvBackwardFilter>& out) {
  const ConvShape s = ConvBackwardFilter::shape(args);
  const Tensor grad = ctx.dense(args.grad, MemoryFormat::channels_last, DType::f32);
  const Tensor x = ctx.dense(args.x, MemoryFormat::channels_last, DType::f32);
  const Tensor filter = ctx.result(out[0], MemoryFormat::contiguous, DType::f32);
  run(ctx, {.x = {data_of<float>(x), s.in[1], s.in[2], s.in_channels},
            .grad = {data_of<float>(grad), s.out[1], s.out[2], s.out_channels},
            .tiling = Tiling(GradToPoints::kFrom, s.batch, s.out[1], s.out[2]),
            .pad = {s.pad[1], s.pad[2]},
            .filter = data_of<float>(filter)});
  if (!args.bias) return;
  const Tensor bias = ctx.result(out[1], MemoryFormat::contiguous, DType::f32);
  conv_bias_gradient(ctx, data_of<float>(grad), s.batch * s.out_pixels(), s.out_channels, data_of<float>(bias));
}

}  // namespace

void register_conv_winograd_filter_cpu();
void register_conv_winograd_filter_cpu() {
  if constexpr (!kHasFma) return;
  register_kernel<ConvBackwardFilter>(
      DeviceType::cpu, &backward_filter, kWinograd, [](const ConvBackwardFilter::Args& args) {
        return winograd_pays_backward_filter(args.grad.dtype(), ConvBackwardFilter::shape(args));
      });
}

}  // namespace farro::FARRO_ISA
