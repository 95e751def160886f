// SPDX-License-Identifier: Apache-2.0
// The ops of scaled_dot_product_attention. Forward and backward are fused kernels that never store the scores; the
// second derivative, the gradient of a floating mask and dropout on the weights need the scores as a tensor and go
// through a composition of public ops (Composed).
#include <farro/kernels/attention/attention.op.h>

#include <farro/autograd/call/call.h>
#include <farro/core/tensor/number.h>
#include <farro/kernels/attention/attention.h>
#include <farro/kernels/matmul/matmul.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/arithmetic.h>
#include <farro/kernels/pointwise/choose.h>
#include <farro/kernels/pointwise/compare.h>
#include <farro/kernels/pointwise/widen.h>
#include <farro/kernels/random/dropout.h>
#include <farro/kernels/reduce/extremum.h>
#include <farro/kernels/reduce/sum.h>
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
  // In doubles: products of sizes may exceed 63 bits where no such tensor is ever made (meta).
  const double queries = double(sizes[0]) * double(sizes[1]) * double(sizes[2]),
               keys = static_cast<double>(k.sizes()[2]);
  const double out = queries * static_cast<double>(v.sizes()[3]) * static_cast<double>(item_size(q.dtype()));
  const double lse = queries * static_cast<double>(item_size(statistics_dtype(q)));
  return {products * queries * keys * (static_cast<double>(sizes[3]) + static_cast<double>(v.sizes()[3])),
          inputs * static_cast<double>(q.nbytes() + k.nbytes() + v.nbytes()) + outputs * (out + lse)};
}

// Attention of public ops. Pairs of query and key that the mask hides are left out, not weighted by 0: where all
// operands are finite that makes no difference to a product, elsewhere all pairs are formed one by one.
class Composed {
 public:
  Composed(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask, bool causal, double scale)
      : q_(widened(q)), k_(widened(k)), v_(widened(v)), scale_(scale) {
    if (mask.defined() && mask.dtype() != DType::boolean) bias_ = widened(mask);
    if (mask.defined()) hidden_ = bias_.defined() ? bias_.detach() == kMinusInfinity : logical_not(mask);
    if (!causal) return;
    const TensorOptions options{.dtype = DType::i64, .device = q.device()};
    const Tensor query = arange(q.sizes()[2], options).unsqueeze(1), key = arange(k.sizes()[2], options);
    const Tensor later = gt(key, query);
    hidden_ = hidden_.defined() ? logical_or(hidden_, later) : later;
  }

  // softmax of the scores; 0 for hidden pairs, and throughout for a query that sees nothing.
  Tensor probabilities() const {
    Tensor scores = dots(q_, k_) * scale_;
    if (bias_.defined()) scores = scores + bias_;
    if (hidden_.defined()) scores = masked_fill(scores, hidden_, kMinusInfinity);
    if (k_.sizes()[2] == 0) return scores;  // no weights, so that the products with them are 0
    // A row of -infinity alone would be NaN in softmax; it is replaced before and set to 0 after.
    const Tensor nothing = amax(scores.detach(), {-1}, /*keepdim=*/true) == kMinusInfinity;
    return seen(masked_fill(softmax(masked_fill(scores, nothing, 0), -1), nothing, 0));
  }
  Tensor result(const Tensor& weights) const { return weighted(weights, v_); }

  // The gradients of q, k, v and a floating mask.
  Grads gradients(const Tensor& grad, Need need) const {
    const Tensor p = probabilities(), g = widened(grad);
    const Tensor into_scores = seen(call<SoftmaxBackward>({.grad = seen(dots(g, v_)), .output = p, .dim = 3}));
    Grads out(4);
    // With P = softmax(S), S = scale * q k^T + bias and O = P v: dP = g v^T, dS = P * (dP - rowsum(P * dP)) (the
    // softmax's backward), dq = scale * dS k, dk = scale * dS^T q, dv = P^T g, dbias = dS.
    if (need[0]) out[0] = weighted(into_scores, k_) * scale_;
    if (need[1]) out[1] = weighted(into_scores, q_, /*by_key=*/true) * scale_;
    if (need[2]) out[2] = weighted(p, g, /*by_key=*/true);
    if (need[3]) out[3] = into_scores;
    return out;
  }

