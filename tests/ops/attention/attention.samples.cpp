// SPDX-License-Identifier: Apache-2.0
// Samples of kernels/attention/attention.h.
#include <farro/autograd/call/call.h>
#include <farro/kernels/attention/attention.h>
#include <farro/kernels/attention/attention.op.h>
#include <farro/kernels/memory/factories.h>
#include <farro/tests/opcheck/tolerance.h>

#include <cmath>

namespace farro::opcheck {

namespace {

struct Case {
  Shape q{1, 2, 3, 2}, k{1, 2, 4, 2};
  int64_t value_width = 2;
  Input mask = absent();
  bool causal = false;
};

std::string label(const Case& c) {
  return str(c.q, " to ", c.k, c.causal ? " causal" : "", c.mask.defined ? str(" mask ", c.mask.sizes) : "");
}
Shape value_shape(const Case& c) { return {c.k[0], c.k[1], c.k[2], c.value_width}; }

// The attention weights of one query; all zero where it may see nothing.
template <class T>
std::vector<T> weights(const Case& c, const Arrays<T>& in, int64_t b, int64_t h, int64_t i) {
  std::vector<T> p;
  T max = -INFINITY, sum = 0;
  for (int64_t j = 0; j < c.k[2]; ++j) {
    T score = 0;
    for (int64_t d = 0; d < c.q[3]; ++d) score += in[0](b, h, i, d) * in[1](b, h, j, d);
    score /= std::sqrt(T(c.q[3]));
    if (c.mask.defined) {
      const T mask = in[3].broadcast_at({b, h, i, j});
      if (c.mask.dtype == DType::boolean) score = mask != 0 ? score : T(-INFINITY);
      else score += mask;
    }
    p.push_back(c.causal && j > i ? T(-INFINITY) : score);
    max = std::max(max, p.back());
  }
  for (T& value : p) {
    const bool unseen = max == T(-INFINITY) && !std::isnan(value);
    sum += value = unseen ? T(0) : std::exp(value - max);
  }
  for (T& value : p) value = sum == 0 ? T(0) : value / sum;
  return p;
}

template <class T>
NdArray<T> attention_reference(const Case& c, const Arrays<T>& in) {
  NdArray<T> out({c.q[0], c.q[1], c.q[2], c.value_width});
  for_each_index({c.q[0], c.q[1], c.q[2]}, [&](const Dims& at) {
    const std::vector<T> p = weights(c, in, at[0], at[1], at[2]);
    for (int64_t j = 0; j < c.k[2]; ++j)
      for (int64_t e = 0; e < c.value_width; ++e)
        out(at[0], at[1], at[2], e) += p[static_cast<size_t>(j)] * in[2](at[0], at[1], j, e);
  });
  return out;
}

// in: q, k, v, mask, grad.
template <class T>
Arrays<T> backward_reference(const Case& c, const Arrays<T>& in) {
  NdArray<T> gq(c.q), gk(c.k), gv(value_shape(c));
  for_each_index({c.q[0], c.q[1], c.q[2]}, [&](const Dims& at) {
    const int64_t b = at[0], h = at[1], i = at[2];
    const std::vector<T> p = weights(c, in, b, h, i);
    std::vector<T> u(p.size());
    T dot = 0;
    for (int64_t j = 0; j < c.k[2]; ++j) {
      const auto n = static_cast<size_t>(j);
      for (int64_t e = 0; e < c.value_width; ++e) {
        u[n] += in[4](b, h, i, e) * in[2](b, h, j, e);
        gv(b, h, j, e) += p[n] * in[4](b, h, i, e);
      }
      dot += p[n] * u[n];
    }
    for (int64_t j = 0; j < c.k[2]; ++j) {
      const T d = p[static_cast<size_t>(j)] * (u[static_cast<size_t>(j)] - dot) / std::sqrt(T(c.q[3]));
      for (int64_t e = 0; e < c.q[3]; ++e) {
        gq(b, h, i, e) += d * in[1](b, h, j, e);
        gk(b, h, j, e) += d * in[0](b, h, i, e);
      }
    }
  });
  return {gq, gk, gv};
}

// As tolerance.h has it, but for the largest error of a gradient and not each one: the kernel takes rowsum(grad * out) for the sum over keys of p u: the same number, rounded otherwise, from which nearly
// equal ones are subtracted. So what counts is the error against the largest gradient, not against each.
void check_backward(const Case& c, const Tensors& in, const Tensors& out) {
  Arrays<double> arrays;
  for (const Tensor& t : in) {
    arrays.emplace_back();
    if (!t.defined()) continue;
    arrays.back() = NdArray<double>(t.sizes());
    arrays.back().data = t.to_vector<double>();
  }
  Arrays<float> narrow;
  for (const NdArray<double>& array : arrays) {
    narrow.emplace_back(array.sizes);
    narrow.back().data.assign(array.data.begin(), array.data.end());
  }
  const Arrays<double> want = backward_reference(c, arrays);
  const Arrays<float> plain = backward_reference(c, narrow);
  for (size_t k = 0; k < want.size(); ++k) {
    const std::vector<double> got = out[k].to_vector<double>();
    double largest = 0, error = 0, naive = 0;
    for (size_t i = 0; i < got.size(); ++i) {
      const double exact = want[k].data[i], in_f32 = static_cast<double>(plain[k].data[i]);
      if (std::isnan(exact)) continue;
      largest = std::max(largest, std::abs(exact));
      naive = std::max(naive, std::abs(exact - in_f32));
    }
    for (size_t i = 0; i < got.size(); ++i) {
      FARRO_CHECK(std::isnan(got[i]) == std::isnan(want[k].data[i]), ValueError, "gradient ", k, " at ", i, " is ", got[i]);
      if (!std::isnan(got[i])) error = std::max(error, std::abs(got[i] - want[k].data[i]));
    }
    const bool is_f64 = out[k].dtype() == DType::f64;
    const double tolerance = kSlack * (naive * (is_f64 ? 0x1p-29 : 1) + std::max(largest, 1.0) * (is_f64 ? 0x1p-52 : 0x1p-23));
    FARRO_CHECK(error <= tolerance, ValueError, "gradient ", k, " is off by ", error, ", tolerated are ", tolerance);
  }
}

void add_case(SampleSink& sink, const Case& c, Grad grad = Grad::second) {
  const std::vector<Input> inputs{in(c.q), in(c.k), in(value_shape(c)), c.mask};
  sink.add("scaled_dot_product_attention",
           {.label = label(c),
            .inputs = inputs,
            .run =
                [c](const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask) {
                  return scaled_dot_product_attention(q, k, v, {.mask = mask, .causal = c.causal});
                },
            .reference = Reference([c](const auto& arrays) { return attention_reference(c, arrays); }),
            .grad = grad,
            .zeros = c.mask.defined || c.k[2] == 0,
            .cancelling = c.mask.defined ? 2.0 : 0.0});  // of a query that sees one key
  std::vector<Input> with_grad = inputs;
  with_grad.push_back(in({c.q[0], c.q[1], c.q[2], c.value_width}));
  sink.add("scaled_dot_product_attention_backward",
           {.label = label(c),
            .inputs = with_grad,
            .run =
                [c](const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask, const Tensor& g) {
                  const double scale = 1 / std::sqrt(static_cast<double>(c.q[3]));
                  const auto out = call<Attention>({q, k, v, mask, c.causal, scale});
                  return call<AttentionBackward>({g, q, k, v, mask, out[0], out[1], c.causal, scale});
                },
            .dtypes = kF32F64,
            .grad = Grad::none,
            .check = [c](const Tensors& in, const Tensors& out) { check_backward(c, in, out); }});
}

}  // namespace

void samples_attention(SampleSink& sink);
void samples_attention(SampleSink& sink) {
  const Input mask = mask_in({3, 4});
  add_case(sink, {});
  add_case(sink, {.value_width = 3});
  add_case(sink, {.causal = true});
  add_case(sink, {.q = {1, 1, 5, 2}, .k = {1, 1, 3, 2}, .causal = true});
  add_case(sink, {.q = {1, 1, 1, 1}, .k = {1, 1, 1, 1}, .value_width = 1});
  add_case(sink, {.mask = mask});
  add_case(sink, {.mask = mask_in({3, 4}).values({1, 0, 1, 1, 0, 0, 0, 0, 0, 1, 0, 1})});  // a row sees nothing
  add_case(sink, {.mask = in({1, 1, 3, 4})});
  add_case(sink, {.q = {1, 2, 0, 2}});
  add_case(sink, {.k = {1, 2, 0, 2}});
  // Scores that are -inf and NaN only: NaN must not count as nothing to attend to.
  add_case(sink, {.mask = in({3, 4}).values({-INFINITY, NAN, NAN, NAN, 0, NAN, 1, 2, -INFINITY, -INFINITY, -INFINITY, 1})
                              .no_grad()},
           Grad::none);
  add_case(sink, {.q = {1, 2, 70, 8}, .k = {1, 2, 300, 8}, .value_width = 8}, Grad::none);
  add_case(sink, {.q = {1, 2, 130, 8}, .k = {1, 2, 130, 8}, .value_width = 8, .causal = true}, Grad::none);
  const std::string op = "scaled_dot_product_attention";
  sink.error<ShapeError>(
      op, [] { return scaled_dot_product_attention(zeros({1, 2, 3, 4}), zeros({1, 2, 3, 5}), zeros({1, 2, 3, 4})); },
      op + ": k must have q's batch, heads and width, got q: f32 [1, 2, 3, 4] cpu, k: f32 [1, 2, 3, 5] cpu");
  sink.error<ShapeError>(
      op, [] { return scaled_dot_product_attention(zeros({1, 2, 3, 4}), zeros({1, 2, 3, 4}), zeros({1, 2, 5, 4})); },
      op + ": v must have k's batch, heads and length, got k: f32 [1, 2, 3, 4] cpu, v: f32 [1, 2, 5, 4] cpu");
  sink.error<ShapeError>(
      op, [] { return scaled_dot_product_attention(zeros({3, 4}), zeros({3, 4}), zeros({3, 4})); },
      op + ": q, k and v must have 4 dimensions (or 3 without heads), got q: f32 [3, 4] cpu, k: f32 [3, 4] cpu, v: f32 "
           "[3, 4] cpu");
  sink.error<DTypeError>(
      op,
      [] {
        const Tensor x = zeros({1, 1, 2, 2});
        return scaled_dot_product_attention(x, x, x, {.mask = zeros({2, 2}, {.dtype = DType::i64})});
      },
      op + ": mask must be bool or of q's dtype f32, got i64 (mask: i64 [2, 2] cpu)");
}

}  // namespace farro::opcheck
