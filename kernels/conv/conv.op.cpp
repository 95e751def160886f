// SPDX-License-Identifier: Apache-2.0
// The convolution and its two gradients as ops. They are closed under differentiation: the derivative of each is made
// of the other two, so gradients of any order need no further kernels. Transposed convolution is ConvBackwardData under
// its own name.
#include <farro/kernels/conv/conv.op.h>

#include <farro/autograd/call/call.h>
#include <farro/core/tensor/number.h>
#include <farro/kernels/conv/conv.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/widen.h>

namespace farro {

namespace {

constexpr const char* kLayoutOf[] = {"", "[N, C, L]", "[N, C, H, W]", "[N, C, D, H, W]"};

void check_floating(const char* op, const char* argument, const Tensor& tensor) {
  FARRO_CHECK(is_floating(tensor.dtype()), DTypeError, op, ": ", argument, " must be floating, got ", tensor.dtype(),
              " (", argument, ": ", tensor, ")");
}
void check_same_dtype(const char* op, const char* argument, const Tensor& tensor, const char* other_name,
                      const Tensor& other) {
  FARRO_CHECK(tensor.dtype() == other.dtype(), DTypeError, op, ": ", argument, " must have the dtype of ", other_name,
              " (", other.dtype(), "), got ", tensor.dtype(), " (", argument, ": ", tensor, ")");
}
// Name of the convolution of a [N, C, spatial...] tensor.
const char* check_rank(const char* op, const char* argument, const Tensor& tensor) {
  FARRO_CHECK(tensor.dim() >= 3 && tensor.dim() <= 5, ShapeError, op, ": ", argument,
              " must have 3 to 5 dimensions, got ", tensor.dim(), " (", argument, ": ", tensor, ")");
  return conv_name(tensor.dim() - 2);
}

// See conv.h: on the CPU always channels-last, elsewhere as `input`.
TensorSpec activation_spec(const Shape& sizes, const Tensor& input) {
  TensorSpec spec(sizes, input);
  // The layout that the CPU kernels compute in; a change of layout costs a pass over the tensor in each layer.
  spec.channels_last =
      sizes.size() >= 4 &&
      (!input.is_cuda() || (!input.is_contiguous() && input.is_contiguous(MemoryFormat::channels_last)));
  return spec;
}

// All three ops multiply the same pairs and touch the same three tensors, one of which they write.
Cost conv_cost(const ConvShape& shape, DType dtype) {
  const double elements =
      static_cast<double>(shape.groups) *
      (static_cast<double>(shape.batch) *
           static_cast<double>(shape.in_channels * shape.in_pixels() + shape.out_channels * shape.out_pixels()) +
       static_cast<double>(shape.out_channels * shape.in_channels * shape.taps()));
  return {shape.flops(), elements * static_cast<double>(item_size(dtype))};
}

// Sizes of grad must be what the convolution would give.
void check_grad(const char* op, const Tensor& grad, const ConvShape& shape) {
  const Shape expected = shape.out_sizes();
  FARRO_CHECK(grad.sizes() == expected, ShapeError, op, ": grad must have the sizes of the convolution's result ",
              expected, ", got ", grad.sizes(), " (grad: ", grad, ")");
}

}  // namespace

ConvShape Conv::shape(const Args& args) {
  return check_conv(conv_name(args.x.dim() - 2), args.x.sizes(), args.weight.sizes(), args.params);
}
TensorSpec Conv::infer(const Args& args) {
  const char* op = conv_name(args.x.dim() - 2);
  check_floating(op, "x", args.x);
  check_same_dtype(op, "weight", args.weight, "x", args.x);
  const ConvShape s = shape(args);
  if (args.bias.defined()) {
    check_same_dtype(op, "bias", args.bias, "x", args.x);
    FARRO_CHECK(args.bias.sizes() == Shape{args.weight.size(0)}, ShapeError, op, ": bias must have sizes [",
                args.weight.size(0), "], got ", args.bias.sizes(), " (bias: ", args.bias, ")");
  }
  return activation_spec(s.out_sizes(), args.x);
}
Grads Conv::backward(const Back<Conv>& b) {
  const Tensor& grad = b.grad[0];
  Grads result(3);
  if (b.need[0])
    result[0] = call<ConvBackwardData>(
        {.grad = grad, .weight = b.args.weight, .x_sizes = b.args.x.sizes(), .params = b.args.params});
  // The bias too when it is wanted alone: its bits must not depend on what else is wanted.
  if (b.need[1] || b.need[2]) {
    auto [weight, bias] = call<ConvBackwardFilter>({.grad = grad,
                                                    .x = b.args.x,
                                                    .weight_sizes = b.args.weight.sizes(),
                                                    .bias = b.need[2],
                                                    .params = b.args.params});
    if (b.need[1]) result[1] = std::move(weight);
    if (b.need[2]) result[2] = std::move(bias);
  }
  return result;
}
Cost Conv::cost(const Args& args) {
  Cost cost = conv_cost(shape(args), args.x.dtype());
  if (args.bias.defined()) cost.bytes += static_cast<double>(args.bias.nbytes());
  return cost;
}

ConvShape ConvBackwardData::shape(const Args& args) {
  return check_conv(info.name, args.x_sizes, args.weight.sizes(), args.params);
}
TensorSpec ConvBackwardData::infer(const Args& args) {
  check_floating(info.name, "grad", args.grad);
  check_same_dtype(info.name, "weight", args.weight, "grad", args.grad);
  checked_numel(info.name, args.x_sizes);
  check_grad(info.name, args.grad, shape(args));
  return activation_spec(args.x_sizes, args.grad);
}
Grads ConvBackwardData::backward(const Back<ConvBackwardData>& b) {
  // backward_data(grad, w) is linear in both: in grad its transpose is the forward convolution, in w it is
  // backward_filter with the roles of x and the incoming gradient exchanged.
  const Tensor& x = b.grad[0];
  return {
      b.need[0] ? call<Conv>({.x = x, .weight = b.args.weight, .bias = Tensor(), .params = b.args.params}) : Tensor(),
      b.need[1] ? call<ConvBackwardFilter>({.grad = b.args.grad,
                                            .x = x,
                                            .weight_sizes = b.args.weight.sizes(),
                                            .bias = false,
                                            .params = b.args.params})[0]
                : Tensor()};
}
Cost ConvBackwardData::cost(const Args& args) { return conv_cost(shape(args), args.grad.dtype()); }

ConvShape ConvBackwardFilter::shape(const Args& args) {
  return check_conv(info.name, args.x.sizes(), args.weight_sizes, args.params);
}
std::array<TensorSpec, 2> ConvBackwardFilter::infer(const Args& args) {
  check_floating(info.name, "grad", args.grad);
  check_same_dtype(info.name, "x", args.x, "grad", args.grad);
  checked_numel(info.name, args.weight_sizes);
  check_grad(info.name, args.grad, shape(args));
  return {TensorSpec(args.weight_sizes, args.grad), TensorSpec({args.bias ? args.weight_sizes[0] : 0}, args.grad)};
}
// With W and b the gradients of the two results, <W, filter(grad, x)> + <b, sum(grad)> = <grad, conv(x, W, b)>.
Grads ConvBackwardFilter::backward(const Back<ConvBackwardFilter>& b) {
  const Tensor bias = b.args.bias ? b.grad[1] : Tensor();
  Tensor weight = b.grad[0];
  if (!weight.defined()) weight = zeros(b.args.weight_sizes, {.dtype = bias.dtype(), .device = bias.device()});
  return {b.need[0] ? call<Conv>({.x = b.args.x, .weight = weight, .bias = bias, .params = b.args.params}) : Tensor(),
          b.need[1] ? call<ConvBackwardData>(
                          {.grad = b.args.grad, .weight = weight, .x_sizes = b.args.x.sizes(), .params = b.args.params})
                    : Tensor()};
}
Cost ConvBackwardFilter::cost(const Args& args) {
  Cost cost = conv_cost(shape(args), args.grad.dtype());
  if (args.bias) cost.bytes += static_cast<double>(args.weight_sizes[0]) * double(item_size(args.grad.dtype()));
  return cost;
}

void register_conv();
void register_conv() { register_ops<Conv, ConvBackwardData, ConvBackwardFilter>(); }

namespace {

// Options with one entry per dimension. `kernel` is needed for same_padding.
ConvParams resolve(const char* op, int rank, const Shape& weight, const ConvOptions& options) {
  ConvParams params{.stride = expand_option(op, "stride", options.stride, rank, 1, 1),
                    .padding = expand_option(op, "padding", options.padding, rank, 0, 0),
                    .padding_end = {},
                    .dilation = expand_option(op, "dilation", options.dilation, rank, 1, 1),
                    .groups = options.groups};
  params.padding_end = params.padding;
  if (!options.same_padding) return params;
  FARRO_CHECK(options.padding.empty(), ValueError, op, ": padding must be empty with same_padding, got ",
              options.padding);
  for (int i = 0; i < rank; ++i) {
    FARRO_CHECK(params.stride[i] == 1, ValueError, op, ": stride must be 1 with same_padding, got ", params.stride);
    // The window spans dilation * (kernel - 1) + 1 elements; padding the input by one less than that in total keeps its
    // size. An odd total puts the extra element at the end, as PyTorch does.
    const Checked total = Checked(params.dilation[i]) * (Checked(weight[i + 2]) - 1);
    FARRO_CHECK(total.ok(), ValueError, op, ": dilation must keep the kernel's extent below 2^63, got ",
                params.dilation, " (weight: ", weight, ")");
    params.padding[i] = total.value() / 2;
    params.padding_end[i] = total.value() - total.value() / 2;
  }
  return params;
}

void check_ranks(const char* op, int rank, const Tensor& x, const Tensor& weight, const char* weight_layout) {
  check_defined(op, "x", x);
  check_defined(op, "weight", weight);
  FARRO_CHECK(x.dim() == rank + 2 || x.dim() == rank + 1, ShapeError, op, ": x must have ", rank + 2, " dimensions ",
              kLayoutOf[rank], " (or ", rank + 1, " without N), got ", x.dim(), " (x: ", x, ")");
  FARRO_CHECK(weight.dim() == rank + 2, ShapeError, op, ": weight must have ", rank + 2, " dimensions ", weight_layout,
              ", got ", weight.dim(), " (weight: ", weight, ")");
}

Tensor conv(int rank, const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvOptions& options) {
  constexpr const char* weights[] = {"", "[O, C / groups, K]", "[O, C / groups, KH, KW]",
                                     "[O, C / groups, KD, KH, KW]"};
  const char* op = conv_name(rank);
  check_ranks(op, rank, x, weight, weights[rank]);
  const ConvParams params = resolve(op, rank, weight.sizes(), options);
  // Without N: a batch of one, whose dimension is dropped again.
  if (x.dim() == rank + 1)
    return call<Conv>({.x = x.unsqueeze(0), .weight = weight, .bias = bias, .params = params}).squeeze(0);
  return call<Conv>({.x = x, .weight = weight, .bias = bias, .params = params});
}

void check_transpose_bias(const char* op, const Tensor& bias, int64_t channels, const Tensor& x) {
  check_same_dtype(op, "bias", bias, "x", x);
  FARRO_CHECK(bias.sizes() == Shape{channels}, ShapeError, op, ": bias must have sizes [", channels, "], got ",
              bias.sizes(), " (bias: ", bias, ")");
}

Tensor conv_transpose(int rank, const Tensor& x, const Tensor& weight, const Tensor& bias,
                      const ConvTransposeOptions& options) {
  constexpr const char* names[] = {"", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"};
  constexpr const char* weights[] = {"", "[C, O / groups, K]", "[C, O / groups, KH, KW]",
                                     "[C, O / groups, KD, KH, KW]"};
  const char* op = names[rank];
  check_ranks(op, rank, x, weight, weights[rank]);
  if (x.dim() == rank + 1) return conv_transpose(rank, x.unsqueeze(0), weight, bias, options).squeeze(0);
  ConvParams params = resolve(
      op, rank, weight.sizes(),
      {.stride = options.stride, .padding = options.padding, .dilation = options.dilation, .groups = options.groups});
  const Dims extra = expand_option(op, "output_padding", options.output_padding, rank, 0, 0);
  // What the convolution underneath would refuse, in the words of this one.
  check_floating(op, "x", x);
  check_same_dtype(op, "weight", weight, "x", x);
  FARRO_CHECK(params.groups >= 1, ValueError, op, ": groups must be at least 1, got ", params.groups);
  FARRO_CHECK(weight.size(0) % params.groups == 0, ShapeError, op,
              ": weight's input channels must be divisible by groups (", params.groups, "), got ", weight.size(0),
              " (weight: ", weight, ")");
  FARRO_CHECK(x.size(1) == weight.size(0), ShapeError, op, ": x must have weight's ", weight.size(0), " channels, got ",
              x.size(1), " (x: ", x, ", weight: ", weight, ")");
  const Checked all_channels = Checked(weight.size(1)) * params.groups;
  FARRO_CHECK(all_channels.ok(), ShapeError, op, ": output channels must be below 2^63, got ", weight.size(1),
              " x groups ", params.groups, " (weight: ", weight, ")");
  const int64_t channels = all_channels.value();
  Shape sizes{x.size(0), channels};
  for (int i = 0; i < rank; ++i) {
    FARRO_CHECK(weight.size(i + 2) >= 1, ShapeError, op, ": weight's kernel sizes must be at least 1, got ", weight);
    FARRO_CHECK(x.size(i + 2) >= 1, ShapeError, op, ": x must have at least one element in dimension ", i + 2, ", got ",
                x);
    FARRO_CHECK(extra[i] < std::max(params.stride[i], params.dilation[i]), ValueError, op,
                ": output_padding must be below stride or dilation, got ", extra);
    // (in - 1) * stride - pad - pad_end + dilation * (kernel - 1) + 1 + output_padding.
    const Checked size = WindowAxis{x.size(i + 2),     weight.size(i + 2),    params.stride[i],
                                    params.padding[i], params.padding_end[i], params.dilation[i]}
                             .transposed(extra[i]);
    FARRO_CHECK(size.ok(), ShapeError, op, ": result must have fewer than 2^63 elements in dimension ", i + 2,
                " (x: ", x, ", weight: ", weight, ", padding: ", params.padding, ", stride: ", params.stride,
                ", dilation: ", params.dilation, ")");
    FARRO_CHECK(size.value() >= 1, ShapeError, op, ": result must have at least one element in dimension ", i + 2,
                ", got ", size, " (x: ", x, ", weight: ", weight, ")");
    sizes.push_back(size.value());
    // Of the extra elements those that make up whole strides would be windows of the convolution: no x is theirs.
    params.padding_end[i] -= extra[i] / params.stride[i] * params.stride[i];
  }
  if (bias.defined()) check_transpose_bias(op, bias, channels, x);
  if (!bias.defined()) return call<ConvBackwardData>({.grad = x, .weight = weight, .x_sizes = sizes, .params = params});
  Shape per_channel = Dims::filled(rank + 2, 1);
  per_channel[1] = channels;
  // A half type is rounded once, with the bias.
  const Tensor out =
      call<ConvBackwardData>({.grad = widened(x), .weight = widened(weight), .x_sizes = sizes, .params = params});
  return (out + widened(bias).reshape(per_channel)).to(x.dtype());
}

}  // namespace

Tensor conv1d(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvOptions& options) {
  return conv(1, x, weight, bias, options);
}
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvOptions& options) {
  return conv(2, x, weight, bias, options);
}
Tensor conv3d(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvOptions& options) {
  return conv(3, x, weight, bias, options);
}

Tensor conv_transpose1d(const Tensor& x, const Tensor& weight, const Tensor& bias,
                        const ConvTransposeOptions& options) {
  return conv_transpose(1, x, weight, bias, options);
}
Tensor conv_transpose2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
                        const ConvTransposeOptions& options) {
  return conv_transpose(2, x, weight, bias, options);
}
Tensor conv_transpose3d(const Tensor& x, const Tensor& weight, const Tensor& bias,
                        const ConvTransposeOptions& options) {
  return conv_transpose(3, x, weight, bias, options);
}

