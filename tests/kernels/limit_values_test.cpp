// SPDX-License-Identifier: Apache-2.0
// Values at the ends: what is masked or weighted by 0 may hold anything, limits are taken where a formula would have
// infinity times 0, and half types are rounded once.
#include <farro/farro.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace farro {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
using Values = std::vector<double>;

Tensor values(const Values& list, const Shape& sizes, DType dtype = DType::f32) {
  return tensor(list, sizes, {.dtype = dtype});
}
Tensor values(const Values& list, DType dtype = DType::f32) {
  return values(list, Shape{static_cast<int64_t>(list.size())}, dtype);
}
Tensor leaf(const Tensor& t) {
  Tensor copy = t.clone();
  copy.set_requires_grad();
  return copy;
}
std::vector<Tensor> gradients(const Tensor& y, const std::vector<Tensor>& inputs, bool create_graph) {
  const Tensor outputs[] = {y};
  return grad(outputs, inputs, {}, {.create_graph = create_graph});
}
// The first and second derivative of f at x, elementwise.
template <class F>
std::pair<Values, Values> derivatives(F f, const Tensor& at) {
  const Tensor x = leaf(at);
  const Tensor first = gradients(f(x).sum(), {x}, true)[0];
  const Tensor second = gradients(first.sum(), {x}, false)[0];
  return {first.to_vector<double>(), second.to_vector<double>()};
}

TEST(Limits, ActivationsFarOut) {
  for (const DType dtype : {DType::f16, DType::bf16, DType::f32, DType::f64}) {
    const double far = dtype == DType::f16 ? 60000 : dtype == DType::f64 ? 1e200 : 1e20;
    const Tensor x = values({far, -far, kInf, -kInf}, dtype);
    const Values right{far, 0, kInf, 0}, step{1, 0, 1, 0}, none{0, 0, 0, 0};
    const auto check = [&](const char* what, auto f) {
      const Values y = f(x).template to_vector<double>(), want = x.to_vector<double>();
      EXPECT_EQ(y, (Values{want[0], 0, kInf, 0})) << what << " " << str(dtype);
      const auto [first, second] = derivatives(f, x);
      EXPECT_EQ(first, step) << what << " " << str(dtype);
      EXPECT_EQ(second, none) << what << " " << str(dtype);
    };
    check("gelu", [](const Tensor& t) { return gelu(t); });
    check("tanh gelu", [](const Tensor& t) { return gelu(t, GeluApproximation::tanh); });
    check("silu", [](const Tensor& t) { return silu(t); });
    check("softplus", [](const Tensor& t) { return softplus(t); });
    for (auto f : {&sigmoid, &tanh}) {
      const auto [first, second] = derivatives([f](const Tensor& t) { return f(t); }, x);
      EXPECT_EQ(first, none) << str(dtype);
      for (const double value : second) EXPECT_EQ(value, 0) << str(dtype);
    }
    const Tensor flat = leaf(x);
    leaky_relu(flat, 0).sum().backward();
    EXPECT_EQ(flat.grad().to_vector<double>(), step);
    EXPECT_EQ(leaky_relu(x, 0).to_vector<double>(), (Values{x.to_vector<double>()[0], 0, kInf, 0}));
  }
}

TEST(Limits, PowersOverflowBesideAGradientOfZero) {
  const auto gradient = [](auto f, double at, double g, DType dtype = DType::f32) {
    const Tensor x = leaf(values({at}, dtype));
    f(x).reshape({1}).backward(values({g}, dtype));
    return x.grad().template to_vector<double>()[0];
  };
  EXPECT_EQ(gradient([](const Tensor& t) { return reciprocal(t); }, 1e-20, 0), 0);
  EXPECT_EQ(gradient([](const Tensor& t) { return rsqrt(t); }, 1e-30, 0), 0);
  EXPECT_EQ(gradient([](const Tensor& t) { return square(t); }, 3e38, 0), 0);
  EXPECT_EQ(gradient([](const Tensor& t) { return square(t); }, 60000, 0, DType::f16), 0);
  EXPECT_EQ(gradient([](const Tensor& t) { return abs(t); }, 0, kInf), 0);
  EXPECT_NEAR(gradient([](const Tensor& t) { return norm(t, 10); }, 1e5, 1), 1, 1e-5);
  EXPECT_EQ(gradient([](const Tensor& t) { return norm(t); }, 1e-40, 1), 1);
  const Tensor x = leaf(values({1e-40, 0}));
  norm(x).backward();
  EXPECT_EQ(x.grad().to_vector<double>(), (Values{1, 0}));
  const Tensor base = leaf(values({kInf, 0.5, 2})), exponent = leaf(values({-1, kInf, -kInf}));
  pow(base, exponent).sum().backward();
  EXPECT_EQ(base.grad().to_vector<double>(), (Values{0, 0, 0}));
  EXPECT_EQ(exponent.grad().to_vector<double>(), (Values{0, 0, 0}));
  const Tensor top = leaf(values({kInf, 1, -kInf}));
  const Tensor y = logsumexp(top, {0});
  EXPECT_EQ(y.item(), kInf);
  y.backward();
  EXPECT_EQ(top.grad().to_vector<double>(), (Values{1, 0, 0}));
}

