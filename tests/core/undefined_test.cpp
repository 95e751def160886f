// SPDX-License-Identifier: Apache-2.0
// Every public function and every Tensor method given an undefined tensor, in each place where one must be given: the
// error begins with the name that was called and names the argument.
#include <farro/tests/autograd/support.h>

#include <farro/core/tensor/number.h>
#include <farro/farro.h>
#include <farro/kernels/conv/conv.op.h>
#include <farro/kernels/index/indexing.h>
#include <farro/kernels/norm/batch_norm.h>
#include <farro/kernels/pointwise/activation.op.h>
#include <farro/kernels/pointwise/softplus.op.h>
#include <farro/kernels/reduce/scan.op.h>

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

namespace farro {
namespace {

using namespace testing_support;

struct Case {
  std::string function, argument;
  std::function<void()> call;
};

void check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    const std::string text = error_of<ValueError>(c.call);
    const std::string expected = c.function + ": " + c.argument;
    EXPECT_TRUE(text.starts_with(expected) && text.find("undefined") != std::string::npos)
        << "expected '" << expected << " ... undefined', got '" << text << "'";
  }
}

const Tensor none;

// f(undefined) for functions of one tensor.
#define ONE(f, argument, ...)                                \
  Case {                                                     \
    #f, argument, [] { f(none __VA_OPT__(, ) __VA_ARGS__); } \
  }
// Both places of a function of two.
#define TWO(f, first, second)                         \
  Case{#f, first, [] { f(none, ones({2})); }}, Case { \
    #f, second, [] { f(ones({2}), none); }            \
  }

TEST(Undefined, ElementwiseFunctions) {
  check({ONE(exp, "a"),     ONE(expm1, "a"),      ONE(log, "a"),        ONE(log1p, "a"),      ONE(sqrt, "a"),
         ONE(rsqrt, "a"),   ONE(reciprocal, "a"), ONE(sin, "a"),        ONE(cos, "a"),        ONE(erf, "a"),
         ONE(abs, "a"),     ONE(square, "a"),     ONE(sign, "a"),       ONE(floor, "a"),      ONE(ceil, "a"),
         ONE(round, "a"),   ONE(neg, "a"),        ONE(relu, "a"),       ONE(leaky_relu, "a"), ONE(tanh, "a"),
         ONE(sigmoid, "a"), ONE(silu, "a"),       ONE(gelu, "a"),       ONE(softplus, "x"),   ONE(logical_not, "a"),
         ONE(isnan, "a"),   ONE(isfinite, "a"),   ONE(clamp, "a", 0, 1)});
  check({TWO(add, "a", "b"),
         TWO(sub, "a", "b"),
         TWO(mul, "a", "b"),
         TWO(div, "a", "b"),
         TWO(eq, "a", "b"),
         TWO(ne, "a", "b"),
         TWO(lt, "a", "b"),
         TWO(le, "a", "b"),
         TWO(gt, "a", "b"),
         TWO(ge, "a", "b"),
         TWO(logical_and, "a", "b"),
         TWO(logical_or, "a", "b"),
         TWO(logical_xor, "a", "b"),
         TWO(maximum, "a", "b"),
         TWO(minimum, "a", "b"),
         TWO(pow, "base", "exponent"),
         TWO(relu_backward, "grad", "out"),
         TWO(tanh_backward, "grad", "out"),
         TWO(sigmoid_backward, "grad", "out"),
         TWO(silu_backward, "grad", "a")});
  check({{"pow", "base", [] { pow(none, 2); }},
         {"pow", "base", [] { pow(none, 3.5); }},
         {"pow", "exponent", [] { pow(2, none); }},
         {"where", "condition", [] { where(none, ones({2}), ones({2})); }},
         {"where", "a", [] { where(ones({2}) > 0, none, ones({2})); }},
         {"where", "b", [] { where(ones({2}) > 0, ones({2}), none); }},
         {"where", "a", [] { where(ones({2}) > 0, none, 1); }},
         {"where", "b", [] { where(ones({2}) > 0, 1, none); }},
         {"where", "condition", [] { where(none, 1, 2); }},
         {"masked_fill", "a", [] { masked_fill(none, ones({2}) > 0, 1); }},
         {"masked_fill", "mask", [] { masked_fill(ones({2}), none, 1); }},
         {"leaky_relu_backward", "grad", [] { leaky_relu_backward(none, ones({2}), 0.1); }},
         {"leaky_relu_backward", "a", [] { leaky_relu_backward(ones({2}), none, 0.1); }},
         {"gelu_backward", "grad", [] { gelu_backward(none, ones({2}), GeluApproximation::none); }},
         {"softplus_backward", "grad", [] { softplus_backward(none, ones({2}), 1, 20); }},
         {"softplus_backward", "x", [] { softplus_backward(ones({2}), none, 1, 20); }},
         {"add", "a", [] { none + 1; }},
         {"add", "b", [] { 1 + none; }},
         {"sub", "a", [] { none - 1; }},
         {"mul", "b", [] { 2 * none; }},
         {"div", "a", [] { none / 2; }},
         {"div", "b", [] { 2 / none; }},
         {"eq", "a", [] { none == 2; }},
         {"ne", "a", [] { none != 2; }},
         {"lt", "a", [] { none < 2; }},
         {"le", "a", [] { none <= 2; }},
         {"gt", "a", [] { none > 2; }},
         {"ge", "a", [] { none >= 2; }},
         {"neg", "a", [] { -none; }}});
}

