// SPDX-License-Identifier: Apache-2.0
// How an op describes its tests. tests/ops/<family>/<name>.samples.cpp defines
//
//     void samples_<name>(SampleSink& sink);          // namespace farro::opcheck; found by CMake from the file's name
//
// and the suites in tests/opcheck run every sample on every device, dtype, layout and kernel variant, against the
// reference, with gradients, threads and errors. A complete example:
//
//     #include <farro/kernels/matmul/matmul.h>
//     #include <farro/tests/opcheck/sample.h>
//
//     namespace farro::opcheck {
//     namespace {
//     template <class T>
//     NdArray<T> matmul_reference(const Arrays<T>& in) {       // plain loops, for double and float
//       NdArray<T> out({in[0].size(0), in[1].size(1)});
//       for_each_index(out.sizes, [&](const Dims& at) {
//         for (int64_t k = 0; k < in[0].size(1); ++k) out.at(at) += in[0](at[0], k) * in[1](k, at[1]);
//       });
//       return out;
//     }
//     }  // namespace
//
//     void samples_matmul(SampleSink& sink);
//     void samples_matmul(SampleSink& sink) {
//       const Reference reference([](const auto& in) { return matmul_reference(in); });
//       sink.add("matmul", {.label = "3x4 by 4x5", .inputs = {in({3, 4}), in({4, 5})}, .run = matmul, .reference =
//       reference}); sink.add("matmul", {.label = "no inner size", .inputs = {in({3, 0}), in({0, 5})}, .run = matmul,
//                           .reference = reference, .zeros = true});
//       sink.error<ShapeError>("matmul", [] { matmul(zeros({2, 3}), zeros({4, 5})); }, "matmul: inner sizes must be
//       equal, got ...");
//     }
//     }  // namespace farro::opcheck
//
// An elementwise op is one line (see SampleSink::unary and binary): sink.unary("exp", exp, [](auto x) { return
// std::exp(x); });
#pragma once

#include <farro/core/tensor/tensor.h>
#include <farro/tests/opcheck/ndarray.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace farro::opcheck {

using Tensors = std::vector<Tensor>;

// Sets of dtypes that the floating inputs of a sample are made in.
using DTypeSet = unsigned;
constexpr DTypeSet dtype_set(std::initializer_list<DType> dtypes) {
  DTypeSet set = 0;
  for (DType dtype : dtypes) set |= 1u << static_cast<int>(dtype);
  return set;
}
inline constexpr DTypeSet kF32F64 = dtype_set({DType::f32, DType::f64});
inline constexpr DTypeSet kFloating = kF32F64 | dtype_set({DType::f16, DType::bf16});
inline constexpr DTypeSet kIntegers = dtype_set({DType::i64, DType::i32, DType::i16, DType::i8, DType::u8});
inline constexpr DTypeSet kNumbers = kFloating | kIntegers;
inline constexpr DTypeSet kAnyDType = kNumbers | dtype_set({DType::boolean});

// One tensor argument: its shape and what its values look like. The suites make it in any dtype, layout and device.
struct Input {
  Shape sizes = {};
  double low = -2, high = 2;        // uniform in [low, high); integer dtypes: the integers of that range
  std::optional<DType> dtype = {};  // set: not the dtype under test (indices, masks, running statistics)
  bool differentiable = true;       // counts for floating inputs only
  bool spread = false;              // all values differ by at least 0.05: no ties for max, sort
  bool special_values = false;      // NaN, infinities, both zeros and a subnormal among the values; no gradients then
  double gap_at = 0, gap = 0;       // values keep `gap` away from `gap_at`, a kink
  std::vector<double> given = {};   // the values themselves
  bool defined = true;

  Input range(double low_, double high_) const {
    return with([&](Input& i) { i.low = low_, i.high = high_; });
  }
  Input positive() const { return range(0.2, 2); }
  // Keeps away from points where the derivative jumps; further than the step of gradcheck.
  Input away_from(double point, double distance = 0.05) const {
    return with([&](Input& i) { i.gap_at = point, i.gap = distance; });
  }
  Input distinct() const {
    return with([](Input& i) { i.spread = true; });
  }
  Input special() const {
    return with([](Input& i) { i.special_values = true; });
  }
  Input no_grad() const {
    return with([](Input& i) { i.differentiable = false; });
  }
  Input as(DType fixed) const {
    return with([&](Input& i) { i.dtype = fixed; });
  }
  Input values(std::vector<double> list) const {
    return with([&](Input& i) { i.given = list; });
  }

