"""What tools/newop writes for operations with kernels of their own, for reductions, and for one more variant of an op.

Lines between `@backward{` and `@}` are written with --with-backward alone, those between `@composed{` and `@}` without it.
Lines leave room for names of 24 letters.
"""

# ---- an op with kernels of its own: y = scale * x

OP_PUBLIC_HEADER = """// @name@: y = scale * x.  // REPLACE: what it computes, and the source of the formula
#pragma once

#include <farro/core/tensor/tensor.h>

namespace farro {

// Any shape, floating (DTypeError).
Tensor @name@(const Tensor& x, double scale = 2);

}  // namespace farro
"""

OP_HEADER = """// The op structs of @name@.h, for its kernels.
#pragma once

#include <farro/core/op/op.h>

namespace farro {

struct @Name@ {
  // REPLACE: what mixed precision does with it: Autocast::half for products, Autocast::full for exponentials and norms.
  static constexpr OpInfo info{.name = "@name@"};
  struct Args {
    const Tensor& x;
    double scale;
    static constexpr std::array names{"x", "scale"};
  };
  // REPLACE: what the gradient needs; nothing here. A formula in x: static constexpr Keep kKeep =
  // Keep::inputs<Args>("x"), one in y: Keep::outputs(0).
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<@Name@>& b);
  static Cost cost(const Args& args);
};
@backward{

struct @Name@Backward {
  static constexpr OpInfo info{.name = "@name@_backward"};
  struct Args {
    const Tensor& grad;
    // REPLACE: what else the formula of the gradient has: inputs or outputs of the forward op.
    double scale;
    static constexpr std::array names{"grad", "scale"};
  };
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<@Name@Backward>& b);
  static Cost cost(const Args& args);
};

// The gradient of x from that of the result.
Tensor @name@_backward(const Tensor& grad, double scale);
@}

}  // namespace farro
"""

OP_SOURCE = """@composed{
// @name@ as an op: its gradient and the public function.
@}
@backward{
// @name@ and its gradient as ops, and the public function.
@}
#include <farro/kernels/@family@/@name@.op.h>

#include <farro/autograd/call/call.h>
#include <farro/kernels/@family@/@name@.h>
@composed{
#include <farro/kernels/pointwise/arithmetic.h>
@}

namespace farro {

// REPLACE: every error that a user can cause, and the output's sizes, dtype and device.
TensorSpec @Name@::infer(const Args& args) {
  FARRO_CHECK(is_floating(args.x.dtype()), DTypeError, info.name, ": x must be floating, got ", args.x.dtype(),
              " (x: ", args.x, ")");
  return {args.x.sizes(), args.x.dtype(), args.x.device()};
}
@composed{
// REPLACE: the gradient, made of public ops so that it can be differentiated again; kKeep says what it needs.
Grads @Name@::backward(const Back<@Name@>& b) { return {b.grad[0] * b.args.scale}; }
@}
@backward{
// REPLACE: its arguments; kKeep says what they need.
Grads @Name@::backward(const Back<@Name@>& b) {
  return {@name@_backward(b.grad[0], b.args.scale)};
}
@}
// REPLACE: floating-point operations, a transcendental function counts as one, and bytes read and written at least.
Cost @Name@::cost(const Args& args) {
  return {static_cast<double>(args.x.numel()), 2 * static_cast<double>(args.x.nbytes())};
}
@backward{

// REPLACE: sizes and dtype of the gradient of x. What can be wrong is the forward op's matter.
TensorSpec @Name@Backward::infer(const Args& args) {
  return {args.grad.sizes(), args.grad.dtype(), args.grad.device()};
}
// REPLACE: a gradient for each tensor of Args, undefined where b.need[i] is not set, made of public ops. Where there is
// none, write static constexpr const char* no_backward = "the reason"; in the struct instead.
Grads @Name@Backward::backward(const Back<@Name@Backward>& b) {
  return {@name@_backward(b.grad[0], b.args.scale)};
}
Cost @Name@Backward::cost(const Args& args) {
  return {static_cast<double>(args.grad.numel()), 2 * static_cast<double>(args.grad.nbytes())};
}
@}

void register_@name@();
@composed{
void register_@name@() { register_op<@Name@>(); }
@}
@backward{
void register_@name@() { register_ops<@Name@, @Name@Backward>(); }
@}

Tensor @name@(const Tensor& x, double scale) { return call<@Name@>({x, scale}); }
@backward{
Tensor @name@_backward(const Tensor& grad, double scale) { return call<@Name@Backward>({grad, scale}); }
@}

}  // namespace farro
"""

