// SPDX-License-Identifier: Apache-2.0
// For .cu files of elementwise ops: turns formulas (formula.h), or any function object, into kernels.
//
// Values are computed in float, double or int64_t, as on the CPU. Two kernels serve an op: a dense one for operands of
// one floating dtype that are walked in step (16 bytes at a time), and a strided one that converts each element.
#pragma once

#include <farro/core/device/backend.h>
#include <farro/core/op/op_table.h>
#include <farro/kernels/pointwise/device_math.h>
#include <farro/kernels/pointwise/formula.h>
#include <farro/kernels/pointwise/nest.h>
#include <farro/kernels/pointwise/pointwise_op.h>
#include <farro/kernels/simt/convert.h>
#include <farro/kernels/simt/launch.h>
#include <farro/kernels/simt/types.h>
#include <farro/kernels/simt/vec.h>

#include <array>
#include <tuple>
#include <type_traits>

namespace farro {

// Whole warps, and 8 blocks to an SM's 2,048 threads.
inline constexpr int kPointwiseThreads = 256;

namespace device {

template <class F, class C>
__device__ auto apply(const F& f, const C (&in)[1]) {
  return f(in[0]);
}
template <class F, class C>
__device__ auto apply(const F& f, const C (&in)[2]) {
  return f(in[0], in[1]);
}
template <class F, class C>
__device__ auto apply(const F& f, const C (&in)[3]) {
  return f(in[0], in[1], in[2]);
}

// An input without data is a number: a 0-dim tensor of the host, read at launch.
template <class C, int N>
// Passed by value, as kernel arguments: sizes and strides need no copy to the device.
struct StridedCall {
  struct Operand {
    void* data;
    int64_t strides[kMaxDims];
    DType dtype;
    C number;
  };
  Operand ops[N + 1];  // 0: the output
  int64_t sizes[kMaxDims];
  int64_t numel;
  int rank;

  template <class Visit>
  void for_each_pointer(Visit visit) const {
    for (const Operand& op : ops) visit(op.data);
  }
};

// Index is unsigned int where the element count allows: 64-bit division costs a GPU about a hundred instructions.
template <class Index, class C, int N>
__device__ void find_offsets(const StridedCall<C, N>& call, Index at, int64_t (&offsets)[N + 1]) {
  for (int k = 0; k <= N; ++k) offsets[k] = 0;
  for (int i = call.rank - 1; i >= 0; --i) {
    const Index size = static_cast<Index>(call.sizes[i]);
    const Index next = at / size;
    const int64_t index = static_cast<int64_t>(at - next * size);
    for (int k = 0; k <= N; ++k) offsets[k] += index * call.ops[k].strides[i];
    at = next;
  }
}

template <class C, int N, class F>
__global__ void pointwise_strided(StridedCall<C, N> call, F f) {
  const int64_t at = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (at >= call.numel) return;
  int64_t offsets[N + 1];
  if (call.numel <= 0x7fffffff)
    find_offsets(call, static_cast<unsigned>(at), offsets);
  else
    find_offsets(call, static_cast<uint64_t>(at), offsets);
  C in[N] = {};
  for (int k = 0; k < N; ++k) {
    const auto& op = call.ops[k + 1];
    in[k] = op.data ? load_as<C>(op.data, offsets[k + 1], op.dtype) : op.number;
  }
  store_as(call.ops[0].data, offsets[0], call.ops[0].dtype, apply(f, in));
}

template <class T, int N>
struct DenseCall {
  struct Input {
    const T* data;
    bool repeated;  // data holds a single element
    simt::acc_t<T> number;
  };
  T* out;
  Input in[N];
  int64_t numel;
  bool vectors;  // every array can be read 16 bytes at a time

