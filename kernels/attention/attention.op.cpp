#include <farro/kernels/attention/attention.op.h>

#include <farro/autograd/call/call.h>
#include <farro/kernels/attention/attention.h>
#include <farro/kernels/matmul/matmul.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/pointwise/compare.h>
#include <farro/kernels/pointwise/factories.h>
#include <farro/kernels/pointwise/select.h>
#include <farro/kernels/random/dropout.h>
#include <farro/kernels/reduce/extremum.h>
#include <farro/kernels/softmax/softmax.h>
#include <farro/kernels/softmax/softmax.op.h>

#include <cmath>
#include <limits>

namespace farro {

namespace {

constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

DType statistics_dtype(const Tensor& q) { return q.dtype() == DType::f64 ? DType::f64 : DType::f32; }

// `products` of queries by keys; q, k and v count `inputs` times, out and lse `outputs` times.
Cost cost_of(const Tensor& q, const Tensor& k, const Tensor& v, double products, double inputs, double outputs) {
  const Shape& sizes = q.sizes();
  const double queries = double(sizes[0]) * double(sizes[1]) * double(sizes[2]), keys = static_cast<double>(k.sizes()[2]);
  const double out = queries * static_cast<double>(v.sizes()[3]) * static_cast<double>(item_size(q.dtype()));
  const double lse = queries * static_cast<double>(item_size(statistics_dtype(q)));
  return {products * queries * keys * (static_cast<double>(sizes[3]) + static_cast<double>(v.sizes()[3])),
          inputs * static_cast<double>(q.nbytes() + k.nbytes() + v.nbytes()) + outputs * (out + lse)};
}

// The probabilities, of public ops; rows that attend to nothing are 0.
Tensor probabilities(const Tensor& q, const Tensor& k, const Tensor& mask, bool causal, double scale) {
  Tensor scores = matmul(q, k.transpose(-2, -1)) * scale;
  if (mask.defined())
    scores = mask.dtype() == DType::boolean ? masked_fill(scores, logical_not(mask), kMinusInfinity) : scores + mask;
  if (causal) {
    const TensorOptions options{.dtype = DType::i64, .device = q.device()};
    const Tensor query = arange(q.sizes()[2], options).unsqueeze(1), key = arange(k.sizes()[2], options);
    scores = masked_fill(scores, gt(key, query), kMinusInfinity);
  }
  if (k.sizes()[2] == 0) return scores;  // no weights, so that the products with them are 0
  const Tensor nothing = amax(scores.detach(), {-1}, /*keepdim=*/true) == kMinusInfinity;
  return masked_fill(softmax(masked_fill(scores, nothing, 0), -1), nothing, 0);
}

// The gradients as public ops, for gradients of gradients and of a floating mask.
Grads composed_backward(const Tensor& g, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask, bool causal,
                        double scale, Need need) {
  const Tensor p = probabilities(q, k, mask, causal, scale);
  const Tensor into_scores = call<SoftmaxBackward>({matmul(g, v.transpose(-2, -1)), p, 3});
  Grads out(4);
  if (need[0]) out[0] = matmul(into_scores, k) * scale;
  if (need[1]) out[1] = matmul(into_scores.transpose(-2, -1), q) * scale;
  if (need[2]) out[2] = matmul(p.transpose(-2, -1), g);
  if (need[3]) out[3] = into_scores;
  return out;
}

}  // namespace

std::array<TensorSpec, 2> Attention::infer(const Args& args) {
  const Tensor &q = args.q, &k = args.k, &v = args.v, &mask = args.mask;
  FARRO_CHECK(q.dim() == 4 && k.dim() == 4 && v.dim() == 4, ShapeError, info.name,
              ": q, k and v must have 4 dimensions (or 3 without heads), got q: ", q, ", k: ", k, ", v: ", v);
  FARRO_CHECK(is_floating(q.dtype()) && k.dtype() == q.dtype() && v.dtype() == q.dtype(), DTypeError, info.name,
              ": q, k and v must have one floating dtype, got q: ", q, ", k: ", k, ", v: ", v);
  const Shape &sq = q.sizes(), &sk = k.sizes(), &sv = v.sizes();
  FARRO_CHECK(sk[0] == sq[0] && sk[1] == sq[1] && sk[3] == sq[3], ShapeError, info.name,
              ": k must have q's batch, heads and width, got q: ", q, ", k: ", k);
  FARRO_CHECK(sv[0] == sk[0] && sv[1] == sk[1] && sv[2] == sk[2], ShapeError, info.name,
              ": v must have k's batch, heads and length, got k: ", k, ", v: ", v);
  if (mask.defined()) {
    const Shape scores{sq[0], sq[1], sq[2], sk[2]};
    FARRO_CHECK(mask.dtype() == DType::boolean || mask.dtype() == q.dtype(), DTypeError, info.name,
                ": mask must be bool or of q's dtype ", q.dtype(), ", got ", mask.dtype(), " (mask: ", mask, ")");
    FARRO_CHECK(mask.dim() <= 4 && broadcast_shapes(info.name, mask.sizes(), scores) == scores, ShapeError, info.name,
                ": mask must broadcast to ", scores, ", got ", mask);
  }
  return {TensorSpec({sq[0], sq[1], sq[2], sv[3]}, q),
          TensorSpec({sq[0], sq[1], sq[2]}, statistics_dtype(q), q.device())};
}
Attention::Saved Attention::save(const Args& args, const Outputs<Attention>& out, Need) {
  return {SavedTensor(args.q),
          SavedTensor(args.k),
          SavedTensor(args.v),
          args.mask.defined() ? SavedTensor(args.mask) : SavedTensor(),
          SavedTensor::output(out[0], 0),
          SavedTensor::output(out[1], 1),
          args.causal,
          args.scale};
}
Grads Attention::backward(const Saved& saved, const Grads& grads, Need need) {
  const Tensor q = saved.q.get(), k = saved.k.get(), v = saved.v.get(), mask = saved.mask.get();
  if (grad_enabled()) return composed_backward(grads[0], q, k, v, mask, saved.causal, saved.scale, need);
  Grads wanted(4);
  if (need[3]) {  // the scores' gradient, which the kernel never stores
    Need mask_only;
    mask_only.set(3);
    wanted = composed_backward(grads[0], q, k, v, mask, saved.causal, saved.scale, mask_only);
    if (!need[0] && !need[1] && !need[2]) return wanted;
  }
  auto out = call<AttentionBackward>({grads[0], q, k, v, mask, saved.out.get(), saved.lse.get(), saved.causal, saved.scale});
  for (int i = 0; i < 3; ++i)
    if (need[i]) wanted[static_cast<size_t>(i)] = std::move(out[static_cast<size_t>(i)]);
  return wanted;
}
Cost Attention::cost(const Args& args) { return cost_of(args.q, args.k, args.v, 2, 1, 1); }

std::array<TensorSpec, 3> AttentionBackward::infer(const Args& args) {
  return {TensorSpec(args.q.sizes(), args.q), TensorSpec(args.k.sizes(), args.k), TensorSpec(args.v.sizes(), args.v)};
}
// Reads what the forward read and wrote, and the gradient of out; writes three gradients.
Cost AttentionBackward::cost(const Args& args) {
  Cost cost = cost_of(args.q, args.k, args.v, 5, 2, 1);
  cost.bytes += static_cast<double>(args.grad.nbytes());
  return cost;
}

void register_attention();
void register_attention() {
  register_op<Attention>();
  register_op<AttentionBackward>();
}

Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options) {
  if (q.dim() == 3 && k.dim() == 3 && v.dim() == 3) {
    AttentionOptions with_heads = options;
    if (options.mask.defined() && options.mask.dim() == 3) with_heads.mask = options.mask.unsqueeze(1);
    return scaled_dot_product_attention(q.unsqueeze(1), k.unsqueeze(1), v.unsqueeze(1), with_heads).squeeze(1);
  }
  const int64_t width = q.dim() ? q.sizes().back() : 1;
  const double scale = options.scale.value_or(1 / std::sqrt(static_cast<double>(width)));
  if (options.dropout_p == 0) return std::move(call<Attention>({q, k, v, options.mask, options.causal, scale})[0]);
  // The fused kernel never holds the weights that are dropped here.
  Attention::infer({q, k, v, options.mask, options.causal, scale});
  FARRO_CHECK(options.dropout_p > 0 && options.dropout_p <= 1, ValueError, Attention::info.name,
              ": dropout_p must be in [0, 1], got ", options.dropout_p);
  const Tensor weights = probabilities(q, k, options.mask, options.causal, scale);
  return matmul(dropout(weights, options.dropout_p, /*training=*/true, options.generator), v);
}

}  // namespace farro