TEST(Limits, Losses) {
  const Tensor x = leaf(values({-kInf, kInf})), t = values({0, 1});
  const Tensor loss = binary_cross_entropy_with_logits(x, t);
  EXPECT_EQ(loss.item(), 0);
  loss.backward();
  EXPECT_EQ(x.grad().to_vector<double>(), (Values{0, 0}));
  EXPECT_EQ(binary_cross_entropy_with_logits(x, values({1, 0})).item(), kInf);
  EXPECT_TRUE(std::isnan(binary_cross_entropy_with_logits(values({kNan}), values({1})).item()));

  const Tensor logits = leaf(values({0, -kInf, 0}, {1, 3}));
  const Tensor ce = cross_entropy(logits, values({0.5, 0, 0.5}, {1, 3}));
  EXPECT_NEAR(ce.item(), std::log(2.0), 1e-6);
  ce.backward();
  EXPECT_EQ(logits.grad().to_vector<double>(), (Values{0, 0, 0}));
  // A class of weight 0 that the smoothing would spread to.
  const Tensor weights = values({1, 0, 1}), first = zeros({1}, {.dtype = DType::i64});
  EXPECT_NEAR(cross_entropy(logits, first, {.label_smoothing = 0.3, .weight = weights}).item(), std::log(2.0) * 0.9,
              1e-6);
}

TEST(Limits, TargetsThatDoNotCountAreLeftOut) {
  const Tensor rows = values({kNan, kInf, 1, 2}, {2, 2}), weights = values({0, 1});
  const Tensor ignored = tensor(std::vector<int64_t>{-100, 1}), unweighted = tensor(std::vector<int64_t>{0, 1});
  for (const bool by_weight : {false, true}) {
    const Tensor target = by_weight ? unweighted : ignored, weight = by_weight ? weights : Tensor();
    const Tensor a = leaf(rows), b = leaf(rows);
    const Tensor ce = cross_entropy(a, target, {.weight = weight}), nll = nll_loss(b, target, {.weight = weight});
    EXPECT_NEAR(ce.item(), std::log1p(std::exp(-1)), 1e-6);
    EXPECT_EQ(nll.item(), -2);
    ce.backward();
    nll.backward();
    EXPECT_EQ(a.grad()[0].to_vector<double>(), (Values{0, 0}));
    EXPECT_EQ(b.grad().to_vector<double>(), (Values{0, 0, 0, -1}));
  }
  // Running statistics that hold nothing yet, and a share of all or nothing.
  const Tensor mean = values({kNan}), var = values({kInf});
  batch_norm(values({1, 3}, {2, 1}), {}, {}, mean, var, true, 1.0);
  EXPECT_EQ(mean.item(), 2);
  EXPECT_EQ(var.item(), 2);
  batch_norm(values({kNan, 3}, {2, 1}), {}, {}, mean, var, true, 0.0);
  EXPECT_EQ(mean.item(), 2);
}