  template <class Visit>
  void for_each_pointer(Visit visit) const {
    visit(out);
    for (const Input& input : in) visit(input.data);
  }
};

// One vector a thread; the threads behind them take what does not fill a vector.
template <class T, int N, class F>
__global__ void pointwise_dense(DenseCall<T, N> call, F f) {
  using C = simt::acc_t<T>;
  using Vec = simt::Vec<T>;
  const int64_t thread = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const int64_t whole = call.vectors ? call.numel / Vec::size : 0;
  C in[N] = {};
  for (int k = 0; k < N; ++k)
    if (!call.in[k].data || call.in[k].repeated)
      in[k] = call.in[k].data ? static_cast<C>(call.in[k].data[0]) : call.in[k].number;
  if (thread < whole) {
    Vec loaded[N] = {}, result;
    for (int k = 0; k < N; ++k)
      if (call.in[k].data && !call.in[k].repeated) loaded[k] = simt::load_vec(call.in[k].data + thread * Vec::size);
    for (int i = 0; i < Vec::size; ++i) {
      for (int k = 0; k < N; ++k)
        if (call.in[k].data && !call.in[k].repeated) in[k] = static_cast<C>(loaded[k].at[i]);
      result.at[i] = static_cast<T>(apply(f, in));
    }
    simt::store_vec(call.out + thread * Vec::size, result);
    return;
  }
  const int64_t at = whole * Vec::size + (thread - whole);
  if (at >= call.numel) return;
  for (int k = 0; k < N; ++k)
    if (call.in[k].data && !call.in[k].repeated) in[k] = static_cast<C>(call.in[k].data[at]);
  call.out[at] = static_cast<T>(apply(f, in));
}

// Whether all operands are of dtype T and walked in step, so that they may be treated as flat arrays.
template <int N>
bool is_dense(const PointwiseNest& nest, const Tensor& out, const std::array<const Tensor*, N>& inputs) {
  if (nest.rank != 1 || (nest.ops[0].strides[0] != 1 && nest.sizes[0] != 1)) return false;
  for (int k = 0; k < N; ++k) {
    const Tensor& input = *inputs[static_cast<size_t>(k)];
    if (input.is_cpu()) continue;
    const int64_t stride = nest.ops[k + 1].strides[0];
    if (input.dtype() != out.dtype() || (stride != 1 && stride != 0)) return false;
  }
  return true;
}

template <class T, int N, class F>
void run_dense(const char* name, const PointwiseNest& nest, const std::array<const Tensor*, N>& inputs,
               const Stream& stream, const F& functor) {
  using C = simt::acc_t<T>;
  DenseCall<T, N> call;
  call.out = reinterpret_cast<T*>(nest.ops[0].data);
  call.numel = nest.sizes[0];
  // A view may begin at any element: then all of the call goes element by element.
  call.vectors = simt::vectorizable(call.out, 0);
  for (int k = 0; k < N; ++k) {
    const PointwiseOperand& op = nest.ops[k + 1];
    const bool on_host = inputs[static_cast<size_t>(k)]->is_cpu();
    auto& in = call.in[k];
    in.data = on_host ? nullptr : reinterpret_cast<const T*>(op.data);
    in.repeated = op.strides[0] == 0;
    in.number = on_host ? load_as<C>(op.data, 0, op.dtype) : C(0);
    if (in.data && !in.repeated) call.vectors = call.vectors && simt::vectorizable(in.data, 0);
  }
  const int64_t whole = call.vectors ? call.numel / simt::Vec<T>::size : 0;
  const int64_t threads = whole + (call.numel - whole * simt::Vec<T>::size);
  simt::launch(pointwise_dense<T, N, F>, {name, simt::blocks_for(threads, kPointwiseThreads), kPointwiseThreads},
               stream, call, functor);
}

template <class C, int N, class F>
void run_strided(const char* name, const PointwiseNest& nest, const std::array<const Tensor*, N>& inputs,
                 const Stream& stream, const F& functor) {
  StridedCall<C, N> call;
  call.rank = nest.rank;
  call.numel = 1;
  for (int i = 0; i < nest.rank; ++i) {
    call.sizes[i] = nest.sizes[i];
    call.numel *= nest.sizes[i];
  }
  for (int k = 0; k <= N; ++k) {
    const PointwiseOperand& from = nest.ops[k];
    auto& to = call.ops[k];
    const bool on_host = k > 0 && inputs[static_cast<size_t>(k - 1)]->is_cpu();
    to.data = on_host ? nullptr : from.data;
    to.dtype = from.dtype;
    to.number = on_host ? load_as<C>(from.data, 0, from.dtype) : C(0);
    for (int i = 0; i < nest.rank; ++i) to.strides[i] = from.strides[i];
  }
  simt::launch(pointwise_strided<C, N, F>, {name, simt::blocks_for(call.numel, kPointwiseThreads), kPointwiseThreads},
               stream, call, functor);
}

}  // namespace device

// out[i] = functor(inputs[i]...) with the inputs broadcast to out's shape; computed in `compute` (f32, f64 or i64) and
// converted to out's dtype. Inputs of one element may live on the host. kFloatingOnly: the functor is not for integers.
// kDense: functor maps a dtype to itself, so the dense kernel applies.
template <bool kFloatingOnly, bool kDense, int N, class F>
void run_pointwise_cuda(Ctx& ctx, const Tensor& out, const std::array<const Tensor*, N>& inputs, DType compute,
                        const F& functor) {
  if (out.numel() == 0) return;
  const Stream stream = ctx.stream();
  const char* name = ctx.op();
  const PointwiseNest nest = make_pointwise_nest(out, inputs);
  if constexpr (kDense) {
    if (compute_type(out.dtype()) == compute && device::is_dense<N>(nest, out, inputs)) {
      switch (out.dtype()) {
        case DType::f64: return device::run_dense<double, N>(name, nest, inputs, stream, functor);
        case DType::f32: return device::run_dense<float, N>(name, nest, inputs, stream, functor);
        case DType::f16: return device::run_dense<half, N>(name, nest, inputs, stream, functor);
        case DType::bf16: return device::run_dense<bfloat16, N>(name, nest, inputs, stream, functor);
        default: break;
      }
    }
  }
  if (compute == DType::f32) return device::run_strided<float, N>(name, nest, inputs, stream, functor);
  if (compute == DType::f64) return device::run_strided<double, N>(name, nest, inputs, stream, functor);
  if constexpr (!kFloatingOnly) device::run_strided<int64_t, N>(name, nest, inputs, stream, functor);
}

namespace device {

template <class Op, class F>
void run_pointwise_op(Ctx& ctx, const typename Op::Args& args, Outputs<Op>& out, const F& functor) {
  constexpr bool kTests = Op::kKind == PointwiseKind::comparison || Op::kKind == PointwiseKind::logical;
  const auto inputs = Op::inputs(args);
  constexpr int kInputs = static_cast<int>(std::tuple_size_v<std::remove_const_t<decltype(inputs)>>);
  run_pointwise_cuda<Op::kKind == PointwiseKind::floating, !kTests, kInputs>(
      ctx, out[0], inputs, pointwise_compute(Op::kKind, inputs), functor);
}

template <class Op>
void formula_kernel(Ctx& ctx, const typename Op::Args& args, Outputs<Op>& out) {
  with_formula<Op, DeviceMath>(args, [&](const auto& functor) { run_pointwise_op<Op>(ctx, args, out, functor); });
}

}  // namespace device

template <class... Op>
void register_formulas_cuda(OpList<Op...>) {
  (register_kernel<Op>(DeviceType::cuda, &device::formula_kernel<Op>), ...);
}

}  // namespace farro
