// The CPU variants of the convolution ops and their order of preference.
#include <farro/autograd/call/inplace.h>
#include <farro/kernels/conv/conv.op.h>
#include <farro/kernels/conv/conv_loops.h>
#include <farro/kernels/conv/conv_onednn.h>
#include <farro/kernels/conv/conv_parts.h>

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

// The fast variants see dense f32 memory, channels-last. [N, C, L] becomes [N, L, C]; half precision is converted,
// which costs little beside the products and accumulates in f32.
Tensor dense_nhwc(const Tensor& tensor) {
  const Tensor f32 = tensor.to(DType::f32);
  return f32.dim() == 3 ? f32.transpose(1, 2).contiguous() : f32.contiguous(MemoryFormat::channels_last);
}
const float* dense(const Tensor& tensor, Tensor& keep) {
  if (!tensor.defined()) return nullptr;
  keep = tensor.to(DType::f32).contiguous();
  return keep.data<float>();
}

// Where a fast variant writes: the tensor itself if it has that form, else scratch that is copied in the end.
class Target {
 public:
  Target(const Tensor& tensor, bool activation) : tensor_(tensor), dense_(tensor) {
    transposed_ = activation && tensor.dim() == 3;
    const bool fits = tensor.dtype() == DType::f32 && !transposed_ &&
                      tensor.is_contiguous(activation ? MemoryFormat::channels_last : MemoryFormat::contiguous);
    if (fits) return;
    const Shape& sizes = tensor.sizes();
    const Strides strides = transposed_  ? Strides{sizes[1] * sizes[2], 1, sizes[1]}
                            : activation ? channels_last_strides(sizes)
                                         : contiguous_strides(sizes);
    dense_ = empty_strided(sizes, strides, {.dtype = DType::f32, .device = tensor.device()});
  }
  float* data() const { return dense_.data<float>(); }
  void finish() const {
    if (!dense_.is_same(tensor_)) detail::copy_data(tensor_, dense_);
  }

 private:
  const Tensor& tensor_;
  Tensor dense_;
  bool transposed_;
};

// Empty tensors are left to the plain loops, and so is an x whose end no window reaches by a stride or more, which
// oneDNN takes for a mistake: the transpose of an output padding that is larger than the stride.
bool has_fast_form(DType dtype, const ConvShape& shape) {
  return windows_reach_end(shape) && dtype != DType::f64 &&
         shape.batch * shape.out_channels * shape.in_channels * shape.out_pixels() != 0;
}

void conv_library(const Conv::Args& args, Outputs<Conv>& out) {
  const no_grad guard;
  Tensor weight, bias;
  const Tensor x = dense_nhwc(args.x);
  const Target target(out[0], true);
  onednn_conv(Conv::shape(args), x.data<float>(), dense(args.weight, weight), dense(args.bias, bias), target.data());
  target.finish();
}

void backward_data_library(const ConvBackwardData::Args& args, Outputs<ConvBackwardData>& out) {
  const no_grad guard;
  Tensor weight;
  const Tensor grad = dense_nhwc(args.grad);
  const Target target(out[0], true);
  onednn_conv_backward_data(ConvBackwardData::shape(args), grad.data<float>(), dense(args.weight, weight),
                            target.data());
  target.finish();
}

void backward_filter_library(const ConvBackwardFilter::Args& args, Outputs<ConvBackwardFilter>& out) {
  const no_grad guard;
  const Tensor grad = dense_nhwc(args.grad), x = dense_nhwc(args.x);
  const Target weight(out[0], false), bias(out[1], false);
  onednn_conv_backward_filter(ConvBackwardFilter::shape(args), grad.data<float>(), x.data<float>(), weight.data(),
                              args.bias ? bias.data() : nullptr);
  weight.finish();
  bias.finish();
}

}  // namespace

void register_conv_kernels();
void register_conv_kernels() {
  register_kernel<Conv>(DeviceType::cpu, &conv_library, Variant::library,
                        [](const Conv::Args& args) { return has_fast_form(args.x.dtype(), Conv::shape(args)); });
  register_kernel<ConvBackwardData>(DeviceType::cpu, &backward_data_library, Variant::library,
                                    [](const ConvBackwardData::Args& args) {
                                      return has_fast_form(args.grad.dtype(), ConvBackwardData::shape(args));
                                    });
  register_kernel<ConvBackwardFilter>(DeviceType::cpu, &backward_filter_library, Variant::library,
                                      [](const ConvBackwardFilter::Args& args) {
                                        return has_fast_form(args.grad.dtype(), ConvBackwardFilter::shape(args));
                                      });
  register_kernel<Conv>(DeviceType::cpu, &conv_generic, Variant::generic);
  register_kernel<ConvBackwardData>(DeviceType::cpu, &backward_data_generic, Variant::generic);
  register_kernel<ConvBackwardFilter>(DeviceType::cpu, &backward_filter_generic, Variant::generic);
}

}  // namespace farro
