// SPDX-License-Identifier: Apache-2.0
// The CPU variants of the convolution ops and their order of preference.
#include <farro/core/op/op_table.h>
#include <farro/kernels/conv/conv.op.h>
#include <farro/kernels/conv/conv_bias.h>
#include <farro/kernels/conv/conv_loops.h>
#include <farro/kernels/conv/conv_onednn.h>
#include <farro/kernels/cpu/onednn.h>

namespace farro {

namespace {

void conv_generic(Ctx& ctx, const Conv::Args& args, Outputs<Conv>& out) {
  const Strides5 x(args.x), weight(args.weight), result(out[0]);
  // x, weight and the result are read and written in place by their strides; the bias alone is brought into order, as
  // it is read once per channel.
  const Tensor bias = ctx.dense(args.bias, MemoryFormat::contiguous, args.x.dtype());
  loops<ConvLoops>->generic_forward({Conv::shape(args), args.x.dtype(), x.at, weight.at, result.at}, args.x.raw_data(),
                                    args.weight.raw_data(), data_of<void>(bias), out[0].raw_data());
}

void backward_data_generic(Ctx&, const ConvBackwardData::Args& args, Outputs<ConvBackwardData>& out) {
  const Strides5 x(out[0]), weight(args.weight), grad(args.grad);
  loops<ConvLoops>->generic_backward_data({ConvBackwardData::shape(args), args.grad.dtype(), x.at, weight.at, grad.at},
                                          args.grad.raw_data(), args.weight.raw_data(), out[0].raw_data());
}

void backward_filter_generic(Ctx&, const ConvBackwardFilter::Args& args, Outputs<ConvBackwardFilter>& out) {
  const Strides5 x(args.x), weight(out[0]), grad(args.grad);
  loops<ConvLoops>->generic_backward_filter(
      {ConvBackwardFilter::shape(args), args.grad.dtype(), x.at, weight.at, grad.at}, args.grad.raw_data(),
      args.x.raw_data(), out[0].raw_data(), args.bias ? out[1].raw_data() : nullptr);
}

// What oneDNN runs. Not empty tensors, nor an x whose end no window reaches by a stride or more, which it takes for a
// mistake: the transpose of an output padding beyond the stride. And its generated code keeps sizes, and distances in
// bytes within a window, in 32 bits, and does not look: beyond that it reads elsewhere.
bool has_fast_form(DType dtype, const ConvShape& s) {
  constexpr int64_t kMaxTaps = 16384;  // it keeps one running f32 sum over them
  if (s.taps() > kMaxTaps) return false;
  if (dtype == DType::f64 || s.batch == 0 || s.out_channels == 0 || s.in_channels == 0 || s.out_pixels() == 0)
    return false;
  constexpr int64_t kUnrolled = 32;  // outputs along a row that one block of code computes, at most
  constexpr auto fits = [](Checked number) { return number.at_most(INT32_MAX); };
  if (!fits(s.batch)) return false;
  // Bytes from one position to the next along a dimension, channels-last.
  Checked in_step = Checked(s.groups) * s.in_channels * 4, out_step = Checked(s.groups) * s.out_channels * 4;
  // From the innermost dimension out: a step along d is the size of everything inside it.
  for (int d = 2; d >= 0; --d) {
    const int64_t rest = s.window(d).rest(s.out[d]);
    if (rest >= s.stride[d]) return false;
    if (s.in[d] > 1 || s.kernel[d] > 1 || s.out[d] > 1) {
      const Checked strides = Checked(s.stride[d]) * (d == 2 ? kUnrolled : 1);
      const Checked extent = s.window(d).extent();
      if (!fits(Checked(s.in[d]) + s.pad[d]) || !fits(s.out[d]) || !fits(out_step * (d == 2 ? kUnrolled : 1)) ||
          !fits(in_step * strides) || !fits(in_step * extent) || !fits(in_step * s.pad[d]) || !fits(in_step * -rest))
        return false;
    }
    in_step = in_step * s.in[d];
    out_step = out_step * s.out[d];
  }
  return true;
}

// oneDNN sees dense memory, channels-last. In f32, half precision is converted, which costs little beside the products
// and accumulates in f32; in bf16 (the processor's instructions) the products' sums are f32 as well.
template <DType kType>
void conv_onednn(Ctx& ctx, const Conv::Args& args, Outputs<Conv>& out) {
  const Tensor x = ctx.dense(args.x, MemoryFormat::channels_last, kType);
  const Tensor weight = ctx.dense(args.weight, MemoryFormat::contiguous, kType);
  const Tensor bias = ctx.dense(args.bias, MemoryFormat::contiguous, DType::f32);
  const Tensor y = ctx.result(out[0], MemoryFormat::channels_last, kType);
  onednn_conv(ctx, Conv::shape(args), kType, x.raw_data(), weight.raw_data(), data_of<float>(bias), y.raw_data());
}

template <DType kType>
void backward_data_onednn(Ctx& ctx, const ConvBackwardData::Args& args, Outputs<ConvBackwardData>& out) {
  const Tensor grad = ctx.dense(args.grad, MemoryFormat::channels_last, kType);
  const Tensor weight = ctx.dense(args.weight, MemoryFormat::contiguous, kType);
  const Tensor grad_x = ctx.result(out[0], MemoryFormat::channels_last, kType);
  onednn_conv_backward_data(ctx, ConvBackwardData::shape(args), kType, grad.raw_data(), weight.raw_data(),
                            grad_x.raw_data());
}

template <DType kType>
void backward_filter_onednn(Ctx& ctx, const ConvBackwardFilter::Args& args, Outputs<ConvBackwardFilter>& out) {
  const Tensor grad = ctx.dense(args.grad, MemoryFormat::channels_last, kType);
  const Tensor x = ctx.dense(args.x, MemoryFormat::channels_last, kType);
  const Tensor weight = ctx.result(out[0], MemoryFormat::contiguous, DType::f32);
  const ConvShape shape = ConvBackwardFilter::shape(args);
  onednn_conv_backward_filter(ctx, shape, kType, grad.raw_data(), x.raw_data(), data_of<float>(weight));
  if (!args.bias) return;
  const Tensor bias = ctx.result(out[1], MemoryFormat::contiguous, DType::f32);
  const Tensor terms = ctx.dense(grad, MemoryFormat::channels_last, DType::f32);
  conv_bias_gradient(ctx, data_of<float>(terms), shape.batch * shape.out_pixels(), shape.groups * shape.out_channels,
                     data_of<float>(bias));
}

bool has_bf16_form(DType dtype, const ConvShape& shape) { return dtype == DType::bf16 && has_fast_form(dtype, shape); }

}  // namespace

void register_conv_host();
void register_conv_host() {
  // The reference loops support everything, so they come last; bf16 comes first where the processor has the
  // instructions, since it moves half the bytes.
  constexpr VariantInfo onednn{.name = "onednn"}, generic{.name = "generic", .rank = 100};
  register_kernel<Conv>(DeviceType::cpu, &conv_onednn<DType::f32>, onednn,
                        [](const Conv::Args& args) { return has_fast_form(args.x.dtype(), Conv::shape(args)); });
  register_kernel<ConvBackwardData>(DeviceType::cpu, &backward_data_onednn<DType::f32>, onednn,
                                    [](const ConvBackwardData::Args& args) {
                                      return has_fast_form(args.grad.dtype(), ConvBackwardData::shape(args));
                                    });
  register_kernel<ConvBackwardFilter>(DeviceType::cpu, &backward_filter_onednn<DType::f32>, onednn,
                                      [](const ConvBackwardFilter::Args& args) {
                                        return has_fast_form(args.grad.dtype(), ConvBackwardFilter::shape(args));
                                      });
  register_kernel<Conv>(DeviceType::cpu, &conv_generic, generic);
  register_kernel<ConvBackwardData>(DeviceType::cpu, &backward_data_generic, generic);
  register_kernel<ConvBackwardFilter>(DeviceType::cpu, &backward_filter_generic, generic);
  if (!onednn_has_bf16()) return;
  constexpr VariantInfo bf16{.name = "onednn_bf16", .rank = -10};
  register_kernel<Conv>(DeviceType::cpu, &conv_onednn<DType::bf16>, bf16,
                        [](const Conv::Args& args) { return has_bf16_form(args.x.dtype(), Conv::shape(args)); });
  register_kernel<ConvBackwardData>(DeviceType::cpu, &backward_data_onednn<DType::bf16>, bf16,
                                    [](const ConvBackwardData::Args& args) {
                                      return has_bf16_form(args.grad.dtype(), ConvBackwardData::shape(args));
                                    });
  register_kernel<ConvBackwardFilter>(DeviceType::cpu, &backward_filter_onednn<DType::bf16>, bf16,
                                      [](const ConvBackwardFilter::Args& args) {
                                        return has_bf16_form(args.grad.dtype(), ConvBackwardFilter::shape(args));
                                      });
}

}  // namespace farro