OP_HOST_SOURCE = """// The CPU kernels of @name@.
#include <farro/core/op/op_table.h>
#include <farro/kernels/@family@/@name@.op.h>
#include <farro/kernels/pointwise/host_driver.h>

namespace farro {

namespace {

// REPLACE: here in f32, or f64 for f64.
void scaled(Ctx& ctx, const Tensor& in, double scale, const Tensor& out) {
  const DType type = compute_type(in.dtype());
  const Tensor x = ctx.dense(in, MemoryFormat::contiguous, type);
  const Tensor y = ctx.result(out, MemoryFormat::contiguous, type);
  const auto run = [&]<class T>(T factor) {
    const T* from = data_of<T>(x);
    T* to = data_of<T>(y);
    for (int64_t i = 0; i < x.numel(); ++i) to[i] = factor * from[i];
  };
  if (type == DType::f64)
    run(scale);
  else
    run(static_cast<float>(scale));
}

void forward(Ctx& ctx, const @Name@::Args& args, Outputs<@Name@>& out) {
  scaled(ctx, args.x, args.scale, out[0]);
}
@backward{
void backward(Ctx& ctx, const @Name@Backward::Args& args, Outputs<@Name@Backward>& out) {
  scaled(ctx, args.grad, args.scale, out[0]);
}
@}

}  // namespace

void register_@name@_host();
@composed{
void register_@name@_host() { register_kernel<@Name@>(DeviceType::cpu, &forward); }
@}
@backward{
void register_@name@_host() {
  register_kernel<@Name@>(DeviceType::cpu, &forward);
  register_kernel<@Name@Backward>(DeviceType::cpu, &backward);
}
@}

}  // namespace farro
"""

OP_CUDA_SOURCE = """// The device kernels of @name@: a thread for each element.
#include <farro/core/dtype/visit.h>
#include <farro/core/op/op_table.h>
#include <farro/kernels/@family@/@name@.op.h>
#include <farro/kernels/simt/launch.h>
#include <farro/kernels/simt/types.h>

namespace farro {

namespace {

constexpr int kThreads = 256;

// REPLACE: half types are computed in f32.
template <class T>
__global__ void scale_elements(const T* x, T* y, int64_t count, double scale) {
  using C = simt::acc_t<T>;
  const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i < count) y[i] = static_cast<T>(static_cast<C>(scale) * static_cast<C>(x[i]));
}

void scaled(Ctx& ctx, const Tensor& in, double scale, const Tensor& out) {
  const Tensor x = ctx.dense(in, MemoryFormat::contiguous, in.dtype());
  const Tensor y = ctx.result(out, MemoryFormat::contiguous, in.dtype());
  const unsigned blocks = simt::blocks_for(x.numel(), kThreads);
  visit_floating(ctx.op(), x.dtype(), [&]<class T>(TypeTag<T>) {
    simt::launch(scale_elements<T>, {.name = ctx.op(), .grid = blocks, .block = kThreads}, ctx.stream(), data_of<T>(x),
                 data_of<T>(y), x.numel(), scale);
  });
}

void forward(Ctx& ctx, const @Name@::Args& args, Outputs<@Name@>& out) {
  scaled(ctx, args.x, args.scale, out[0]);
}
@backward{
void backward(Ctx& ctx, const @Name@Backward::Args& args, Outputs<@Name@Backward>& out) {
  scaled(ctx, args.grad, args.scale, out[0]);
}
@}

}  // namespace

void register_@name@_cuda();
@composed{
void register_@name@_cuda() { register_kernel<@Name@>(DeviceType::cuda, &forward); }
@}
@backward{
void register_@name@_cuda() {
  register_kernel<@Name@>(DeviceType::cuda, &forward);
  register_kernel<@Name@Backward>(DeviceType::cuda, &backward);
}
@}

}  // namespace farro
"""

