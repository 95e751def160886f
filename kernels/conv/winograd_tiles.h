// SPDX-License-Identifier: Apache-2.0
// Tiles of channels-last images on their way to the points of winograd_transforms.h, and the matrix products there, one
// for each point. Transformed tensors lie in blocks of kChunk channels, [points][rows][kChunk], a row being a tile or a
// channel of the filter. Included by *.cpu.cpp files only.
#pragma once

#include <farro/kernels/conv/winograd_transforms.h>

#include <algorithm>

namespace farro::FARRO_ISA::winograd {

// Channels of a block.
inline constexpr int64_t kChunk = 32;
inline constexpr int64_t kLine = 16;  // floats

// From one point of a block to the next. Not a multiple of 2 KiB: 36 such lines do not fit in the first-level cache.
constexpr int64_t point_stride(int64_t rows) { return rows * kChunk + kLine; }
constexpr int64_t block_size(int64_t points, int64_t rows) { return points * point_stride(rows); }
constexpr int64_t blocks_of(int64_t count, int64_t size) { return (count + size - 1) / size; }

// A dense tensor [batch, h, w, channels].
template <class T>
struct Images {
  T* data;
  int64_t h, w, channels;
};

// The tiles of `size` x `size` results of `batch` images of h x w, in row-major order.
struct Tiling {
  int64_t size, rows, columns, count;
  Tiling(int64_t size_, int64_t batch, int64_t h, int64_t w)
      : size(size_), rows(blocks_of(h, size)), columns(blocks_of(w, size)), count(batch * rows * columns) {}
};

// Where the kSize x kSize pixels of a tile lie that begin `pad` before its first result; `outside` stands for those
// beyond the image.
template <int kSize, class T>
inline void find_pixels(const Tiling& tiling, const Images<T>& images, int64_t tile, const int64_t* pad, T* outside,
                        T* (&pixels)[kSize][kSize]) {
  const int64_t image = tile / (tiling.rows * tiling.columns), place = tile % (tiling.rows * tiling.columns);
  const int64_t top = place / tiling.columns * tiling.size - pad[0],
                left = place % tiling.columns * tiling.size - pad[1];
  for (int64_t i = 0; i < kSize; ++i)
    for (int64_t j = 0; j < kSize; ++j) {
      const int64_t y = top + i, x = left + j;
      const bool inside = y >= 0 && y < images.h && x >= 0 && x < images.w;
      pixels[i][j] = inside ? images.data + ((image * images.h + y) * images.w + x) * images.channels : outside;
    }
}

// Tiles [begin, end), transformed by Map, as the rows from `row` on of the blocks at `out`, which have `rows` rows.
// `zeros` are as many as the image has channels.
template <class Map>
void read_tiles(const Tiling& tiling, const Images<const float>& images, const int64_t* pad, int64_t begin, int64_t end,
                const float* zeros, float* out, int64_t rows, int64_t row = 0) {
  const int64_t stride = point_stride(rows), size = block_size(Map::kTo * Map::kTo, rows);
  for (int64_t tile = begin; tile < end; ++tile, ++row) {
    const float* pixels[Map::kFrom][Map::kFrom];
    find_pixels<Map::kFrom>(tiling, images, tile, pad, zeros, pixels);
    for (int64_t c = 0; c < images.channels; c += kWidth) {
      float* const to = out + c / kChunk * size + row * kChunk + c % kChunk;
      const auto store = [&](int i, int j, Vec value) { Lanes::store(to + (i * Map::kTo + j) * stride, value); };
      const int64_t count = images.channels - c;
      if (count >= kWidth)
        transform<Map>([&](int i, int j) { return Lanes::load(pixels[i][j] + c); }, store);
      else
        transform<Map>([&](int i, int j) { return load_some(pixels[i][j] + c, count); }, store);
    }
  }
}

// ---- products

#if defined(__AVX512F__)
inline constexpr int kTileRows = 8;  // of 32 registers 16 are sums
#else
inline constexpr int kTileRows = 4;  // of 16 registers 8 are sums
#endif
inline constexpr int kTileVectors = 2;
inline constexpr int64_t kPanel = kTileVectors * kWidth;
static_assert(kChunk % kPanel == 0);

// How the left factor lies: rows of kChunk values along the sum, or values along the rows.
enum class Left { rows, columns };

// A product is summed over so many terms at a time, and those sums are added up. One long sum has 1.5 times the error
// at 64 terms, 2 to 3 times at 512; sums of 8 are no better.
inline constexpr int64_t kSum = 16;

// c (+)= a x b for kRows x (kVectors vectors); rows of b and c are kChunk apart.
template <Left kLeft, int kRows, int kVectors>
inline void product_tile(int64_t k, const float* a, const float* b, float* c, bool add) {
  constexpr int64_t kRow = kLeft == Left::rows ? kChunk : 1, kStep = kLeft == Left::rows ? 1 : kChunk;
  for (; k > 0; k -= kSum, add = true) {
    Vec sum[kRows][kVectors] = {};
    for (int64_t p = std::min(k, kSum); p > 0; --p, a += kStep, b += kChunk) {
      Vec right[kVectors];
#pragma GCC unroll 2
      for (int j = 0; j < kVectors; ++j) right[j] = Lanes::load(b + j * kWidth);
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i) {
        const float left = a[i * kRow];
#pragma GCC unroll 2
        for (int j = 0; j < kVectors; ++j) sum[i][j] += left * right[j];
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 2
      for (int j = 0; j < kVectors; ++j) {
        float* const to = c + i * kChunk + j * kWidth;
        Lanes::store(to, add ? Lanes::load(to) + sum[i][j] : sum[i][j]);
      }
  }
}

// The same for any number of rows, and up to kChunk columns, which are rounded up to whole vectors.
template <Left kLeft>
inline void product(int64_t rows, int64_t columns, int64_t k, const float* a, const float* b, float* c, bool add) {
  for (int64_t i = 0; i < rows;) {
    const int64_t left = rows - i, now = left >= kTileRows ? kTileRows : left >= 4 ? 4 : left >= 2 ? 2 : 1;
    for (int64_t j = 0; j < columns; j += kPanel) {
      const auto run = [&]<int kRows>() {
        if (columns - j > kWidth)
          product_tile<kLeft, kRows, 2>(k, a, b + j, c + i * kChunk + j, add);
        else
          product_tile<kLeft, kRows, 1>(k, a, b + j, c + i * kChunk + j, add);
      };
      if (now == kTileRows)
        run.template operator()<kTileRows>();
      else if (now == 4)
        run.template operator()<4>();
      else if (now == 2)
        run.template operator()<2>();
      else
        run.template operator()<1>();
    }
    i += now;
    a += now * (kLeft == Left::rows ? kChunk : 1);
  }
}

}  // namespace farro::FARRO_ISA::winograd
