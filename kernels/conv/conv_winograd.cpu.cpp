// SPDX-License-Identifier: Apache-2.0
// The variant `winograd` of convolution and of its gradient with respect to x, which is a convolution with the filter
// turned round. Of 3 x 3 filters of f32. Each result is one sum in an order that depends on its place alone, so neither
// threads nor the cut into blocks change a bit.
#include <farro/core/op/op_table.h>
#include <farro/core/parallel/parallel.h>
#include <farro/kernels/conv/conv.op.h>
#include <farro/kernels/conv/conv_winograd.h>
#include <farro/kernels/conv/winograd_filters.h>
#include <farro/kernels/conv/winograd_tiles.h>

namespace farro::FARRO_ISA {

namespace {

using namespace winograd;

// Tiles of one block: its rows of 64 channels and the filters' points stay in the second-level cache.
constexpr int64_t kOut = InputToPoints::kTo - kTaps + 1, kIn = InputToPoints::kTo, kPoints = kIn * kIn;
constexpr int64_t kTileBlock = 32;
// Up to so many tiles they are all transformed first, and the filters as they are needed: each is used once.
constexpr int64_t kFewTiles = 64;

// One convolution, forward or backward.
struct Problem {
  Images<const float> x;
  Images<float> out;
  Tiling tiling;
  int64_t pad[2];
  // Element (o, c, tap) of the filter at o * out_step + c * in_step + tap, the taps from the last to the first if
  // `turned`.
  const float* filter;
  int64_t out_step, in_step;
  bool turned;
  const float* bias;  // may be null

  int64_t in_blocks() const { return blocks_of(x.channels, kChunk); }
  int64_t out_blocks() const { return blocks_of(out.channels, kChunk); }
};

// Input channels [c, c + kChunk) x output channels [o, o + kChunk) of the filter as a block whose rows are input
// channels; what lies behind the last output channel becomes zero.
void read_filter(const Problem& p, int64_t c, int64_t o, float* out) {
  const int64_t rows = std::min(kChunk, p.x.channels - c), columns = std::min(kChunk, p.out.channels - o);
  const float* const end = p.filter + p.x.channels * p.out.channels * kFilter;
  const bool together = p.in_step == kFilter;  // the filters of one output channel
  alignas(64) float taps[kChunk * kFilter * kWidth];
  for (int64_t v = 0; v < columns; v += kWidth) {
    const float* const from = p.filter + (o + v) * p.out_step + c * p.in_step;
    const int64_t lanes = std::min(kWidth, columns - v);
    for (int64_t row = 0; row < rows; row += together ? rows : 1)
      gather_columns(from + row * p.in_step, p.out_step, lanes, (together ? rows : 1) * kFilter, end,
                     taps + row * kFilter * kWidth);
    for (int64_t row = 0; row < rows; ++row) {
      float* const to = out + row * kChunk + v;
      transform<FilterToPoints>(
          [&](int i, int j) {
            const int64_t t = i * kTaps + j;
            return Lanes::load(taps + (row * kFilter + (p.turned ? kFilter - 1 - t : t)) * kWidth);
          },
          [&](int i, int j, Vec value) { Lanes::store(to + (i * kIn + j) * point_stride(kChunk), value); });
    }
  }
}

// The results of tiles [begin, end) and output channels [o, o + kChunk) from the sums at all points.
void write_tiles(const Problem& p, int64_t begin, int64_t end, int64_t o, const float* sums, int64_t rows) {
  const int64_t columns = std::min(kChunk, p.out.channels - o), no_pad[2] = {0, 0};
  for (int64_t tile = begin; tile < end; ++tile, sums += kChunk) {
    float* pixels[kOut][kOut];
    find_pixels<kOut, float>(p.tiling, p.out, tile, no_pad, nullptr, pixels);
    for (int64_t v = 0; v < columns; v += kWidth) {
      const int64_t lanes = columns - v;
      const Vec bias = p.bias ? load_some(p.bias + o + v, lanes) : Vec{};
      transform<PointsToOutput>(
          [&](int i, int j) { return Lanes::load(sums + (i * kIn + j) * point_stride(rows) + v); },
          [&](int i, int j, Vec value) {
            if (pixels[i][j]) store_some(pixels[i][j] + o + v, lanes, value + bias);
          });
    }
  }
}

// sums (+)= tiles x filters at all points, of one block of input channels and one of output channels.
void multiply(const Problem& p, int64_t c, int64_t o, int64_t tiles, const float* inputs, const float* filters,
              float* sums) {
  const int64_t depth = std::min(kChunk, p.x.channels - c), columns = std::min(kChunk, p.out.channels - o);
  for (int64_t point = 0; point < kPoints; ++point)
    product<Left::rows>(tiles, columns, depth, inputs + point * point_stride(tiles),
                        filters + point * point_stride(kChunk), sums + point * point_stride(tiles), c > 0);
}

// Many tiles: all filters first, then block by block of tiles.
void run_by_tiles(Ctx& ctx, const Problem& p, const float* zeros) {
  const int64_t ins = p.in_blocks(), outs = p.out_blocks(), size = block_size(kPoints, kChunk);
  float* const filters = ctx.scratch<float>(ins * outs * size);
  parallel_for(ins * outs, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) read_filter(p, i % ins * kChunk, i / ins * kChunk, filters + i * size);
  });
  const Ctx::Parts parts = ctx.parts();
  parallel_for(blocks_of(p.tiling.count, kTileBlock), 1, [&](int64_t begin, int64_t end) {
    Ctx own(parts);
    float* const inputs = own.scratch<float>((ins + 1) * block_size(kPoints, kTileBlock));
    float* const sums = inputs + ins * block_size(kPoints, kTileBlock);
    for (int64_t block = begin; block < end; ++block) {
      const int64_t first = block * kTileBlock, last = std::min(first + kTileBlock, p.tiling.count),
                    tiles = last - first;
      read_tiles<InputToPoints>(p.tiling, p.x, p.pad, first, last, zeros, inputs, tiles);
      for (int64_t o = 0; o < outs; ++o) {
        for (int64_t c = 0; c < ins; ++c)
          multiply(p, c * kChunk, o * kChunk, tiles, inputs + c * block_size(kPoints, tiles),
                   filters + (o * ins + c) * size, sums);
        write_tiles(p, first, last, o * kChunk, sums, tiles);
      }
    }
  });
}