TEST(Undefined, Reductions) {
  check({ONE(sum, "input"),
         ONE(mean, "input"),
         ONE(any, "input"),
         ONE(all, "input"),
         ONE(amax, "input"),
         ONE(amin, "input"),
         ONE(max, "input"),
         ONE(min, "input"),
         ONE(max, "input", 0),
         ONE(min, "input", 0),
         ONE(argmax, "input"),
         ONE(argmin, "input"),
         ONE(argmax, "input", 0),
         ONE(argmin, "input", 0),
         ONE(var, "input"),
         ONE(norm, "input"),
         ONE(norm, "input", 0),
         ONE(norm, "input", INFINITY),
         ONE(norm, "input", -INFINITY),
         ONE(logsumexp, "input", {0}),
         ONE(prod, "input"),
         ONE(cumsum, "input", 0),
         ONE(prod_others, "input", 0),
         ONE(softmax, "x", 0),
         ONE(log_softmax, "x", 0)});
  check({{"prod_others_backward", "grad", [] { prod_others_backward(none, ones({2}), 0); }},
         {"prod_others_backward", "input", [] { prod_others_backward(ones({2}), none, 0); }}});
}

TEST(Undefined, MatricesConvolutionsAndNorms) {
  const Tensor t = ones({2, 2}), b3 = ones({2, 2, 2});
  check({TWO(matmul, "a", "b"), TWO(linear, "x", "weight"), TWO(bmm, "a", "b")});
  check({{"bmm", "b", [=] { bmm(b3, none); }},
         {"addmm", "input", [=] { addmm(none, t, t); }},
         {"addmm", "a", [=] { addmm(t, none, t); }},
         {"addmm", "b", [=] { addmm(t, t, none); }},
         {"layer_norm", "x", [] { layer_norm(none, {2}); }},
         {"rms_norm", "x", [] { rms_norm(none, {2}); }},
         {"batch_norm", "x", [] { batch_norm(none, {}, {}, {}, {}, true); }},
         {"embedding", "weight", [] { embedding(none, ones({2}, {.dtype = DType::i64})); }},
         {"embedding", "indices", [=] { embedding(t, none); }},
         {"dropout", "x", [] { dropout(none); }},
         {"dropout", "x", [] { dropout(none, 0); }},
         {"conv1d", "x", [=] { conv1d(none, b3); }},
         {"conv1d", "weight", [=] { conv1d(b3, none); }},
         {"conv2d", "x", [=] { conv2d(none, b3); }},
         {"conv2d", "weight", [] { conv2d(ones({1, 1, 2, 2}), none); }},
         {"conv3d", "x", [=] { conv3d(none, b3); }},
         {"conv3d", "weight", [] { conv3d(ones({1, 1, 2, 2, 2}), none); }},
         {"conv_transpose1d", "x", [=] { conv_transpose1d(none, b3); }},
         {"conv_transpose1d", "weight", [=] { conv_transpose1d(b3, none); }},
         {"conv_transpose2d", "x", [=] { conv_transpose2d(none, b3); }},
         {"conv_transpose2d", "weight", [] { conv_transpose2d(ones({1, 1, 2, 2}), none); }},
         {"conv_transpose3d", "x", [=] { conv_transpose3d(none, b3); }},
         {"conv_transpose3d", "weight", [] { conv_transpose3d(ones({1, 1, 2, 2, 2}), none); }},
         {"conv_backward_data", "grad", [=] { conv_backward_data(none, b3, {2, 2, 2}); }},
         {"conv_backward_data", "weight", [=] { conv_backward_data(b3, none, {2, 2, 2}); }},
         {"conv_backward_filter", "grad", [=] { conv_backward_filter(none, b3, {2, 2, 2}, false); }},
         {"conv_backward_filter", "x", [=] { conv_backward_filter(b3, none, {2, 2, 2}, false); }},
         ONE(max_pool1d, "x", {.kernel_size = {1}}),
         ONE(max_pool2d, "x", {.kernel_size = {1}}),
         ONE(max_pool3d, "x", {.kernel_size = {1}}),
         ONE(avg_pool1d, "x", {.kernel_size = {1}}),
         ONE(avg_pool2d, "x", {.kernel_size = {1}}),
         ONE(avg_pool3d, "x", {.kernel_size = {1}}),
         ONE(adaptive_avg_pool1d, "x", {1}),
         ONE(adaptive_avg_pool2d, "x", {1}),
         ONE(adaptive_avg_pool3d, "x", {1}),
         ONE(adaptive_max_pool1d, "x", {1}),
         ONE(adaptive_max_pool2d, "x", {1}),
         ONE(adaptive_max_pool3d, "x", {1}),
         {"scaled_dot_product_attention", "q", [=] { scaled_dot_product_attention(none, b3, b3); }},
         {"scaled_dot_product_attention", "k", [=] { scaled_dot_product_attention(b3, none, b3); }},
         {"scaled_dot_product_attention", "v", [=] { scaled_dot_product_attention(b3, b3, none); }}});
}