 private:
  Tensor seen(const Tensor& t) const { return hidden_.defined() ? masked_fill(t, hidden_, 0) : t; }
  // Reads the values, so it waits for a device; it is asked only where a mask could hide something.
  bool plain(const Tensor& t) const {
    return !hidden_.defined() || t.is_meta() || isfinite(t.detach()).all().item<bool>();
  }
  // t [B, H, n, W] once for each of the queries (or keys), 0 where hidden: [B, H, L, S, W] (or [B, H, S, L, W]).
  Tensor pairs(const Tensor& t, bool by_key) const {
    Tensor hidden = hidden_.expand({q_.sizes()[0], q_.sizes()[1], q_.sizes()[2], k_.sizes()[2]});
    if (by_key) hidden = hidden.transpose(-2, -1);
    return masked_fill(t.unsqueeze(2), hidden.unsqueeze(-1), 0);
  }
  // The products of all queries' rows with all keys' rows, [B, H, L, S].
  Tensor dots(const Tensor& of_query, const Tensor& of_key) const {
    if (plain(of_query) && plain(of_key)) return matmul(of_query, of_key.transpose(-2, -1));
    return sum(of_query.unsqueeze(3) * pairs(of_key, false), {-1});
  }
  // Sums of rows over the keys, or by_key over the queries, with weights [B, H, L, S].
  Tensor weighted(const Tensor& weights, const Tensor& rows, bool by_key = false) const {
    const Tensor w = by_key ? weights.transpose(-2, -1) : weights;
    if (plain(rows)) return matmul(w, rows);
    return sum(w.unsqueeze(-1) * pairs(rows, by_key), {3});
  }

  Tensor q_, k_, v_, bias_, hidden_;
  double scale_;
};

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

Grads Attention::backward(const Back<Attention>& b) {
  const Tensor q = b.args.q, k = b.args.k, v = b.args.v, mask = b.args.mask;
  // Grad mode is on here only for a double backward: AttentionBackward has no gradient of its own.
  if (grad_enabled()) return Composed(q, k, v, mask, b.args.causal, b.args.scale).gradients(b.grad[0], b.need);
  Grads wanted(4);
  if (b.need[3]) {  // the scores' gradient, which the kernel never stores
    Need mask_only;
    mask_only.set(3);
    wanted = Composed(q, k, v, mask, b.args.causal, b.args.scale).gradients(b.grad[0], mask_only);
    if (!b.need[0] && !b.need[1] && !b.need[2]) return wanted;
  }
  auto out = call<AttentionBackward>({.grad = b.grad[0],
                                      .q = q,
                                      .k = k,
                                      .v = v,
                                      .mask = mask,
                                      .out = b.out[0],
                                      .lse = b.out[1],
                                      .causal = b.args.causal,
                                      .scale = b.args.scale});
  for (int i = 0; i < 3; ++i)
    if (b.need[i]) wanted[static_cast<size_t>(i)] = std::move(out[static_cast<size_t>(i)]);
  return wanted;
}
// Two products, q k^T and P v, of 2 operations per pair of query and key and element of a row.
Cost Attention::cost(const Args& args) { return cost_of(args.q, args.k, args.v, 2, 1, 1); }

std::array<TensorSpec, 3> AttentionBackward::infer(const Args& args) {
  return {TensorSpec(args.q.sizes(), args.q), TensorSpec(args.k.sizes(), args.k), TensorSpec(args.v.sizes(), args.v)};
}
// Reads what the forward read and wrote, and the gradient of out; writes three gradients.
Cost AttentionBackward::cost(const Args& args) {
  // Five products: the scores again, g v^T, and one for each of dq, dk and dv.
  Cost cost = cost_of(args.q, args.k, args.v, 5, 2, 1);
  cost.bytes += static_cast<double>(args.grad.nbytes());
  return cost;
}

void register_attention();
void register_attention() { register_ops<Attention, AttentionBackward>(); }

Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const AttentionOptions& options) {
  check_defined("scaled_dot_product_attention", "q", q);
  check_defined("scaled_dot_product_attention", "k", k);
  check_defined("scaled_dot_product_attention", "v", v);
  if (q.dim() == 3 && k.dim() == 3 && v.dim() == 3) {
    AttentionOptions with_heads = options;
    if (options.mask.defined() && options.mask.dim() == 3) with_heads.mask = options.mask.unsqueeze(1);
    return scaled_dot_product_attention(q.unsqueeze(1), k.unsqueeze(1), v.unsqueeze(1), with_heads).squeeze(1);
  }
  const int64_t width = q.dim() ? q.sizes().back() : 1;
  // 1 / sqrt(width): Vaswani et al. 2017, section 3.2.1; it keeps the scores' variance at that of the elements of q and
  // k.
  const double scale = options.scale.value_or(1 / std::sqrt(static_cast<double>(width)));
  // A width of 0 has no scores to scale: its default is infinite.
  FARRO_CHECK(!options.scale || std::isfinite(scale), ValueError, Attention::info.name, ": scale must be finite, got ",
              scale);
  if (options.dropout_p == 0)
    return std::move(
        call<Attention>({.q = q, .k = k, .v = v, .mask = options.mask, .causal = options.causal, .scale = scale})[0]);
  // The fused kernel never holds the weights that are dropped here.
  Attention::infer({q, k, v, options.mask, options.causal, scale});
  FARRO_CHECK(options.dropout_p > 0 && options.dropout_p <= 1, ValueError, Attention::info.name,
              ": dropout_p must be in [0, 1], got ", options.dropout_p);
  const Composed attention(q, k, v, options.mask, options.causal, scale);
  const Tensor weights = attention.probabilities();
  return attention.result(dropout(weights, options.dropout_p, /*training=*/true, options.generator)).to(q.dtype());
}

}  // namespace farro
