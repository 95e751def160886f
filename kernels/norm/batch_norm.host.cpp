// SPDX-License-Identifier: Apache-2.0
// The CPU kernels of batch normalisation: layouts, per-channel coefficients in f64, and the calls of the loops.
#include <farro/core/dtype/visit.h>
#include <farro/core/op/op_table.h>
#include <farro/kernels/norm/batch_norm.op.h>
#include <farro/kernels/norm/batch_norm_loops.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace farro {

namespace {

// The memory of x and of everything shaped like it: channels-last where x is, or where there is only one position.
struct ChannelLayout {
  MemoryFormat layout = MemoryFormat::contiguous;
  ChannelCall call;

  explicit ChannelLayout(const Tensor& x) {
    const int64_t n = x.size(0), channels = x.size(1);
    const bool last = !x.is_contiguous() && x.is_contiguous(MemoryFormat::channels_last);
    if (last) layout = MemoryFormat::channels_last;
    const int64_t positions = x.numel() / (n * channels);
    // As [outer, channels, inner]: channels-last is [n * positions, channels, 1], row-major [n, channels, positions].
    call = {x.dtype() == DType::f64 ? DType::f64 : DType::f32, last ? n * positions : n, channels,
            last ? 1 : positions};
  }
  Tensor dense(Ctx& ctx, const Tensor& t) const { return ctx.dense(t, layout, call.dtype); }
  // Half precision is computed in f32.
  Tensor result(Ctx& ctx, const Tensor& out) const { return ctx.result(out, layout, call.dtype); }
};

using Values = std::vector<double>;

Values values_of(const Tensor& tensor, size_t channels, double absent) {
  return tensor.defined() ? tensor.to_vector<double>() : Values(channels, absent);
}
Tensor tensor_of(const Values& values, DType dtype) {
  Tensor out = empty({static_cast<int64_t>(values.size())}, {.dtype = dtype, .device = Device::cpu()});
  visit_f32_f64("batch_norm", dtype, [&]<class T>(TypeTag<T>) {
    T* data = out.data<T>();
    for (size_t i = 0; i < values.size(); ++i) data[i] = static_cast<T>(values[i]);
  });
  return out;
}

void normalize(Ctx& ctx, const ChannelLayout& layout, const Tensor& x, const Tensor& weight, const Tensor& bias,
               const Values& mean, const Values& var, double eps, const Tensor& y) {
  const size_t channels = mean.size();
  Values scale = values_of(weight, channels, 1);
  // y = (x - mean) * scale + shift, with scale = weight / sqrt(var + eps) and shift = bias (Ioffe and Szegedy 2015).
  for (size_t c = 0; c < channels; ++c) scale[c] /= std::sqrt(var[c] + eps);
  const DType dtype = layout.call.dtype;
  const Tensor middle = tensor_of(mean, dtype), scales = tensor_of(scale, dtype),
               shifts = tensor_of(values_of(bias, channels, 0), dtype);
  const Tensor result = layout.result(ctx, y);
  loops<BatchNormLoops>->normalize(layout.call, x.raw_data(), middle.raw_data(), scales.raw_data(), shifts.raw_data(),
                                   result.raw_data());
}

void batch_norm_cpu(Ctx& ctx, const BatchNorm::Args& args, Outputs<BatchNorm>& out) {
  if (args.x.numel() == 0) return;
  const ChannelLayout layout(args.x);
  const Tensor x = layout.dense(ctx, args.x);
  const size_t channels = static_cast<size_t>(layout.call.channels);
  // Deviations from some value of the channel: then the square of the mean does not swallow the variance.
  Values centre(channels), sums(2 * channels), var(channels);
  visit_f32_f64("batch_norm", layout.call.dtype, [&]<class T>(TypeTag<T>) {
    for (size_t c = 0; c < channels; ++c)
      centre[c] = static_cast<double>(x.data<T>()[static_cast<int64_t>(c) * layout.call.inner]);
  });
  Values partial(static_cast<size_t>(loops<BatchNormLoops>->parts(layout.call)) * 2 * channels), mean = centre;
  loops<BatchNormLoops>->moments(layout.call, x.raw_data(), centre.data(), partial.data(), sums.data());
  const double count = static_cast<double>(x.numel()) / static_cast<double>(channels);
  for (size_t c = 0; c < channels; ++c) {
    // With d = x - centre: off = mean(d), mean = centre + off, var = mean(d^2) - off^2. The subtraction is harmless as
    // long as the centre lies within a few deviations of the mean, which a value of the channel mostly does; rounding
    // may still take it below 0.
    const double off = sums[c] / count;
    mean[c] += off;
    var[c] = std::max(sums[channels + c] / count - off * off, 0.0);
  }
  copy_elements(out[1], tensor_of(mean, layout.call.dtype));
  copy_elements(out[2], tensor_of(var, layout.call.dtype));
  // What backward will see: the statistics as they are returned.
  normalize(ctx, layout, x, args.weight, args.bias, out[1].to_vector<double>(), out[2].to_vector<double>(), args.eps,
            out[0]);
}

void batch_norm_eval_cpu(Ctx& ctx, const BatchNormEval::Args& args, Outputs<BatchNormEval>& out) {
  if (args.x.numel() == 0) return;
  const ChannelLayout layout(args.x);
  normalize(ctx, layout, layout.dense(ctx, args.x), args.weight, args.bias, args.mean.to_vector<double>(),
            args.var.to_vector<double>(), args.eps, out[0]);
}

void batch_norm_backward_cpu(Ctx& ctx, const BatchNormBackward::Args& args, Outputs<BatchNormBackward>& out) {
  if (args.x.numel() == 0) {
    for (size_t i : {1, 2}) copy_elements(out[i], tensor_of({0}, DType::f32));
    return;
  }
  const ChannelLayout layout(args.x);
  const DType dtype = layout.call.dtype;
  const size_t channels = static_cast<size_t>(layout.call.channels);
  const double count = static_cast<double>(args.x.numel()) / static_cast<double>(channels);
  const Tensor x = layout.dense(ctx, args.x), grad = layout.dense(ctx, args.grad),
               mean = ctx.dense(args.mean, MemoryFormat::contiguous, dtype);
  Values partial(static_cast<size_t>(loops<BatchNormLoops>->parts(layout.call)) * 2 * channels), sums(2 * channels);
  loops<BatchNormLoops>->gradient_sums(layout.call, grad.raw_data(), x.raw_data(), mean.to_vector<double>().data(),
                                       partial.data(), sums.data());
  const Values var = args.var.to_vector<double>();
  Values scale = values_of(args.weight, channels, 1), slope(channels), shift(channels), grad_weight(channels);
  for (size_t c = 0; c < channels; ++c) {
    // With h = (x - mean) * r: grad_weight = sum(g h), grad_bias = sum(g), and
    //     grad_x = weight r (g - mean(g) - h mean(g h)) = g * scale - (x - mean) * slope - shift
    // where scale = weight r, shift = scale * mean(g), slope = scale * r * mean(g h). Under constant statistics grad_x
    // = g * scale alone.
    const double r = 1 / std::sqrt(var[c] + args.eps);
    grad_weight[c] = sums[channels + c] * r;
    scale[c] *= r;
    if (!args.batch_statistics) continue;
    shift[c] = scale[c] * sums[c] / count;
    slope[c] = scale[c] * r * grad_weight[c] / count;
  }
  copy_elements(out[1], tensor_of(grad_weight, dtype));
  copy_elements(out[2], tensor_of(Values(sums.begin(), sums.begin() + static_cast<int64_t>(channels)), dtype));
  // The sums are one pass over grad and x, grad_x is a second: the sums must be known first.
  if (!args.need_x) return;
  const Tensor scales = tensor_of(scale, dtype), slopes = tensor_of(slope, dtype), shifts = tensor_of(shift, dtype);
  const Tensor result = layout.result(ctx, out[0]);
  loops<BatchNormLoops>->gradient(layout.call, grad.raw_data(), x.raw_data(), mean.raw_data(), scales.raw_data(),
                                  slopes.raw_data(), shifts.raw_data(), result.raw_data());
}

}  // namespace

void register_batch_norm_host();
void register_batch_norm_host() {
  register_kernel<BatchNorm>(DeviceType::cpu, &batch_norm_cpu);
  register_kernel<BatchNormEval>(DeviceType::cpu, &batch_norm_eval_cpu);
  register_kernel<BatchNormBackward>(DeviceType::cpu, &batch_norm_backward_cpu);
}

}  // namespace farro
