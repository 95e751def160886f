// SPDX-License-Identifier: Apache-2.0
// The public functions that are called with hostile arguments.
#include "functions.h"

#include <farro/kernels/conv/conv.op.h>
#include <farro/kernels/pointwise/activation.op.h>
#include <farro/kernels/pointwise/softplus.op.h>
#include <farro/kernels/reduce/scan.op.h>

namespace farro::hostile {

namespace {

// size(dim) - n, wrapped.
int64_t rest_of(const Tensor& tensor, int64_t dim, int64_t n) {
  return static_cast<int64_t>(static_cast<uint64_t>(tensor.size(dim)) - static_cast<uint64_t>(n));
}

using T = const Tensor&;
using I = int64_t;
using D = const Dims&;
using S = const Sizes&;
using detail::make;

#define FN(name) make(#name, &name)
#define OVERLOAD(label, fn, ...) make(label, static_cast<__VA_ARGS__>(&fn))
#define AS(name, parameters, ...) make(name, +[] parameters { return __VA_ARGS__; })
// In place: on a copy as often as on the tensor itself, which may be a leaf or lie on others.
#define METHOD_(name, parameters, ...)         \
  make(                                        \
      name, +[] parameters {                   \
        Tensor& t = const_cast<Tensor&>(self); \
        return Tensor(__VA_ARGS__);            \
      })

// What makes the rest of a call fit to what was drawn: floating, a kernel of `k` in the last dimension whose channels
// are numbers or (negative) dimensions of x, and so on.
Tensor real(T x, bool wide) { return x.to(wide ? DType::f64 : DType::f32); }
Tensor kernel(T x, I out, I in, I k, bool wide) {
  const I spatial = -std::min(out, in) - 1;
  Shape sizes{out < 0 ? x.size(out) : out, in < 0 ? x.size(in) : in};
  for (I i = 1; i < spatial; ++i) sizes.push_back(2);
  sizes.push_back(std::clamp<I>(k, 1, 9));
  return ones(sizes, {.dtype = wide ? DType::f64 : DType::f32}).set_requires_grad();
}
Tensor ones_of(T x, I dim) { return ones({x.size(dim)}, {.dtype = x.dtype()}); }
std::vector<Tensor> like(TensorList drawn, TensorList params) {
  std::vector<Tensor> out(drawn.begin(), drawn.end());
  out.resize(std::min(out.size(), params.size()));
  for (size_t i = 0; i < params.size(); ++i) {
    if (i < out.size() && out[i].defined() && out[i].sizes() == params[i].sizes() &&
        out[i].dtype() == params[i].dtype())
      continue;
    const Tensor made = ones_like(params[i].detach());
    i < out.size() ? out[i] = made : (out.push_back(made), made);
  }
  return out;
}

void pointwise(std::vector<Function>& out) {
  const Function functions[] = {
      FN(relu),
      FN(leaky_relu),
      FN(farro::tanh),
      FN(sigmoid),
      FN(silu),
      FN(gelu),
      FN(relu_backward),
      FN(leaky_relu_backward),
      FN(tanh_backward),
      FN(sigmoid_backward),
      FN(silu_backward),
      FN(gelu_backward),
      FN(add),
      FN(sub),
      FN(mul),
      FN(farro::div),
      FN(neg),
      FN(eq),
      FN(ne),
      FN(lt),
      FN(le),
      FN(gt),
      FN(ge),
      FN(logical_and),
      FN(logical_or),
      FN(logical_xor),
      FN(logical_not),
      FN(masked_fill),
      FN(clamp),
      FN(maximum),
      FN(minimum),
      FN(softplus),
      FN(softplus_backward),
      FN(rsqrt),
      FN(reciprocal),
      FN(square),
      FN(sign),
      FN(softmax),
      FN(log_softmax),
      AS("isnan", (T a), isnan(a)),
      AS("isfinite", (T a), isfinite(a)),
      AS("exp", (T a), farro::exp(a)),
      AS("expm1", (T a), farro::expm1(a)),
      AS("log", (T a), farro::log(a)),
      AS("log1p", (T a), farro::log1p(a)),
      AS("sqrt", (T a), farro::sqrt(a)),
      AS("sin", (T a), farro::sin(a)),
      AS("cos", (T a), farro::cos(a)),
      AS("erf", (T a), farro::erf(a)),
      AS("abs", (T a), farro::abs(a)),
      AS("floor", (T a), farro::floor(a)),
      AS("ceil", (T a), farro::ceil(a)),
      AS("round", (T a), farro::round(a)),
      AS("pow number", (T a, Scalar b), farro::pow(a, b)),
      AS("pow", (T a, T b), farro::pow(a, b)),
      AS("pow of number", (Scalar a, T b), farro::pow(a, b)),
      AS("where", (T c, T a, T b), where(c, a, b)),
      AS("where number", (T c, T a, Scalar b), where(c, a, b)),
      AS("where numbers", (T c, Scalar a, Scalar b), where(c, a, b)),
      AS("operators", (T a, Scalar b), (a + b) * b - a / b),
      AS("compare", (T a, Scalar b), a < b),
  };
  out.insert(out.end(), std::begin(functions), std::end(functions));
}

void reductions(std::vector<Function>& out) {
  const Function functions[] = {
      FN(amax),
      FN(amin),
      FN(var),
      FN(norm),
      FN(logsumexp),
      FN(prod),
      FN(cumsum),
      FN(prod_others),
      FN(prod_others_backward),
      FN(sum),
      FN(mean),
      FN(any),
      FN(all),
      AS("max", (T a), farro::max(a)),
      AS("min", (T a), farro::min(a)),
      AS("max dim", (T a, I d, bool k), farro::max(a, d, k)),
      AS("min dim", (T a, I d, bool k), farro::min(a, d, k)),
      AS("argmax", (T a), farro::argmax(a)),
      AS("argmin", (T a), farro::argmin(a)),
      AS("argmax dim", (T a, I d, bool k), farro::argmax(a, d, k)),
      AS("argmin dim", (T a, I d, bool k), farro::argmin(a, d, k)),
      FN(sort),
      FN(argsort),
      FN(topk),
  };
  out.insert(out.end(), std::begin(functions), std::end(functions));
}

void indexing(std::vector<Function>& out) {
  const Function functions[] = {
      FN(gather),
      FN(scatter_add),
      FN(index_select),
      FN(index_add),
      FN(masked_select),
      FN(nonzero),
      FN(one_hot),
      FN(tril),
      FN(triu),
      FN(flip),
      FN(roll),
      FN(repeat),
      FN(embedding),
      AS("cat", (TensorList a, I d), cat(a, d)),
      AS("stack", (TensorList a, I d), stack(a, d)),
      AS("index", (T a, TensorIndex i), index(a, std::array{i})),
      AS("index two", (T a, TensorIndex i, TensorIndex j), index(a, std::array{i, j})),
      make(
          "index_put_",
          +[](T a, TensorIndex i, TensorIndex j, T v, bool add) {
            Tensor target = a;
            return Tensor(index_put_(target, std::array{i, j}, v, add));
          }),
      make(
          "index_put_ one",
          +[](T a, TensorIndex i, T v, bool add) {
            Tensor target = a.clone();
            return Tensor(index_put_(target, std::array{i}, v, add));
          }),
  };
  out.insert(out.end(), std::begin(functions), std::end(functions));
}

void layers(std::vector<Function>& out) {
  const Function functions[] = {
      FN(conv1d), FN(conv2d), FN(conv3d), FN(conv_transpose1d), FN(conv_transpose2d), FN(conv_transpose3d),
      AS("conv_backward_data", (T g, T w, S s, const ConvOptions& o), conv_backward_data(g, w, s, o)),
      AS("conv_backward_filter", (T g, T x, S s, bool b, const ConvOptions& o), conv_backward_filter(g, x, s, b, o)),
      FN(max_pool1d), FN(max_pool2d), FN(max_pool3d), FN(avg_pool1d), FN(avg_pool2d), FN(avg_pool3d),
      FN(adaptive_avg_pool1d), FN(adaptive_avg_pool2d), FN(adaptive_avg_pool3d), FN(adaptive_max_pool1d),
      FN(adaptive_max_pool2d), FN(adaptive_max_pool3d), FN(batch_norm), FN(layer_norm), FN(rms_norm), FN(matmul), FN(bmm),
      FN(addmm), FN(linear), FN(scaled_dot_product_attention), FN(cross_entropy), FN(nll_loss), FN(mse_loss), FN(l1_loss),
      FN(binary_cross_entropy_with_logits), FN(dropout),
      AS("reserve_random", (T offset, I n), reserve_random(const_cast<Tensor&>(offset), n)), FN(digest), FN(sgd_step_), FN(adam_step_), FN(multi_tensor_norm),
      FN(clip_by_norm_), AS("linear over rows", (T x, T w), linear(x, w, Tensor())),
      // Shapes that fit, which drawn ones seldom do.
      AS("self attention", (T q, const AttentionOptions& o), scaled_dot_product_attention(q, q, q, o)),
      AS("square matmul", (T a), matmul(a, a.transpose(-1, -2))),
      AS("layer_norm fitting", (T x, double eps), layer_norm(x, {x.size(-1)}, Tensor(), Tensor(), eps)),
      AS("conv1d fitting", (T x, I k, bool wide, const ConvOptions& o), conv1d(real(x, wide), kernel(x, 2, -2, k, wide), {}, o)),
      AS("conv2d fitting", (T x, I k, bool wide, const ConvOptions& o), conv2d(real(x, wide), kernel(x, 2, -3, k, wide), {}, o)),
      AS("conv3d fitting", (T x, I k, bool wide, const ConvOptions& o), conv3d(real(x, wide), kernel(x, 2, -4, k, wide), {}, o)),
      AS("conv_transpose1d fitting", (T x, I k, bool wide, const ConvTransposeOptions& o),
         conv_transpose1d(real(x, wide), kernel(x, -2, 2, k, wide), {}, o)),
      AS("conv_transpose2d fitting", (T x, I k, bool wide, const ConvTransposeOptions& o),
         conv_transpose2d(real(x, wide), kernel(x, -3, 2, k, wide), {}, o)),
      AS("conv_transpose3d fitting", (T x, I k, bool wide, const ConvTransposeOptions& o),
         conv_transpose3d(real(x, wide), kernel(x, -4, 2, k, wide), {}, o)),
      make("conv_backward_data fitting", +[](T g, I k, bool wide, const ConvOptions& o) {
        const Tensor w = kernel(g, 1 - g.dim(), 2, k, wide);
        Shape sizes{g.size(0), 2};
        for (int i = 2; i < g.dim(); ++i) sizes.push_back(g.size(i) + w.size(i) - 1);
        return conv_backward_data(real(g, wide), w, sizes, o);
      }),
      AS("conv_backward_filter fitting", (T g, T x, I k, bool b, const ConvOptions& o),
         conv_backward_filter(real(g, b), real(x, b), kernel(x, g.size(1), 1 - g.dim(), k, b).sizes(), b, o)),
      AS("batch_norm fitting", (T x, bool training, double momentum, double eps),
         batch_norm(x, ones_of(x, 1), ones_of(x, 1), ones_of(x, 1), ones_of(x, 1), training, momentum, eps)),
      AS("nll_loss fitting", (T x, const NllLossOptions& o), nll_loss(x, argsort(x, 1).select(1, 0), o)),
      AS("cross_entropy fitting", (T x, const CrossEntropyOptions& o), cross_entropy(x, argsort(x, 1).select(1, 0), o)),
      make("sgd_step_ fitting", +[](TensorList p, TensorList g, const SgdStepOptions& o) {
        const no_grad guard;
        sgd_step_(p, like(g, p), o.momentum == 0 ? std::vector<Tensor>{} : like({}, p), o);
      }),
      make("adam_step_ fitting", +[](TensorList p, TensorList g, bool amsgrad, const AdamStepOptions& o) {
        const no_grad guard;
        adam_step_(p, like(g, p), like({}, p), like({}, p), amsgrad ? like({}, p) : std::vector<Tensor>{}, o);
      }),
      make("reserve_random fitting", +[](I at, I blocks) {
        Tensor offset = full({}, at, {.dtype = DType::i64});
        return reserve_random(offset, blocks);
      }),
      AS("index_add fitting", (T a, I d, T b), index_add(a, d, arange(b.size(d)), b)),
      AS("embedding fitting", (T w, S s), embedding(w, randint(0, w.size(0), s))),
      AS("rms_norm fitting", (T x, double eps), rms_norm(x, {x.size(-1)}, ones_of(x, -1), eps)),
      make("max_pool twice", +[](T x, I k, bool wide) {
        const Tensor leaf = real(x, wide).detach().set_requires_grad();
        const Tensor pooled = max_pool1d(leaf, {.kernel_size = {k}});
        return grad((pooled * pooled).sum(), leaf, {.create_graph = true});
      }),
      AS("gather fitting", (T a, I d, bool descending), gather(a, d, argsort(a, d, descending))),
      AS("scatter_add fitting", (T a, I d, T src), scatter_add(a, d, argsort(src, d), src)),
  };
  out.insert(out.end(), std::begin(functions), std::end(functions));
}

void factories(std::vector<Function>& out) {
  using O = const TensorOptions&;
  const Function functions[] = {
      AS("empty", (S s, O o), empty(s, o)),
      AS("empty_strided", (S s, S t, O o), empty_strided(s, t, o)),
      FN(empty_like),
      AS("zeros", (S s, O o), zeros(s, o)),
      AS("full", (S s, Scalar v, O o), full(s, v, o)),
      FN(zeros_like),
      FN(full_like),
      AS("arange", (Scalar a, Scalar b, Scalar c, O o), arange(a, b, c, o)),
      FN(linspace),
      FN(eye),
      AS("rand", (S s, O o), rand(s, o)),
      AS("randn", (S s, O o), randn(s, o)),
      FN(rand_like),
      FN(randn_like),
      AS("randint", (I a, I b, S s, O o), randint(a, b, s, o)),
      FN(randperm),
      FN(bernoulli),
      FN(scalar_tensor),
  };
  out.insert(out.end(), std::begin(functions), std::end(functions));
}

void views(std::vector<Function>& out) {
  const Function functions[] = {
      AS("view", (T t, S s), t.view(s)),
      AS("reshape", (T t, S s), t.reshape(s)),
      AS("flatten", (T t, I a, I b), t.flatten(a, b)),
      AS("permute", (T t, D d), t.permute(d)),
      AS("transpose", (T t, I a, I b), t.transpose(a, b)),
      AS("t", (T t), t.t()),
      AS("expand", (T t, S s), t.expand(s)),
      AS("squeeze", (T t), t.squeeze()),
      AS("squeeze dim", (T t, I d), t.squeeze(d)),
      AS("unsqueeze", (T t, I d), t.unsqueeze(d)),
      AS("select", (T t, I d, I i), t.select(d, i)),
      AS("narrow", (T t, I d, I a, I n), t.narrow(d, a, n)),
      AS("slice", (T t, I d, I a, I b, I c), t.slice(d, a, b, c)),
      AS("as_strided", (T t, S s, S r, I o), t.as_strided(s, r, o)),
      AS("split", (T t, I n, I d), t.split(n, d)),
      AS("chunk", (T t, I n, I d), t.chunk(n, d)),
      AS("unbind", (T t, I d), t.unbind(d)),
      AS("split of many", (S s, I n, I d), empty(s, {.device = Device::meta()}).split(n, d)),
      AS("unbind of many", (S s, I d), ones({1}).expand(s).unbind(d)),
      AS("chunk of many", (S s, I n, I d), ones({1}).expand(s).chunk(n, d)),
      AS("detach", (T t), t.detach()),
      AS("clone", (T t), t.clone()),
      AS("contiguous", (T t, MemoryFormat f), t.contiguous(f)),
      AS("to", (T t, DType d), t.to(d)),
      AS("of a view", (T t, I d, I a, I b, I c), t.slice(d, a, b, c).unsqueeze(d).transpose(0, d).flatten()),
  };
  out.insert(out.end(), std::begin(functions), std::end(functions));
}

void in_place(std::vector<Function>& out) {
  const Function functions[] = {
      METHOD_("add_", (T self, T b, double alpha), t.add_(b, alpha)),
      METHOD_("sub_", (T self, T b), t.sub_(b)),
      METHOD_("mul_", (T self, T b), t.mul_(b)),
      METHOD_("div_", (T self, T b), t.div_(b)),
      METHOD_("add_ number", (T self, Scalar b), t.add_(b)),
      METHOD_("mul_ number", (T self, Scalar b), t.mul_(b)),
      METHOD_("div_ number", (T self, Scalar b), t.div_(b)),
      METHOD_("copy_", (T self, T b), t.copy_(b)),
      METHOD_("fill_", (T self, Scalar b), t.fill_(b)),
      METHOD_("zero_", (T self), t.zero_()),
      METHOD_("clamp_", (T self, std::optional<Scalar> a, std::optional<Scalar> b), t.clamp_(a, b)),
      METHOD_("masked_fill_", (T self, T m, Scalar v), t.masked_fill_(m, v)),
      METHOD_("uniform_", (T self, double a, double b), t.uniform_(a, b)),
      METHOD_("normal_", (T self, double a, double b), t.normal_(a, b)),
      METHOD_("bernoulli_", (T self, double p), t.bernoulli_(p)),
      METHOD_("shifted onto itself", (T self, I d, I n),
              t.narrow(d, 0, rest_of(t, d, n)).copy_(t.narrow(d, n, rest_of(t, d, n)))),
      make(
          "add_ of a copy",
          +[](T self, T b) {
            Tensor t = self.clone();
            return Tensor(t.mul_(b).add_(b));
          }),
  };
  out.insert(out.end(), std::begin(functions), std::end(functions));
}

}  // namespace

const std::vector<Function>& all_functions() {
  static const std::vector<Function> functions = [] {
    std::vector<Function> out;
    pointwise(out);
    reductions(out);
    indexing(out);
    layers(out);
    factories(out);
    views(out);
    in_place(out);
    return out;
  }();
  return functions;
}

}  // namespace farro::hostile
