// The CPU variants of the convolution ops and their order of preference.
#include <farro/kernels/conv/conv.op.h>
#include <farro/kernels/conv/conv_loops.h>

namespace farro {

const ConvLoops* conv_loops = nullptr;

namespace {

void conv_generic(const Conv::Args& args, Outputs<Conv>& out) {
  const Strides5 x(args.x), weight(args.weight), result(out[0]);
  const Tensor bias = args.bias.defined() ? args.bias.contiguous() : Tensor();
  conv_loops->generic_forward({Conv::shape(args), args.x.dtype(), x.at, weight.at, result.at}, args.x.raw_data(),
                              args.weight.raw_data(), bias.defined() ? bias.raw_data() : nullptr, out[0].raw_data());
}

void backward_data_generic(const ConvBackwardData::Args& args, Outputs<ConvBackwardData>& out) {
  const Strides5 x(out[0]), weight(args.weight), grad(args.grad);
  conv_loops->generic_backward_data({ConvBackwardData::shape(args), args.grad.dtype(), x.at, weight.at, grad.at},
                                    args.grad.raw_data(), args.weight.raw_data(), out[0].raw_data());
}

void backward_filter_generic(const ConvBackwardFilter::Args& args, Outputs<ConvBackwardFilter>& out) {
  const Strides5 x(args.x), weight(out[0]), grad(args.grad);
  conv_loops->generic_backward_filter({ConvBackwardFilter::shape(args), args.grad.dtype(), x.at, weight.at, grad.at},
                                      args.grad.raw_data(), args.x.raw_data(), out[0].raw_data(),
                                      args.bias ? out[1].raw_data() : nullptr);
}

}  // namespace

void register_conv_kernels();
void register_conv_kernels() {
  register_kernel<Conv>(DeviceType::cpu, &conv_generic, Variant::generic);
  register_kernel<ConvBackwardData>(DeviceType::cpu, &backward_data_generic, Variant::generic);
  register_kernel<ConvBackwardFilter>(DeviceType::cpu, &backward_filter_generic, Variant::generic);
}

}  // namespace farro