// Key 1 is hidden from query 0 and holds NaN and infinity; query 1 sees both and is NaN.
TEST(Limits, HiddenKeysAreLeftOut) {
  const Tensor allowed = tensor(std::vector<bool>{true, false, true, true}, {2, 2});
  const Tensor added = values({0, -kInf, 0, 0}, {2, 2});
  for (const double odd : {kNan, kInf}) {
    for (const AttentionOptions& options :
         {AttentionOptions{.mask = allowed}, AttentionOptions{.mask = added}, AttentionOptions{.causal = true}}) {
      for (const bool twice : {false, true}) {
        const Tensor q = leaf(values({1, 1}, {1, 1, 2, 1})), k = leaf(values({1, odd}, {1, 1, 2, 1}));
        const Tensor v = leaf(values({3, odd}, {1, 1, 2, 1}));
        const Tensor y = scaled_dot_product_attention(q, k, v, options);
        EXPECT_EQ(y[0][0][0].item(), 3);
        EXPECT_TRUE(std::isnan(y[0][0][1].item()));
        const auto grads = gradients(y[0][0][0].sum(), {q, k, v}, twice);
        EXPECT_EQ(grads[0].to_vector<double>()[0], 0);
      }
    }
  }
  // Where no query sees the odd key, nothing of it is anywhere.
  const Tensor none = tensor(std::vector<bool>{true, false, true, false}, {2, 2});
  for (const bool twice : {false, true}) {
    const Tensor q = leaf(values({1, 2}, {1, 1, 2, 1})), k = leaf(values({1, kNan}, {1, 1, 2, 1}));
    const Tensor v = leaf(values({3, kInf}, {1, 1, 2, 1}));
    const Tensor y = scaled_dot_product_attention(q, k, v, {.mask = none});
    EXPECT_EQ(y.to_vector<double>(), (Values{3, 3}));
    const auto grads = gradients(y.sum(), {q, k, v}, twice);
    EXPECT_EQ(grads[0].to_vector<double>(), (Values{0, 0}));
    EXPECT_EQ(grads[1].to_vector<double>(), (Values{0, 0}));
    EXPECT_EQ(grads[2].to_vector<double>(), (Values{2, 0}));
  }
  // The form that drops weights is made of public ops.
  const Tensor v = values({3, kNan}, {1, 1, 2, 1}), zero = zeros({1, 1, 2, 1});
  const double kept = scaled_dot_product_attention(zero, zero, v, {.causal = true, .dropout_p = 0.5})[0][0][0].item();
  EXPECT_TRUE(kept == 0 || kept == 6) << kept;
}

TEST(Limits, ShortcutsGiveTheDtypeOfTheGeneralForm) {
  for (const DType dtype : {DType::boolean, DType::u8, DType::i8, DType::i16, DType::i32, DType::i64, DType::f16,
                            DType::bf16, DType::f32, DType::f64}) {
    const Tensor x = ones({2}, {.dtype = dtype});
    for (const int e : {0, 1, 2, 3})
      EXPECT_EQ(pow(x, e).dtype(), pow(x, scalar_tensor(e)).dtype()) << str(dtype) << " " << e;
    EXPECT_EQ(square(x).dtype(), (dtype == DType::boolean ? DType::i64 : dtype)) << str(dtype);
    for (const double e : {2.0, 0.5, -1.0, 1.5}) {
      EXPECT_EQ(pow(x, e).dtype(), is_floating(dtype) ? dtype : DType::f32) << str(dtype) << " " << e;
    }
    if (is_floating(dtype)) continue;
    for (const double p : {0.0, 1.0, 2.0, kInf, -kInf}) EXPECT_THROW(norm(x, p), DTypeError) << str(dtype) << " " << p;
  }
}