// Few tiles: all of them first, then block by block of output channels.
void run_by_channels(Ctx& ctx, const Problem& p, const float* zeros) {
  const int64_t ins = p.in_blocks(), tiles = p.tiling.count, size = block_size(kPoints, tiles);
  float* const inputs = ctx.scratch<float>(ins * size);
  parallel_for(tiles, 8, [&](int64_t begin, int64_t end) {
    read_tiles<InputToPoints>(p.tiling, p.x, p.pad, begin, end, zeros, inputs, tiles, begin);
  });
  const Ctx::Parts parts = ctx.parts();
  parallel_for(p.out_blocks(), 1, [&](int64_t begin, int64_t end) {
    Ctx own(parts);
    float* const filters = own.scratch<float>(block_size(kPoints, kChunk) + size);
    float* const sums = filters + block_size(kPoints, kChunk);
    for (int64_t o = begin; o < end; ++o) {
      for (int64_t c = 0; c < ins; ++c) {
        read_filter(p, c * kChunk, o * kChunk, filters);
        multiply(p, c * kChunk, o * kChunk, tiles, inputs + c * size, filters, sums);
      }
      write_tiles(p, 0, tiles, o * kChunk, sums, tiles);
    }
  });
}

void run(Ctx& ctx, const Problem& p) {
  float* const zeros = ctx.scratch<float>(p.x.channels);
  std::fill_n(zeros, p.x.channels, 0.0f);
  if (p.tiling.count > kFewTiles)
    run_by_tiles(ctx, p, zeros);
  else
    run_by_channels(ctx, p, zeros);
}

void forward(Ctx& ctx, const Conv::Args& args, Outputs<Conv>& out) {
  const ConvShape s = Conv::shape(args);
  const Tensor x = ctx.dense(args.x, MemoryFormat::channels_last, DType::f32);
  const Tensor filter = ctx.dense(args.weight, MemoryFormat::contiguous, DType::f32);
  const Tensor bias = ctx.dense(args.bias, MemoryFormat::contiguous, DType::f32);
  const Tensor y = ctx.result(out[0], MemoryFormat::channels_last, DType::f32);
  run(ctx, {.x = {data_of<float>(x), s.in[1], s.in[2], s.in_channels},
            .out = {data_of<float>(y), s.out[1], s.out[2], s.out_channels},
            .tiling = Tiling(kOut, s.batch, s.out[1], s.out[2]),
            .pad = {s.pad[1], s.pad[2]},
            .filter = data_of<float>(filter),
            .out_step = s.in_channels * s.taps(),
            .in_step = s.taps(),
            .turned = false,
            .bias = data_of<float>(bias)});
}

// grad_x[i] is the sum over taps t of grad[i + pad - t] * w[t]: with the taps counted from the last, u = 2 - t, that is
// grad[i - (2 - pad) + u].
void backward_data(Ctx& ctx, const ConvBackwardData::Args& args, Outputs<ConvBackwardData>& out) {
  const ConvShape s = ConvBackwardData::shape(args);
  const Tensor grad = ctx.dense(args.grad, MemoryFormat::channels_last, DType::f32);
  const Tensor filter = ctx.dense(args.weight, MemoryFormat::contiguous, DType::f32);
  const Tensor grad_x = ctx.result(out[0], MemoryFormat::channels_last, DType::f32);
  run(ctx, {.x = {data_of<float>(grad), s.out[1], s.out[2], s.out_channels},
            .out = {data_of<float>(grad_x), s.in[1], s.in[2], s.in_channels},
            .tiling = Tiling(kOut, s.batch, s.in[1], s.in[2]),
            .pad = {kTaps - 1 - s.pad[1], kTaps - 1 - s.pad[2]},
            .filter = data_of<float>(filter),
            .out_step = s.taps(),
            .in_step = s.in_channels * s.taps(),
            .turned = true,
            .bias = nullptr});
}

}  // namespace

void register_conv_winograd_cpu();
void register_conv_winograd_cpu() {
  if constexpr (!kHasFma) return;
  register_kernel<Conv>(DeviceType::cpu, &forward, kWinograd,
                        [](const Conv::Args& args) { return winograd_pays(args.x.dtype(), Conv::shape(args)); });
  register_kernel<ConvBackwardData>(DeviceType::cpu, &backward_data, kWinograd, [](const ConvBackwardData::Args& args) {
    return winograd_pays_backward_data(args.grad.dtype(), ConvBackwardData::shape(args));
  });
}

}  // namespace farro::FARRO_ISA
