// The CPU variants of the convolution ops and their order of preference.
#include <farro/core/op/op_table.h>
#include <farro/kernels/conv/conv.op.h>
#include <farro/kernels/conv/conv_loops.h>
#include <farro/kernels/conv/conv_onednn.h>

namespace farro {

const ConvLoops* conv_loops = nullptr;

namespace {

void conv_generic(Ctx& ctx, const Conv::Args& args, Outputs<Conv>& out) {
  const Strides5 x(args.x), weight(args.weight), result(out[0]);
  const Tensor bias = ctx.dense(args.bias, Layout::contiguous, args.x.dtype());
  conv_loops->generic_forward({Conv::shape(args), args.x.dtype(), x.at, weight.at, result.at}, args.x.raw_data(),
                              args.weight.raw_data(), data_of<void>(bias), out[0].raw_data());
}

void backward_data_generic(Ctx&, const ConvBackwardData::Args& args, Outputs<ConvBackwardData>& out) {
  const Strides5 x(out[0]), weight(args.weight), grad(args.grad);
  conv_loops->generic_backward_data({ConvBackwardData::shape(args), args.grad.dtype(), x.at, weight.at, grad.at},
                                    args.grad.raw_data(), args.weight.raw_data(), out[0].raw_data());
}

void backward_filter_generic(Ctx&, const ConvBackwardFilter::Args& args, Outputs<ConvBackwardFilter>& out) {
  const Strides5 x(args.x), weight(out[0]), grad(args.grad);
  conv_loops->generic_backward_filter({ConvBackwardFilter::shape(args), args.grad.dtype(), x.at, weight.at, grad.at},
                                      args.grad.raw_data(), args.x.raw_data(), out[0].raw_data(),
                                      args.bias ? out[1].raw_data() : nullptr);
}

// Empty tensors are left to the plain loops, and so is an x whose end no window reaches by a stride or more, which
// oneDNN takes for a mistake: the transpose of an output padding that is larger than the stride.
bool has_fast_form(DType dtype, const ConvShape& shape) {
  for (int d = 0; d < 3; ++d) {
    const int64_t reach = (shape.out[d] - 1) * shape.stride[d] + (shape.kernel[d] - 1) * shape.dilation[d] + 1;
    if (shape.in[d] + shape.pad[d] - reach > shape.stride[d]) return false;
  }
  return dtype != DType::f64 && shape.batch * shape.out_channels * shape.in_channels * shape.out_pixels() != 0;
}

// oneDNN sees dense f32 memory, channels-last: half precision is converted, which costs little beside the products and
// accumulates in f32.
void conv_onednn(Ctx& ctx, const Conv::Args& args, Outputs<Conv>& out) {
  const Tensor x = ctx.dense(args.x, Layout::channels_last, DType::f32);
  const Tensor weight = ctx.dense(args.weight, Layout::contiguous, DType::f32);
  const Tensor bias = ctx.dense(args.bias, Layout::contiguous, DType::f32);
  const Tensor y = ctx.result(out[0], Layout::channels_last, DType::f32);
  onednn_conv(ctx, Conv::shape(args), data_of<float>(x), data_of<float>(weight), data_of<float>(bias), data_of<float>(y));
}

void backward_data_onednn(Ctx& ctx, const ConvBackwardData::Args& args, Outputs<ConvBackwardData>& out) {
  const Tensor grad = ctx.dense(args.grad, Layout::channels_last, DType::f32);
  const Tensor weight = ctx.dense(args.weight, Layout::contiguous, DType::f32);
  const Tensor grad_x = ctx.result(out[0], Layout::channels_last, DType::f32);
  onednn_conv_backward_data(ctx, ConvBackwardData::shape(args), data_of<float>(grad), data_of<float>(weight),
                            data_of<float>(grad_x));
}

void backward_filter_onednn(Ctx& ctx, const ConvBackwardFilter::Args& args, Outputs<ConvBackwardFilter>& out) {
  const Tensor grad = ctx.dense(args.grad, Layout::channels_last, DType::f32);
  const Tensor x = ctx.dense(args.x, Layout::channels_last, DType::f32);
  const Tensor weight = ctx.result(out[0], Layout::contiguous, DType::f32);
  const Tensor bias = ctx.result(out[1], Layout::contiguous, DType::f32);
  onednn_conv_backward_filter(ctx, ConvBackwardFilter::shape(args), data_of<float>(grad), data_of<float>(x),
                              data_of<float>(weight), args.bias ? data_of<float>(bias) : nullptr);
}

}  // namespace

void register_conv_host();
void register_conv_host() {
  constexpr VariantInfo onednn{.name = "onednn"}, generic{.name = "generic", .rank = 100};
  register_kernel<Conv>(DeviceType::cpu, &conv_onednn, onednn,
                        [](const Conv::Args& args) { return has_fast_form(args.x.dtype(), Conv::shape(args)); });
  register_kernel<ConvBackwardData>(
      DeviceType::cpu, &backward_data_onednn, onednn,
      [](const ConvBackwardData::Args& args) { return has_fast_form(args.grad.dtype(), ConvBackwardData::shape(args)); });
  register_kernel<ConvBackwardFilter>(
      DeviceType::cpu, &backward_filter_onednn, onednn,
      [](const ConvBackwardFilter::Args& args) { return has_fast_form(args.grad.dtype(), ConvBackwardFilter::shape(args)); });
  register_kernel<Conv>(DeviceType::cpu, &conv_generic, generic);
  register_kernel<ConvBackwardData>(DeviceType::cpu, &backward_data_generic, generic);
  register_kernel<ConvBackwardFilter>(DeviceType::cpu, &backward_filter_generic, generic);
}

}  // namespace farro
