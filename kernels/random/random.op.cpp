// SPDX-License-Identifier: Apache-2.0
// Random tensors: uniform, normal, Bernoulli, integers and permutations. A call reserves the counters that it needs
// from the generator when everything has been checked; the kernels draw from these alone.
#include <farro/kernels/random/random.op.h>

#include <farro/autograd/call/inplace.h>
#include <farro/core/tensor/number.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/random/random.h>
#include <farro/kernels/random/reserve_random.op.h>

#include <cmath>
#include <numeric>

namespace farro {

namespace {

void check_floating(const char* op, const Tensor& target) {
  FARRO_CHECK(is_floating(target.dtype()), DTypeError, op, ": tensor must have a floating dtype, got ", target);
}

Cost fill_cost(const Tensor& target, double flops) {
  return {flops * static_cast<double>(target.numel()), static_cast<double>(target.nbytes())};
}

// Whether every integer of [low, high) is a value of the dtype: floating ones skip some beyond their significand.
bool holds_all(DType dtype, int64_t low, int64_t high) {
  if (dtype == DType::boolean) return low >= 0 && high <= 2;
  if (!is_floating(dtype)) return holds(dtype, low) && holds(dtype, high - 1);
  const int bits = dtype == DType::f64 ? 53 : dtype == DType::f32 ? 24 : dtype == DType::f16 ? 11 : 8;
  // A floating type holds every integer up to 2 to the power of its significand's bits.
  return low >= -(int64_t{1} << bits) && high - 1 <= int64_t{1} << bits;
}

}  // namespace

TensorSpec Uniform::infer(const Args& args) {
  check_offset("uniform_", args.offset);
  check_floating("uniform_", args.target);
  const DType dtype = args.target.dtype();
  const double distance = args.high - args.low;
  FARRO_CHECK(args.low <= args.high && std::isfinite(distance) && holds(dtype, args.low) && holds(dtype, args.high) &&
                  holds(dtype, distance),
              ValueError, "uniform_: low and high must be in order, and they and their distance values of ",
              args.target.dtype(), ", got low ", args.low, " and high ", args.high);
  return TensorSpec(args.target.sizes(), args.target);
}
Grads Uniform::backward(const Back<Uniform>& b) { return {zeros_like(b.grad[0]), Tensor()}; }
Cost Uniform::cost(const Args& args) { return fill_cost(args.target, 2); }

TensorSpec Normal::infer(const Args& args) {
  check_offset("normal_", args.offset);
  check_floating("normal_", args.target);
  FARRO_CHECK(args.std >= 0, ValueError, "normal_: std must not be negative, got ", args.std);
  check_holds("normal_", "mean", args.mean, args.target.dtype());
  check_holds("normal_", "std", args.std, args.target.dtype());
  return TensorSpec(args.target.sizes(), args.target);
}
Grads Normal::backward(const Back<Normal>& b) { return {zeros_like(b.grad[0]), Tensor()}; }
Cost Normal::cost(const Args& args) { return fill_cost(args.target, 24); }

TensorSpec BernoulliFill::infer(const Args& args) {
  check_offset("bernoulli_", args.offset);
  FARRO_CHECK(args.p >= 0 && args.p <= 1, ValueError, "bernoulli_: p must be in [0, 1], got ", args.p);
  return TensorSpec(args.target.sizes(), args.target);
}
Grads BernoulliFill::backward(const Back<BernoulliFill>& b) { return {zeros_like(b.grad[0]), Tensor()}; }
Cost BernoulliFill::cost(const Args& args) { return fill_cost(args.target, 0); }

TensorSpec RandInt::infer(const Args& args) {
  check_offset("randint", args.offset);
  FARRO_CHECK(args.low < args.high, ValueError, "randint: low must be below high, got low ", args.low, " and high ",
              args.high);
  FARRO_CHECK(holds_all(args.target.dtype(), args.low, args.high), ValueError, "randint: the range must fit the dtype ",
              args.target.dtype(), ", got low ", args.low, " and high ", args.high);
  return TensorSpec(args.target.sizes(), args.target);
}
Cost RandInt::cost(const Args& args) { return fill_cost(args.target, 0); }

TensorSpec Bernoulli::infer(const Args& args) {
  check_offset("bernoulli", args.offset);
  check_floating("bernoulli", args.p);
  return TensorSpec(args.p.sizes(), args.p);
}
Grads Bernoulli::backward(const Back<Bernoulli>& b) { return {zeros_like(b.grad[0]), Tensor()}; }
Cost Bernoulli::cost(const Args& args) { return {0, 2 * static_cast<double>(args.p.nbytes())}; }

void register_random();
void register_random() { register_ops<Uniform, Normal, BernoulliFill, RandInt, Bernoulli>(); }

namespace {

// The blocks that a draw of `words` random words an element needs; none for a tensor without data.
DrawRange reserve(Generator* generator, const Tensor& target, int words) {
  if (target.is_meta()) return {};
  Generator& source = generator ? *generator : default_generator(target.device());
  // Four words are a block; what is left of the last one is not used by a later call.
  return reserve_range(source, target.device(), (target.numel() * words + 3) / 4);
}

// `args_of(range)` gives the call's arguments. Checks all that call_inplace() will before it reserves: a call that
// fails leaves the generator alone.
template <class Op, class ArgsOf>
Tensor& draw(Tensor& target, ArgsOf args_of, Generator* generator, int words,
             const char* name = detail::kInplaceName<Op>.data()) {
  {
    const DrawRange none;
    const typename Op::Args args = args_of(none);
    const bool records = detail::check_inputs<Op>(args, name).any() && kDifferentiable<Op> && grad_enabled();
    detail::check_inplace_target(name, target, Op::infer(args), records);
  }
  const DrawRange range = reserve(generator, target, words);
  return call_inplace<Op>(args_of(range), target, name);
}

// f64 takes two words an element: 53 bits.
int words_of(const Tensor& target) { return target.dtype() == DType::f64 ? 2 : 1; }

Tensor& fill_uniform(Tensor& target, double low, double high, Generator* generator) {
  return draw<Uniform>(
      target, [&](const DrawRange& r) { return Uniform::Args{target, low, high, r.random, r.offset}; }, generator,
      words_of(target));
}
Tensor& fill_normal(Tensor& target, double mean, double std, Generator* generator) {
  return draw<Normal>(
      target, [&](const DrawRange& r) { return Normal::Args{target, mean, std, r.random, r.offset}; }, generator,
      words_of(target));
}

Tensor& fill_bernoulli(Tensor& target, double p, Generator* generator) {
  return draw<BernoulliFill>(
      target, [&](const DrawRange& r) { return BernoulliFill::Args{target, p, r.random, r.offset}; }, generator, 1,
      "bernoulli_");
}

void check_draws_floating(const char* op, DType dtype) {
  FARRO_CHECK(is_floating(dtype), DTypeError, op, ": dtype must be floating, got ", dtype);
}

// Makes a tensor, fills it, and only then lets it require a gradient: the leaf never sees the fill.
template <class Fill>
Tensor make(const char* op, const Shape& sizes, TensorOptions options, bool floating, Fill&& fill) {
  checked_numel(op, sizes);
  if (floating) check_draws_floating(op, options.dtype.value_or(default_dtype()));
  const bool requires_grad = std::exchange(options.requires_grad, false);
  Tensor out = empty(sizes, options);
  fill(out);
  if (requires_grad) out.set_requires_grad();
  return out;
}

}  // namespace

Tensor rand(const Shape& sizes, const TensorOptions& options, Generator* generator) {
  return make("rand", sizes, options, /*floating=*/true, [&](Tensor& out) { fill_uniform(out, 0, 1, generator); });
}
Tensor rand_like(const Tensor& like, Generator* generator) {
  check_defined("rand_like", "like", like);
  check_draws_floating("rand_like", like.dtype());
  Tensor out = empty_like(like);
  return fill_uniform(out, 0, 1, generator);
}
Tensor randn(const Shape& sizes, const TensorOptions& options, Generator* generator) {
  return make("randn", sizes, options, /*floating=*/true, [&](Tensor& out) { fill_normal(out, 0, 1, generator); });
}
Tensor randn_like(const Tensor& like, Generator* generator) {
  check_defined("randn_like", "like", like);
  check_draws_floating("randn_like", like.dtype());
  Tensor out = empty_like(like);
  return fill_normal(out, 0, 1, generator);
}

Tensor randint(int64_t low, int64_t high, const Shape& sizes, const TensorOptions& options, Generator* generator) {
  TensorOptions typed = options;
  if (!typed.dtype) typed.dtype = DType::i64;
  const bool one_word = static_cast<uint64_t>(high) - static_cast<uint64_t>(low) <= kOneWordRange;
  return make("randint", sizes, typed, /*floating=*/false, [&](Tensor& out) {
    draw<RandInt>(
        out, [&](const DrawRange& r) { return RandInt::Args{out, low, high, r.random, r.offset}; }, generator,
        one_word ? 1 : 2);
  });
}

Tensor randperm(int64_t n, const TensorOptions& options, Generator* generator) {
  FARRO_CHECK(n >= 0, ValueError, "randperm: n must not be negative, got ", n);
  FARRO_CHECK(n == 0 || holds_all(options.dtype.value_or(DType::i64), 0, n), ValueError,
              "randperm: the numbers must fit the dtype ", options.dtype.value_or(DType::i64), ", got n ", n);
  Tensor order = empty({n}, {.dtype = DType::i64, .device = Device::cpu()});
  int64_t* data = order.data<int64_t>();
  std::iota(data, data + n, int64_t{0});
  // Fisher-Yates. Every swap has two words of its own; a rejected draw (of probability n / 2^64) continues in a stream
  // that nothing else uses.
  const Device device = options.device.value_or(default_device());
  Generator& source = generator ? *generator : default_generator(device);
  RandomSequence sequence(source.reserve(static_cast<uint64_t>((n * 2 + 3) / 4)));
  for (int64_t i = n - 1; i > 0; --i) std::swap(data[i], data[sequence.below(static_cast<uint64_t>(i) + 1)]);
  Tensor out = order.to(device, options.dtype.value_or(DType::i64));
  if (options.requires_grad) out.set_requires_grad();
  return out;
}

Tensor bernoulli(const Tensor& p, Generator* generator) {
  check_defined("bernoulli", "p", p);
  const DrawRange none;
  Bernoulli::infer({p, none.random, none.offset});
  const DrawRange range = reserve(generator, p, 1);
  return call<Bernoulli>({.p = p, .random = range.random, .offset = range.offset});
}

Tensor& uniform_(Tensor& target, double low, double high, Generator& generator) {
  check_defined("uniform_", "target", target);
  return fill_uniform(target, low, high, &generator);
}
Tensor& normal_(Tensor& target, double mean, double std, Generator& generator) {
  check_defined("normal_", "target", target);
  return fill_normal(target, mean, std, &generator);
}
Tensor& bernoulli_(Tensor& target, double p, Generator& generator) { return fill_bernoulli(target, p, &generator); }

Tensor& Tensor::uniform_(double low, double high) {
  check_defined("uniform_", "tensor", *this);
  return fill_uniform(*this, low, high, nullptr);
}
Tensor& Tensor::normal_(double mean, double std) {
  check_defined("normal_", "tensor", *this);
  return fill_normal(*this, mean, std, nullptr);
}
Tensor& Tensor::bernoulli_(double p) { return fill_bernoulli(*this, p, nullptr); }

}  // namespace farro