TEST(Undefined, LossesAndOptimizerSteps) {
  const Tensor t = ones({2, 2}), classes = zeros({2}, {.dtype = DType::i64});
  check({TWO(mse_loss, "input", "target"), TWO(l1_loss, "input", "target"),
         TWO(binary_cross_entropy_with_logits, "logits", "target")});
  const std::vector<Tensor> one{ones({2})}, absent{none};
  check({{"cross_entropy", "logits", [=] { cross_entropy(none, classes); }},
         {"cross_entropy", "target", [=] { cross_entropy(t, none); }},
         {"nll_loss", "log_probs", [=] { nll_loss(none, classes); }},
         {"nll_loss", "target", [=] { nll_loss(t, none); }},
         {"sgd_step_", "params", [=] { sgd_step_(absent, one, {}, {}); }},
         {"sgd_step_", "grads", [=] { sgd_step_(one, absent, {}, {}); }},
         {"sgd_step_", "momentum_buffers", [=] { sgd_step_(one, one, absent, {.momentum = 0.9}); }},
         {"adam_step_", "params", [=] { adam_step_(absent, one, one, one, {}, {}); }},
         {"adam_step_", "grads", [=] { adam_step_(one, absent, one, one, {}, {}); }},
         {"adam_step_", "exp_avgs", [=] { adam_step_(one, one, absent, one, {}, {}); }},
         {"adam_step_", "exp_avg_sqs", [=] { adam_step_(one, one, one, absent, {}, {}); }},
         {"adam_step_", "max_exp_avg_sqs", [=] { adam_step_(one, one, one, one, absent, {}); }},
         {"multi_tensor_norm", "tensors", [=] { multi_tensor_norm(absent); }},
         {"clip_by_norm_", "tensors", [=] { clip_by_norm_(absent, ones({}), 1); }},
         {"clip_by_norm_", "norm", [=] { clip_by_norm_(one, none, 1); }}});
}

TEST(Undefined, IndexingAndJoining) {
  const Tensor t = ones({2}), i = zeros({2}, {.dtype = DType::i64});
  check({{"gather", "input", [=] { gather(none, 0, i); }},
         {"gather", "index", [=] { gather(t, 0, none); }},
         {"scatter_add", "input", [=] { scatter_add(none, 0, i, t); }},
         {"scatter_add", "index", [=] { scatter_add(t, 0, none, t); }},
         {"scatter_add", "src", [=] { scatter_add(t, 0, i, none); }},
         {"index_select", "input", [=] { index_select(none, 0, i); }},
         {"index_select", "index", [=] { index_select(t, 0, none); }},
         {"index_add", "input", [=] { index_add(none, 0, i, t); }},
         {"index_add", "index", [=] { index_add(t, 0, none, t); }},
         {"index_add", "src", [=] { index_add(t, 0, i, none); }},
         {"index", "input", [=] { Tensor().index({0}); }},
         {"index", "index", [=] { t.index({Tensor()}); }},
         {"index_put_", "target", [=] { Tensor().index_put_({0}, t); }},
         {"index_put_", "index", [=] { ones({2}).index_put_({Tensor()}, t); }},
         {"index_put_", "values", [=] { ones({2}).index_put_({0}, none); }},
         {"masked_select", "input", [=] { masked_select(none, t > 0); }},
         {"masked_select", "mask", [=] { masked_select(t, none); }},
         {"cat", "tensors", [=] { cat({t, none}); }},
         {"cat", "tensors", [=] { cat({none, t}); }},
         {"stack", "tensors", [=] { stack({none, t}); }},
         {"stack", "tensors", [=] { stack({t, none}); }},
         ONE(nonzero, "input"),
         ONE(one_hot, "index"),
         ONE(one_hot, "index", 3),
         ONE(sort, "input"),
         ONE(argsort, "input"),
         ONE(topk, "input", 1),
         ONE(tril, "input"),
         ONE(triu, "input"),
         ONE(flip, "input", {0}),
         ONE(roll, "input", {1}),
         ONE(roll, "input", {1}, {0}),
         ONE(repeat, "input", {2})});
}