 private:
  template <class Fn>
  Input with(Fn&& change) const {
    Input copy = *this;
    change(copy);
    return copy;
  }
};

// Values in [-2, 2) of the dtype under test.
inline Input in(const Shape& sizes) { return {.sizes = sizes}; }
// i64 values in [low, high).
inline Input index_in(const Shape& sizes, int64_t low, int64_t high) {
  return {.sizes = sizes, .low = double(low), .high = double(high), .dtype = DType::i64, .differentiable = false};
}
inline Input mask_in(const Shape& sizes) { return {.sizes = sizes, .dtype = DType::boolean, .differentiable = false}; }
// An optional input that is not given: an undefined tensor, and an empty array for the reference.
inline Input absent() { return {.differentiable = false, .defined = false}; }

namespace detail {
inline void append(Tensors& out, const Tensor& tensor) { out.push_back(tensor); }
template <class Range>
  requires requires(const Range& range) { range.begin(); }
void append(Tensors& out, const Range& range) {
  out.insert(out.end(), range.begin(), range.end());
}
template <class A, class B>
void append(Tensors& out, const std::pair<A, B>& pair) {
  append(out, pair.first);
  append(out, pair.second);
}
}  // namespace detail

// The call under test: any callable that takes as many Tensors as the sample has inputs (or one `const Tensors&`) and
// returns a Tensor, a pair or a range of them. The parameters must be spelled out (no `auto`): their number is looked
// at.
class Run {
 public:
  Run() = default;
  template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, Run>)
  Run(F f) : fn_([f](const Tensors& in) { return invoke(f, in, std::index_sequence<>{}); }) {}
  Tensors operator()(const Tensors& in) const { return fn_(in); }
  explicit operator bool() const { return static_cast<bool>(fn_); }

 private:
  template <class F, size_t... I>
  static Tensors invoke(const F& f, const Tensors& in, std::index_sequence<I...>) {
    Tensors out;
    if constexpr (std::is_invocable_v<F, decltype(in)>) {
      detail::append(out, f(in));
    } else if constexpr (sizeof...(I) > 0 && std::is_invocable_v<F, decltype((void(I), in[0]))...>) {
      FARRO_CHECK(in.size() == sizeof...(I), InternalError, "sample: as many inputs as parameters, got ", in.size());
      detail::append(out, f(in[I]...));
    } else {
      static_assert(sizeof...(I) < 8, "not callable with up to 8 tensors");
      return invoke(f, in, std::make_index_sequence<sizeof...(I) + 1>{});
    }
    return out;
  }
  std::function<Tensors(const Tensors&)> fn_;
};

// The naive formula: a generic callable from const Arrays<T>& to NdArray<T> or Arrays<T>, for T = double and float.
class Reference {
 public:
  Reference() = default;
  template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, Reference>)
  Reference(F f)
      : double_([f](const Arrays<double>& in) { return as_list<double>(f(in)); }),
        float_([f](const Arrays<float>& in) { return as_list<float>(f(in)); }) {}
  Arrays<double> operator()(const Arrays<double>& in) const { return double_(in); }
  Arrays<float> operator()(const Arrays<float>& in) const { return float_(in); }
  explicit operator bool() const { return static_cast<bool>(double_); }

 private:
  template <class T>
  static Arrays<T> as_list(NdArray<T> one) {
    return {std::move(one)};
  }
  template <class T>
  static Arrays<T> as_list(Arrays<T> list) {
    return list;
  }
  std::function<Arrays<double>(const Arrays<double>&)> double_;
  std::function<Arrays<float>(const Arrays<float>&)> float_;
};