OP_SAMPLES = """// Samples of kernels/@family@/@name@.h.
#include <farro/kernels/@family@/@name@.h>
@backward{
#include <farro/kernels/@family@/@name@.op.h>
@}
#include <farro/kernels/memory/factories.h>
#include <farro/tests/opcheck/sample.h>

namespace farro::opcheck {

void samples_@name@(SampleSink& sink);
void samples_@name@(SampleSink& sink) {
  // REPLACE: the shapes where the kernels take different ways, and the formula, here of one element.
  const Reference reference = pointwise([](auto x) { return 3 * x; });
  for (const Shape& sizes : {Shape{}, Shape{0}, Shape{3, 4}, Shape{2, 3, 5}, Shape{1000}}) {
    Sample sample{.label = str(sizes), .inputs = {in(sizes)}, .reference = reference};
    sample.zeros = sizes.size() == 1 && sizes[0] == 0;
    sample.run = [](const Tensor& x) { return @name@(x, 3); };
    sink.add("@name@", sample);
@backward{
    sample.run = [](const Tensor& grad) { return @name@_backward(grad, 3); };
    sink.add("@name@_backward", sample);
@}
  }
  sink.error<ValueError>(
      "@name@", [] { return @name@(Tensor()); },
      "@name@: x must be a defined tensor, got an undefined one");
  sink.error<DTypeError>(
      "@name@", [] { return @name@(zeros({2}, {.dtype = DType::i64})); },
      "@name@: x must be floating, got i64 (x: i64 [2] cpu)");
}

}  // namespace farro::opcheck
"""

# ---- a reduction over dimensions: the sum of squares

REDUCTION_PUBLIC_HEADER = """// @name@: the sum of squares over dimensions.
// REPLACE: what it computes, and the source of the formula
#pragma once

#include <farro/core/tensor/tensor.h>

namespace farro {

// Empty `dims` means all. Floating (DTypeError). Throws IndexError for a dimension out of range and ValueError for one
// given twice.
Tensor @name@(const Tensor& input, const Dims& dims = {}, bool keepdim = false);

}  // namespace farro
"""

REDUCTION_HEADER = """// The op structs of @name@.h, for its kernels.
#pragma once

#include <farro/kernels/reduce/reduce_op.h>

namespace farro {

struct @Name@ {
  static constexpr OpInfo info{.name = "@name@", .autocast = Autocast::full};
  using Args = ReduceArgs;
  // REPLACE: what the gradient needs. Nothing of the elements, as for a sum: Keep::sizes<Args>("input").
  static constexpr Keep kKeep = Keep::inputs<Args>("input");
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<@Name@>& b);
  // REPLACE: the 2, floating-point operations for each value of the input.
  static Cost cost(const Args& args) { return reduce_cost(args, 2, item_size(args.input.dtype())); }
};
@backward{

// `grad` has the reduced dimensions as size 1, so that it broadcasts against `input`.
struct @Name@Backward {
  static constexpr OpInfo info{.name = "@name@_backward", .autocast = Autocast::full};
  struct Args {
    const Tensor& grad;
    const Tensor& input;
    static constexpr std::array names{"grad", "input"};
  };
  // REPLACE: what a second derivative needs.
  static constexpr Keep kKeep = Keep::inputs<Args>("grad", "input");
  static Keep keep(const Args&, Need need) {
    return Keep::inputs<Args>("input").when(need[0]) | Keep::inputs<Args>("grad").when(need[1]);
  }
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<@Name@Backward>& b);
  static Cost cost(const Args& args);
};

// The gradient of `input` from that of the result.
Tensor @name@_backward(const Tensor& grad, const Tensor& input);
@}

}  // namespace farro
"""