TEST(Undefined, Factories) {
  check({ONE(empty_like, "like"), ONE(zeros_like, "like"), ONE(ones_like, "like"), ONE(full_like, "like", 2),
         ONE(rand_like, "like"), ONE(randn_like, "like"), ONE(bernoulli, "p")});
}

#define METHOD(name, ...)                                \
  Case {                                                 \
    #name, "tensor", [=] { Tensor().name(__VA_ARGS__); } \
  }

TEST(Undefined, MethodsThatLook) {
  check({METHOD(sizes),
         METHOD(strides),
         METHOD(size, 0),
         METHOD(stride, 0),
         METHOD(dim),
         METHOD(numel),
         METHOD(dtype),
         METHOD(device),
         METHOD(is_cpu),
         METHOD(is_cuda),
         METHOD(is_meta),
         METHOD(storage_offset),
         METHOD(storage),
         METHOD(nbytes),
         METHOD(is_contiguous),
         METHOD(raw_data),
         METHOD(item),
         METHOD(requires_grad),
         METHOD(is_leaf),
         METHOD(set_requires_grad),
         METHOD(grad_fn),
         METHOD(grad),
         METHOD(set_grad, ones({2})),
         METHOD(retain_grad),
         METHOD(backward),
         METHOD(version),
         METHOD(register_hook, [](const Tensor& g) { return g; }),
         METHOD(remove_hook, 1),
         METHOD(detach)});
  check({{"data", "tensor", [] { Tensor().data<float>(); }},
         {"to_vector", "tensor", [] { Tensor().to_vector<float>(); }}});
}

TEST(Undefined, MethodsThatMakeViewsAndCopies) {
  check({METHOD(view, {2}),
         METHOD(reshape, {2}),
         METHOD(flatten),
         METHOD(permute, {0}),
         METHOD(transpose, 0, 1),
         METHOD(t),
         METHOD(expand, {2}),
         METHOD(squeeze),
         METHOD(squeeze, 0),
         METHOD(unsqueeze, 0),
         METHOD(select, 0, 0),
         METHOD(narrow, 0, 0, 1),
         METHOD(slice, 0, 0, 1),
         METHOD(as_strided, {1}, {1}, 0),
         METHOD(split, 1),
         METHOD(chunk, 1),
         METHOD(unbind),
         METHOD(clone),
         METHOD(contiguous),
         METHOD(to, DType::f64),
         METHOD(to, Device::cpu()),
         METHOD(to, Device::cpu(), DType::f64)});
  EXPECT_EQ(error_of<ValueError>([] { Tensor()[0]; }), "select: tensor must be a defined tensor, got an undefined one");
}

TEST(Undefined, MethodsThatChange) {
  const Tensor t = ones({2});
  check({METHOD(copy_, t), METHOD(fill_, 1), METHOD(zero_), METHOD(clamp_, 0, 1), METHOD(masked_fill_, t > 0, 1),
         METHOD(add_, 1), METHOD(sub_, 1), METHOD(mul_, 1), METHOD(div_, 1)});
  // These are the op's first argument.
  check({{"add_", "a", [=] { Tensor().add_(t); }},
         {"add_", "b", [=] { ones({2}).add_(none); }},
         {"sub_", "a", [=] { Tensor().sub_(t); }},
         {"mul_", "a", [=] { Tensor().mul_(t); }},
         {"div_", "a", [=] { Tensor().div_(t); }},
         {"div_", "b", [=] { ones({2}).div_(none); }},
         {"copy_", "source", [=] { ones({2}).copy_(none); }},
         {"masked_fill_", "mask", [=] { ones({2}).masked_fill_(none, 1); }},
         {"uniform_", "tensor", [=] { Tensor().uniform_(); }},
         {"normal_", "tensor", [=] { Tensor().normal_(); }},
         {"bernoulli_", "target", [=] { Tensor().bernoulli_(); }}});
}