// Elementwise with broadcasting, for 1 to 3 inputs: pointwise([](auto x, auto y) { return x * y; }).
template <class F>
Reference pointwise(F f) {
  return Reference([f]<class T>(const Arrays<T>& in) {
    Shape sizes = in[0].sizes;
    for (const auto& array : in) sizes = broadcast_shapes("pointwise", sizes, array.sizes);
    NdArray<T> out(sizes);
    for_each_index(sizes, [&](const Dims& at) {
      if constexpr (std::is_invocable_v<F, T>)
        out.at(at) = T(f(in[0].broadcast_at(at)));
      else if constexpr (std::is_invocable_v<F, T, T>)
        out.at(at) = T(f(in[0].broadcast_at(at), in[1].broadcast_at(at)));
      else
        out.at(at) = T(f(in[0].broadcast_at(at), in[1].broadcast_at(at), in[2].broadcast_at(at)));
    });
    return out;
  });
}

// How far gradients are checked. An op that declares no_backward needs `none` nowhere: the suites see it.
enum class Grad { none, first, second };

struct Sample {
  std::string label = {};
  std::vector<Input> inputs = {};
  Run run = {};
  Reference reference = {};  // absent: `check` must judge the outputs
  DTypeSet dtypes = kFloating;
  Grad grad = Grad::second;
  bool exact = false;               // every output bit is determined: moves and selections
  bool zeros = false;               // mostly zeros is the point; elsewhere more than 90 % zeros fail as mistrusted
  bool needs_values = false;        // the outputs' sizes depend on values: not run on meta tensors
  double cancelling = 0;            // size of terms or partial sums of which the gradients keep but the roundings
  std::optional<DType> gives = {};  // dtype of floating outputs where it is not that of the inputs
  // For what no formula can say (random values): throws where the outputs are wrong.
  std::function<void(const Tensors& in, const Tensors& out)> check = {};
};

// An argument error a user can cause: `run` must throw E with exactly this text.
struct ErrorSample {
  std::string kind;
  std::function<void()> run;
  std::string message;
};

// What samples are of: a registered op, or a public function made of ops (<name>.fn.cpp), which has no table of
// kernels, no variants and no cost of its own.
enum class SampleKind { op, function };

struct OpSamples {
  std::string op;
  SampleKind kind = SampleKind::op;
  std::vector<Sample> samples = {};
  std::vector<ErrorSample> errors = {};
};

// Options of the standard samples of elementwise ops.
struct PointwiseOptions {
  DTypeSet dtypes = kFloating;
  Input values = in({});  // range, kinks, ... of every input; the shape is ignored
  Grad grad = Grad::second;
  bool special = true;  // also NaN, infinities, zeros, a subnormal
  bool exact = false;
};

class SampleSink {
 public:
  // `op` is OpInfo::name; an op of several files may be added to from each.
  void add(const std::string& op, Sample sample);
  // Of a function made of ops, by its public name; errors of it follow with error(), after the first of these.
  void function(const std::string& name, Sample sample);

  template <class E, class F>
  void error(const std::string& op, F run, std::string message) {
    add_error(op, {E("").kind(), [run] { static_cast<void>(run()); }, std::move(message)});
  }

  // The standard shapes (0-dim, empty, size 1, odd lengths, rank 4, broadcast) of an elementwise op.
  template <class F>
  void unary(const std::string& op, Run run, F formula, const PointwiseOptions& options = {}) {
    add_unary(op, run, pointwise(formula), options);
  }
  template <class F>
  void binary(const std::string& op, Run run, F formula, const PointwiseOptions& options = {}) {
    add_binary(op, run, pointwise(formula), options);
  }

  const std::vector<OpSamples>& ops() const { return ops_; }

 private:
  OpSamples& of(const std::string& op);
  void add_error(const std::string& op, ErrorSample sample);
  void add_unary(const std::string& op, const Run& run, const Reference& reference, const PointwiseOptions& options);
  void add_binary(const std::string& op, const Run& run, const Reference& reference, const PointwiseOptions& options);

  std::vector<OpSamples> ops_;
};

// Every samples file, once.
const std::vector<OpSamples>& all_samples();

}  // namespace farro::opcheck