TEST(Limits, HalfTypesAreRoundedOnce) {
  const auto bf16 = [](const Values& list, const Shape& sizes) { return values(list, sizes, DType::bf16); };
  const double step = 0x1p-14;  // 1.0078125^2 - 1.015625
  const Tensor one = bf16({1.0078125}, {1, 1, 1}), bias = bf16({-1.015625}, {1});
  EXPECT_EQ(conv_transpose1d(one, one, bias).item(), step);
  EXPECT_EQ(conv1d(one, one, bias).item(), step);
  EXPECT_EQ(addmm(bias, one[0], one[0]).item(), step);
  for (const bool lifted : {false, true}) {
    const Tensor a = leaf(bf16({1}, lifted ? Shape{1, 1, 1} : Shape{1, 1}));
    matmul(a, bf16({1.0078125, 1.015625}, {2, 1, 1})).backward(bf16({1.0078125, -1}, {2, 1, 1}));
    EXPECT_EQ(a.grad().sum().item(), step);
    const Tensor b = leaf(bf16({1}, lifted ? Shape{1, 1, 1} : Shape{1, 1}));
    matmul(bf16({1.0078125, 1.015625}, {2, 1, 1}), b).backward(bf16({1.0078125, -1}, {2, 1, 1}));
    EXPECT_EQ(b.grad().sum().item(), step);
  }
  // The mean of many: 2 / 2^20 is a subnormal number of f16.
  const Tensor x = leaf(full({1 << 20}, 1.0, {.dtype = DType::f16}));
  mse_loss(x, zeros({1 << 20}, {.dtype = DType::f16})).backward(scalar_tensor(3000.0).to(DType::f16));
  EXPECT_NEAR(x.grad()[0].item() / (6000.0 / (1 << 20)), 1, 1e-3);
  // An exponent is not taken from a rounded logarithm.
  const Tensor e = leaf(bf16({100, 100, 100}, {3}));
  logsumexp(e, {0}).backward();
  for (const double part : e.grad().to_vector<double>()) EXPECT_NEAR(part, 1.0 / 3, 2e-3);
}

TEST(Limits, OptionsAreCheckedByAllSisters) {
  const Tensor x = arange(3.0), line = x.reshape({1, 3, 1}).expand({2, 3, 1}).contiguous();
  for (const double bad : {-1.0, kNan}) {
    EXPECT_THROW(layer_norm(x, {3}, {}, {}, bad), ValueError);
    EXPECT_THROW(rms_norm(x, {3}, {}, bad), ValueError);
    EXPECT_THROW(batch_norm(line, {}, {}, {}, {}, true, 0.1, bad), ValueError);
    EXPECT_THROW(batch_norm(line, {}, {}, zeros({3}), ones({3}), true, bad), ValueError);
    EXPECT_THROW(dropout(x, bad), ValueError);
    EXPECT_THROW(scaled_dot_product_attention(line, line, line, {.dropout_p = bad}), ValueError);
  }
  EXPECT_THROW(scaled_dot_product_attention(line, line, line, {.scale = kNan}), ValueError);
  EXPECT_THROW(leaky_relu(x, kNan), ValueError);
  EXPECT_THROW(softplus(x, 0), ValueError);
  EXPECT_THROW(softplus(x, kNan), ValueError);
  EXPECT_THROW(softplus(x, 1, kNan), ValueError);
  EXPECT_THROW(norm(x, kNan), ValueError);
  for (const double bad : {-1.0, kNan, kInf}) {
    const Tensor list[] = {zeros({2}), zeros({2}), zeros({2}), zeros({2})};
    const TensorList all(list);
    const auto sgd = [&](const SgdStepOptions& o) { sgd_step_(all.first(1), all.first(1), all.first(1), o); };
    const auto adam = [&](const AdamStepOptions& o) {
      adam_step_(all.first(1), all.subspan(1, 1), all.subspan(2, 1), all.subspan(3, 1), {}, o);
    };
    EXPECT_THROW(sgd({.lr = bad}), ValueError);
    EXPECT_THROW(sgd({.momentum = bad}), ValueError);
    EXPECT_THROW(sgd({.weight_decay = bad}), ValueError);
    EXPECT_THROW(adam({.lr = bad}), ValueError);
    EXPECT_THROW(adam({.beta1 = bad}), ValueError);
    EXPECT_THROW(adam({.beta2 = bad}), ValueError);
    EXPECT_THROW(adam({.eps = bad}), ValueError);
    EXPECT_THROW(adam({.weight_decay = bad}), ValueError);
  }
  EXPECT_THROW(clip_by_norm_({}, scalar_tensor(1.0), kNan), ValueError);
}

TEST(Limits, RmsNormTakesTheEpsilonOfItsDtype) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const double epsilon = dtype == DType::f64 ? 0x1p-52 : 0x1p-23, root = std::sqrt(epsilon);
    EXPECT_NEAR(rms_norm(values({root, root}, dtype), {2})[0].item(), std::sqrt(0.5), 1e-6);
  }
}

}  // namespace
}  // namespace farro