TEST(Undefined, MethodsThatCompute) {
  check({{"sum", "input", [] { none.sum(); }},
         {"sum", "input", [] { none.sum({0}); }},
         {"mean", "input", [] { none.mean(); }},
         {"mean", "input", [] { none.mean({0}); }},
         {"max", "input", [] { none.max(); }},
         {"min", "input", [] { none.min(); }},
         {"argmax", "input", [] { none.argmax(); }},
         {"argmax", "input", [] { none.argmax(0); }},
         {"any", "input", [] { none.any(); }},
         {"all", "input", [] { none.all(); }},
         {"matmul", "a", [] { none.matmul(none); }},
         {"exp", "a", [] { none.exp(); }},
         {"log", "a", [] { none.log(); }},
         {"sqrt", "a", [] { none.sqrt(); }},
         {"abs", "a", [] { none.abs(); }},
         {"pow", "base", [] { none.pow(2); }},
         {"tanh", "a", [] { none.tanh(); }},
         {"sigmoid", "a", [] { none.sigmoid(); }},
         {"relu", "a", [] { none.relu(); }}});
}

TEST(ErrorNames, AreThoseOfTheFunctionCalled) {
  const auto starts = [](const std::string& text, const char* name) { EXPECT_TRUE(text.starts_with(name)) << text; };
  starts(error_of<ValueError>([] { eye(-1); }), "eye: n ");
  starts(error_of<ValueError>([] { eye(2, -2); }), "eye: m ");
  starts(error_of<ShapeError>([] { zeros({-1}); }), "zeros: sizes ");
  starts(error_of<ShapeError>([] { ones({-1}); }), "ones: sizes ");
  starts(error_of<ShapeError>([] { full({-1}, 1); }), "full: sizes ");
  starts(error_of<ShapeError>([] { rand({-1}); }), "rand: sizes ");
  starts(error_of<ShapeError>([] { randn({-1}); }), "randn: sizes ");
  starts(error_of<ShapeError>([] { randint(0, 2, {-1}); }), "randint: sizes ");
  starts(error_of<DTypeError>([] { rand({1}, {.dtype = DType::i64}); }), "rand: ");
  starts(error_of<DTypeError>([] { randn({1}, {.dtype = DType::i64}); }), "randn: ");
  starts(error_of<DTypeError>([] { rand_like(zeros({1}, {.dtype = DType::i64})); }), "rand_like: ");
  starts(error_of<DTypeError>([] { randn_like(zeros({1}, {.dtype = DType::i64})); }), "randn_like: ");
  starts(error_of<ValueError>([] { rms_norm(ones({2}), {}); }), "rms_norm: normalized_shape ");
  starts(error_of<ValueError>([] { layer_norm(ones({2}), {}); }), "layer_norm: normalized_shape ");
  starts(error_of<IndexError>([] { ones({2}).unbind(2); }), "unbind: dim ");
  starts(error_of<IndexError>([] { ones({2}).chunk(2, 2); }), "chunk: dim ");
  starts(error_of<IndexError>([] { ones({2}).split(2, 2); }), "split: dim ");
  starts(error_of<IndexError>([] { max(ones({2}), 1); }), "max: dim ");
  starts(error_of<IndexError>([] { min(ones({2}), 1); }), "min: dim ");
  starts(error_of<ShapeError>([] { max(ones({0})); }), "max: input ");
  starts(error_of<ShapeError>([] { argmax(ones({0})); }), "argmax: input ");
  starts(error_of<IndexError>([] { sort(ones({2}), 1); }), "sort: dim ");
  starts(error_of<IndexError>([] { argsort(ones({2}), 1); }), "argsort: dim ");
  starts(error_of<ShapeError>([] { stack({ones({1, 1, 1, 1, 1, 1, 1, 1})}); }), "stack: tensors ");
  starts(error_of<ShapeError>([] { bmm(ones({1, 2, 3}), ones({1, 2, 3})); }), "bmm: ");
  starts(error_of<ShapeError>([] { addmm(ones({1}), ones({2, 3}), ones({2, 3})); }), "addmm: ");
  starts(error_of<ShapeError>([] { addmm(ones({3}), ones({2, 3}), ones({3, 2})); }), "addmm: ");
  starts(error_of<DTypeError>([] { norm(ones({2}, {.dtype = DType::i64}), INFINITY); }), "norm: ");
  starts(error_of<ShapeError>([] { repeat(ones({2}), {INT64_MAX, INT64_MAX}); }), "repeat: ");
}

}  // namespace
}  // namespace farro