REDUCTION_SOURCE = """@composed{
// @name@ as an op: its gradient and the public function.
@}
@backward{
// @name@ and its gradient as ops, and the public function.
@}
#include <farro/kernels/@family@/@name@.op.h>

#include <farro/autograd/call/call.h>
#include <farro/kernels/@family@/@name@.h>
#include <farro/kernels/pointwise/arithmetic.h>

namespace farro {

// REPLACE: the dtype of the result, here the input's.
TensorSpec @Name@::infer(const Args& args) {
  FARRO_CHECK(is_floating(args.input.dtype()), DTypeError, info.name, ": input must be floating, got ",
              args.input.dtype(), " (input: ", args.input, ")");
  return reduce_spec(info.name, args.input, args.dims, args.keepdim, args.input.dtype());
}
@composed{
// REPLACE: the gradient, made of public ops so that it can be differentiated again. keep() gives a result, or the
// gradient of one, the reduced dimensions as size 1, so that it broadcasts against the input.
@}
@backward{
// REPLACE: its arguments; kKeep says what they need. keep() gives a result, or the gradient of one, the reduced
// dimensions as size 1.
@}
Grads @Name@::backward(const Back<@Name@>& b) {
  const ReducedFrom from(info.name, b.args.input, b.args.dims);
@composed{
  return {from.keep(b.grad[0]) * b.args.input * 2};
@}
@backward{
  return {@name@_backward(from.keep(b.grad[0]), b.args.input)};
@}
}
@backward{

TensorSpec @Name@Backward::infer(const Args& args) {
  return {args.input.sizes(), args.input.dtype(), args.input.device()};
}
// REPLACE: a gradient for each tensor of Args, made of public ops. Gradients may have the broadcast shape.
Grads @Name@Backward::backward(const Back<@Name@Backward>& b) {
  return {b.need[0] ? b.grad[0] * b.args.input * 2 : Tensor(), b.need[1] ? b.grad[0] * b.args.grad * 2 : Tensor()};
}
Cost @Name@Backward::cost(const Args& args) {
  const auto bytes = static_cast<double>(args.grad.nbytes()) + 2 * static_cast<double>(args.input.nbytes());
  return {2 * static_cast<double>(args.input.numel()), bytes};
}
@}

void register_@name@();
@composed{
void register_@name@() { register_op<@Name@>(); }
@}
@backward{
void register_@name@() { register_ops<@Name@, @Name@Backward>(); }
@}

Tensor @name@(const Tensor& input, const Dims& dims, bool keepdim) {
  return call<@Name@>({.input = input, .dims = dims, .keepdim = keepdim});
}
@backward{
Tensor @name@_backward(const Tensor& grad, const Tensor& input) {
  return call<@Name@Backward>({grad, input});
}
@}

}  // namespace farro
"""

REDUCTION_CPU_SOURCE = """// @name@ on the CPU: a fold for the reduction driver.
#include <farro/kernels/@family@/@name@.op.h>
#include <farro/kernels/reduce/host_loops.h>

namespace farro::FARRO_ISA {

namespace {

// REPLACE: how values are combined (kernels/reduce/host_loops.h): partial results are doubles, whatever the input is.
struct Fold {
  template <class T>
  using Lane = double;
  template <class L>
  static constexpr L identity() {
    return 0;
  }
  template <class A>
  static A step(A a, A x) {
    return a + x;
  }
  template <class T>
  static double map(T x, double, const void*) {
    return static_cast<double>(x) * static_cast<double>(x);
  }
};
@backward{

// REPLACE: the gradient's formula, in f32, or f64 for f64.
template <class T>
void multiply(const Tensor& grad, const Tensor& input, const Tensor& out) {
  const T *g = data_of<T>(grad), *x = data_of<T>(input);
  T* to = data_of<T>(out);
  for (int64_t i = 0; i < input.numel(); ++i) to[i] = 2 * g[i] * x[i];
}

void backward(Ctx& ctx, const @Name@Backward::Args& args, Outputs<@Name@Backward>& out) {
  const DType type = compute_type(args.input.dtype());
  const Tensor grad = ctx.spread(args.grad, args.input.sizes(), type);
  const Tensor input = ctx.dense(args.input, MemoryFormat::contiguous, type);
  const Tensor result = ctx.result(out[0], MemoryFormat::contiguous, type);
  (type == DType::f64 ? &multiply<double> : &multiply<float>)(grad, input, result);
}
@}

}  // namespace

void register_@name@_cpu();
@composed{
void register_@name@_cpu() { register_reduce<@Name@, Fold>(); }
@}
@backward{
void register_@name@_cpu() {
  register_reduce<@Name@, Fold>();
  register_kernel<@Name@Backward>(DeviceType::cpu, &backward);
}
@}

}  // namespace farro::FARRO_ISA
"""