Tensor conv_backward_data(const Tensor& grad, const Tensor& weight, const Shape& x_sizes, const ConvOptions& options) {
  check_defined("conv_backward_data", "grad", grad);
  check_defined("conv_backward_data", "weight", weight);
  constexpr const char* op = ConvBackwardData::info.name;
  check_rank(op, "grad", grad);
  FARRO_CHECK(weight.dim() == grad.dim() && x_sizes.size() == grad.dim(), ShapeError, op,
              ": weight and x_sizes must have as many dimensions as grad, got ", weight.dim(), " and ", x_sizes.size(),
              " (grad: ", grad, ")");
  return call<ConvBackwardData>({.grad = grad,
                                 .weight = weight,
                                 .x_sizes = x_sizes,
                                 .params = resolve(op, grad.dim() - 2, weight.sizes(), options)});
}

std::pair<Tensor, Tensor> conv_backward_filter(const Tensor& grad, const Tensor& x, const Shape& weight_sizes,
                                               bool with_bias, const ConvOptions& options) {
  check_defined("conv_backward_filter", "grad", grad);
  check_defined("conv_backward_filter", "x", x);
  constexpr const char* op = ConvBackwardFilter::info.name;
  check_rank(op, "grad", grad);
  FARRO_CHECK(x.dim() == grad.dim() && weight_sizes.size() == grad.dim(), ShapeError, op,
              ": x and weight_sizes must have as many dimensions as grad, got ", x.dim(), " and ", weight_sizes.size(),
              " (grad: ", grad, ")");
  auto [weight, bias] = call<ConvBackwardFilter>({.grad = grad,
                                                  .x = x,
                                                  .weight_sizes = weight_sizes,
                                                  .bias = with_bias,
                                                  .params = resolve(op, grad.dim() - 2, weight_sizes, options)});
  return {std::move(weight), std::move(bias)};
}

}  // namespace farro
