// SPDX-License-Identifier: Apache-2.0
// Compiled with -ffp-contract=off (cmake/FarroLibrary.cmake), so that all instruction sets give the same bits.
#include <farro/core/op/op_table.h>
#include <farro/kernels/random/distributions.h>
#include <farro/kernels/random/random.op.h>
#include <farro/kernels/random/reserve_random.op.h>
#include <farro/kernels/random/words.h>

#include <farro/core/parallel/parallel.h>
#include <farro/kernels/cpu/convert.h>

#include <algorithm>

namespace farro::FARRO_ISA {

namespace {

template <class T>
struct Affine {
  T scale, shift;
  T limit;  // results are kept below it by falling back to shift: rounding may reach the open end of [low, high)
};

void uniform_f32(void* out, const PhiloxState& random, int64_t first, const void* parameters) {
  const auto p = *static_cast<const Affine<float>*>(parameters);
  const FlatWords words(random, first);
  float* o = static_cast<float*>(out);
  for (int64_t i = 0; i < kDrawBatch * 4; ++i) {
    // [0, 1) is scaled to [low, high): value * (high - low) + low.
    const float value = distributions::uniform_f32(words.word[i]) * p.scale + p.shift;
    o[i] = value < p.limit ? value : p.shift;
  }
}

// As many bits as a half (11) or bfloat16 (8) holds, so that values below 1 are not rounded up to it.
template <int kBits>
void uniform_half(void* out, const PhiloxState& random, int64_t first, const void* parameters) {
  const auto p = *static_cast<const Affine<float>*>(parameters);
  const FlatWords words(random, first);
  float* o = static_cast<float*>(out);
  for (int64_t i = 0; i < kDrawBatch * 4; ++i) {
    const uint32_t bits = words.word[i] >> (32 - kBits) << (32 - kBits);
    o[i] = distributions::uniform_f32(bits) * p.scale + p.shift;
  }
}

void uniform_f64(void* out, const PhiloxState& random, int64_t first, const void* parameters) {
  const auto p = *static_cast<const Affine<double>*>(parameters);
  const FlatWords words(random, first);
  double* o = static_cast<double*>(out);
  for (int64_t i = 0; i < kDrawBatch * 2; ++i) {
    const double value = distributions::uniform_f64(words.word[2 * i], words.word[2 * i + 1]) * p.scale + p.shift;
    o[i] = value < p.limit ? value : p.shift;
  }
}

void normal_f32(void* out, const PhiloxState& random, int64_t first, const void* parameters) {
  const auto p = *static_cast<const Affine<float>*>(parameters);
  // Lane k holds word k of every block, the form in which the pairs vectorise.
  const Words words(random, first);
  float* o = static_cast<float*>(out);
  for (int64_t j = 0; j < kDrawBatch; ++j) {
    const auto a = distributions::normal_f32(words.lane[0][j], words.lane[1][j]);
    const auto b = distributions::normal_f32(words.lane[2][j], words.lane[3][j]);
    // The four words of block j give elements 4 j to 4 j + 3, in this order on every device.
    o[4 * j] = a.first * p.scale + p.shift;
    o[4 * j + 1] = a.second * p.scale + p.shift;
    o[4 * j + 2] = b.first * p.scale + p.shift;
    o[4 * j + 3] = b.second * p.scale + p.shift;
  }
}

void normal_f64(void* out, const PhiloxState& random, int64_t first, const void* parameters) {
  const auto p = *static_cast<const Affine<double>*>(parameters);
  const Words words(random, first);
  double* o = static_cast<double*>(out);
  for (int64_t j = 0; j < kDrawBatch; ++j) {
    const auto a =
        distributions::normal_f64({{words.lane[0][j], words.lane[1][j], words.lane[2][j], words.lane[3][j]}});
    o[2 * j] = a.first * p.scale + p.shift;
    o[2 * j + 1] = a.second * p.scale + p.shift;
  }
}

void bernoulli_words(void* out, const PhiloxState& random, int64_t first, const void* parameters) {
  const uint32_t threshold = *static_cast<const uint32_t*>(parameters);
  const FlatWords words(random, first);
  float* o = static_cast<float*>(out);
  for (int64_t i = 0; i < kDrawBatch * 4; ++i) o[i] = words.word[i] < threshold ? 1.0f : 0.0f;
}

struct IntRange {
  int64_t low;
  uint64_t range;
};

void randint_one_word(void* out, const PhiloxState& random, int64_t first, const void* parameters) {
  const auto p = *static_cast<const IntRange*>(parameters);
  const FlatWords words(random, first);
  int64_t* o = static_cast<int64_t*>(out);
  for (int64_t i = 0; i < kDrawBatch * 4; ++i)
    o[i] = p.low + distributions::below_32(words.word[i], static_cast<uint32_t>(p.range));
}

void randint_two_words(void* out, const PhiloxState& random, int64_t first, const void* parameters) {
  const auto p = *static_cast<const IntRange*>(parameters);
  const FlatWords words(random, first);
  int64_t* o = static_cast<int64_t*>(out);
  for (int64_t i = 0; i < kDrawBatch * 2; ++i) {
    const uint64_t word = uint64_t{words.word[2 * i + 1]} << 32 | words.word[2 * i];
    o[i] = static_cast<int64_t>(static_cast<uint64_t>(p.low) + distributions::below_64(word, p.range));
  }
}

void uniform_kernel(Ctx& ctx, const Uniform::Args& args, Outputs<Uniform>& out) {
  const DType dtype = out[0].dtype();
  if (dtype == DType::f64) {
    const Affine<double> p{args.high - args.low, args.low, args.high};
    return run_draw(ctx, out[0], random_of(args), {&uniform_f64, &p, DType::f64, 2});
  }
  const Affine<float> p{static_cast<float>(args.high - args.low), static_cast<float>(args.low),
                        static_cast<float>(args.high)};
  const DrawLoop loop = dtype == DType::f32 ? &uniform_f32 : dtype == DType::f16 ? &uniform_half<11> : &uniform_half<8>;
  run_draw(ctx, out[0], random_of(args), {loop, &p, DType::f32, 4});
}

void normal_kernel(Ctx& ctx, const Normal::Args& args, Outputs<Normal>& out) {
  if (out[0].dtype() == DType::f64) {
    const Affine<double> p{args.std, args.mean, 0};
    return run_draw(ctx, out[0], random_of(args), {&normal_f64, &p, DType::f64, 2});
  }
  const Affine<float> p{static_cast<float>(args.std), static_cast<float>(args.mean), 0};
  run_draw(ctx, out[0], random_of(args), {&normal_f32, &p, DType::f32, 4});
}

void bernoulli_fill_kernel(Ctx& ctx, const BernoulliFill::Args& args, Outputs<BernoulliFill>& out) {
  // p = 1, whose threshold 2^32 is no 32-bit number.
  if (probability_threshold(args.p) >> 32) {
    copy_elements(out[0], wrap_number(1));
    return;
  }
  const uint32_t threshold = static_cast<uint32_t>(probability_threshold(args.p));
  run_draw(ctx, out[0], random_of(args), {&bernoulli_words, &threshold, DType::f32, 4});
}

void randint_kernel(Ctx& ctx, const RandInt::Args& args, Outputs<RandInt>& out) {
  // Unsigned: the distance of two int64_t may need 64 bits.
  const IntRange p{args.low, static_cast<uint64_t>(args.high) - static_cast<uint64_t>(args.low)};
  const bool one_word = p.range <= kOneWordRange;
  run_draw(ctx, out[0], random_of(args),
           {one_word ? &randint_one_word : &randint_two_words, &p, DType::i64, one_word ? 4 : 2});
}

// The position of the first probability outside [0, 1]; n where there is none.
int64_t first_invalid(const double* p, int64_t n) noexcept {
  for (int64_t i = 0; i < n; ++i)
    if (!(p[i] >= 0 && p[i] <= 1)) return i;
  return n;
}

void bernoulli_kernel(Ctx& ctx, const Bernoulli::Args& args, Outputs<Bernoulli>& out) {
  constexpr int64_t kValues = kDrawBatch * 4;
  const Tensor source = ctx.dense(args.p, MemoryFormat::contiguous, args.p.dtype());
  const DType dtype = source.dtype();
  const PhiloxState random = random_of(args);
  const LoadFn load = load_fn(dtype, DType::f64);
  const StoreFn store = store_fn(DType::f64, dtype);
  const char* from = static_cast<const char*>(source.raw_data());
  char* to = static_cast<char*>(out[0].raw_data());
  const int64_t numel = source.numel(), item = static_cast<int64_t>(item_size(dtype));
  parallel_for((numel + kValues - 1) / kValues, 64, [&](int64_t begin, int64_t end) {
    alignas(64) double p[kValues];
    for (int64_t batch = begin; batch < end; ++batch) {
      const int64_t at = batch * kValues, count = std::min(kValues, numel - at);
      load(p, from + at * item, 1, count);
      // Checked while the values are at hand: a pass of its own would read p once more.
      const int64_t bad = first_invalid(p, count);
      FARRO_CHECK(bad == count, ValueError, "bernoulli: probabilities must be in [0, 1], got ", p[bad], " at element ",
                  at + bad, " (p: ", args.p, ")");
      const FlatWords words(random, batch * kDrawBatch);
      for (int64_t i = 0; i < count; ++i) p[i] = static_cast<double>(words.word[i]) < p[i] * 0x1p32 ? 1.0 : 0.0;
      store(to + at * item, 1, p, count);
    }
  });
}

}  // namespace

void register_random_cpu();
void register_random_cpu() {
  register_kernel<Uniform>(DeviceType::cpu, &uniform_kernel);
  register_kernel<Normal>(DeviceType::cpu, &normal_kernel);
  register_kernel<BernoulliFill>(DeviceType::cpu, &bernoulli_fill_kernel);
  register_kernel<RandInt>(DeviceType::cpu, &randint_kernel);
  register_kernel<Bernoulli>(DeviceType::cpu, &bernoulli_kernel);
}

}  // namespace farro::FARRO_ISA