REDUCTION_CUDA_SOURCE = """// @name@ on the device: what the reduction driver folds with.
@backward{
#include <farro/core/dtype/visit.h>
@}
#include <farro/kernels/@family@/@name@.op.h>
#include <farro/kernels/reduce/device_loops.h>
@backward{
#include <farro/kernels/simt/types.h>
@}

namespace farro {

namespace {

// REPLACE: the same formula as on the CPU, in double (kernels/reduce/device_loops.h).
struct FoldFn {
  template <class A>
  __device__ static A identity() {
    return A(0);
  }
  template <class A>
  __device__ static A map(A x) {
    return x * x;
  }
  template <class A>
  __device__ static A step(A a, A x) {
    return a + x;
  }
  template <class A>
  __device__ static A finish(A a, int64_t) {
    return a;
  }
};
@backward{

constexpr int kThreads = 256;

// REPLACE: the gradient's formula; half types are computed in f32.
template <class T>
__global__ void multiply(const T* grad, const T* input, T* out, int64_t count) {
  using C = simt::acc_t<T>;
  const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i < count) out[i] = static_cast<T>(C(2) * static_cast<C>(grad[i]) * static_cast<C>(input[i]));
}

void backward(Ctx& ctx, const @Name@Backward::Args& args, Outputs<@Name@Backward>& out) {
  const DType type = args.input.dtype();
  const Tensor grad = ctx.spread(args.grad, args.input.sizes(), type);
  const Tensor input = ctx.dense(args.input, MemoryFormat::contiguous, type);
  const Tensor result = ctx.result(out[0], MemoryFormat::contiguous, type);
  const unsigned blocks = simt::blocks_for(input.numel(), kThreads);
  visit_floating(ctx.op(), type, [&]<class T>(TypeTag<T>) {
    simt::launch(multiply<T>, {.name = ctx.op(), .grid = blocks, .block = kThreads}, ctx.stream(), data_of<T>(grad),
                 data_of<T>(input), data_of<T>(result), input.numel());
  });
}
@}

}  // namespace

void register_@name@_cuda();
@composed{
void register_@name@_cuda() { register_reduce_cuda<@Name@, FoldFn>(); }
@}
@backward{
void register_@name@_cuda() {
  register_reduce_cuda<@Name@, FoldFn>();
  register_kernel<@Name@Backward>(DeviceType::cuda, &backward);
}
@}

}  // namespace farro
"""

REDUCTION_SAMPLES = """// Samples of kernels/@family@/@name@.h.
#include <farro/kernels/@family@/@name@.h>
@backward{
#include <farro/kernels/@family@/@name@.op.h>
@}
#include <farro/tests/ops/reduce/reduction.h>

namespace farro::opcheck {

void samples_@name@(SampleSink& sink);
void samples_@name@(SampleSink& sink) {
  // REPLACE: the formula of one result from its values; ReductionOptions choose dtypes and the range of the values.
  add_reductions(sink, "@name@", @name@, [](const auto& values) {
    using T = std::decay_t<decltype(values[0])>;
    T total = 0;
    for (const T value : values) total += value * value;
    return total;
  });
  sink.error<DTypeError>(
      "@name@", [] { return @name@(zeros({2}, {.dtype = DType::i64})); },
      "@name@: input must be floating, got i64 (input: i64 [2] cpu)");
@backward{
  // REPLACE: the gradient's formula.
  const Reference gradient = pointwise([](auto grad, auto x) { return 2 * grad * x; });
  for (const Shape& sizes : {Shape{}, Shape{5}, Shape{1, 4}, Shape{3, 1}}) {
    Shape input = sizes;
    if (sizes.size() == 2) input = {3, 4};
    sink.add("@name@_backward", {.label = str(sizes, " to ", input),
                                 .inputs = {in(sizes), in(input)},
                                 .run = @name@_backward,
                                 .reference = gradient});
  }
@}
}

}  // namespace farro::opcheck
"""

# ---- one more variant of an op that is there

VARIANT_SOURCE = """// The @variant@ variant of @op@@where@.
#include <farro/core/op/op_table.h>
#include <farro/kernels/@family@/@stem@.op.h>
@library@
namespace @namespace@ {

namespace {

constexpr VariantInfo kInfo{.name = "@variant@", .rank = @rank@@least@};

// REPLACE: the calls that it can run: cheap, and by the arguments alone.
bool supports([[maybe_unused]] const @Op@::Args& args) { return true; }

// REPLACE: until then it runs what would run without it.
void @variant@_kernel(Ctx& ctx, const @Op@::Args& args, Outputs<@Op@>& out) {
  bool behind = false;
  for (const auto& entry : OpTable<@Op@>::rows[static_cast<size_t>(DeviceType::@device@)]) {
    const Kernel<@Op@> kernel = entry.kernel.load();
    if (behind && kernel && entry.info.min_sm == 0 && (!entry.supports || entry.supports(args)))
      return kernel(ctx, args, out);
    behind = behind || kernel == &@variant@_kernel;
  }
  fail<NotImplementedError>(ctx.op(), ": the variant ", kInfo.name, " must have a kernel, got none");
}

}  // namespace

void register_@op@_@variant@_@tail@();
void register_@op@_@variant@_@tail@() {
  register_kernel<@Op@>(DeviceType::@device@, &@variant@_kernel, kInfo, &supports);
}

}  // namespace @namespace@
"""
