// SPDX-License-Identifier: Apache-2.0
// Samples of reserve_random, and of the random ops behind a generator that keeps its offset on the device: they draw
// what the ordinary form draws.
#include <farro/autograd/node/grad_mode.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/random/dropout.h>
#include <farro/kernels/random/random.h>
#include <farro/kernels/random/reserve_random.h>
#include <farro/tests/opcheck/sample.h>
#include <farro/tests/opcheck/values.h>

namespace farro::opcheck {
namespace {

using Draw = std::function<Tensor(const Tensor&, Generator&)>;

// The second of two draws, so that the offset is not 0.
Tensor second_draw(const Draw& draw, const Tensor& x, bool capturable) {
  Generator generator(PhiloxState{.seed = 91, .stream = 2, .offset = 1000});
  generator.set_capturable(capturable);
  draw(x.detach(), generator);
  return draw(x, generator);
}

void add_draw(SampleSink& sink, const char* op, const Input& input, DTypeSet dtypes, const Draw& draw) {
  sink.add(op, {.label = "capturable generator", .inputs = {input},
                .run = [draw](const Tensor& x) { return second_draw(draw, x, true); }, .dtypes = dtypes, .zeros = true,
                .check = [draw](const Tensors& in, const Tensors& out) {
                  const no_grad guard;
                  FARRO_CHECK(read(out[0]) == read(second_draw(draw, in[0].detach().contiguous(), false)), ValueError,
                              "random: the capturable form must draw the same numbers");
                }});
}

}  // namespace

void samples_reserve_random(SampleSink& sink);
void samples_reserve_random(SampleSink& sink) {
  for (const int64_t blocks : {int64_t{0}, int64_t{5}, int64_t{1} << 40})
    sink.add("reserve_random", {.label = str(blocks), .inputs = {index_in({}, 0, 1000)},
                                .run = [blocks](const Tensor& x) {
                                  Tensor offset = x.clone();
                                  const Tensor first = reserve_random(offset, blocks);
                                  return Tensors{offset, first};
                                },
                                .grad = Grad::none, .exact = true,
                                .check = [blocks](const Tensors& in, const Tensors& out) {
                                  const auto before = in[0].item<int64_t>();
                                  FARRO_CHECK(out[0].item<int64_t>() == before + blocks && out[1].item<int64_t>() == before,
                                              ValueError, "reserve_random: got ", out[0].item<int64_t>(), " and ",
                                              out[1].item<int64_t>(), " from ", before);
                                }});
  const Input x = in({3, 7});
  add_draw(sink, "uniform", x, kFloating, [](const Tensor& t, Generator& g) { Tensor y = t.clone(); return uniform_(y, -1, 2, g); });
  add_draw(sink, "normal", x, kFloating, [](const Tensor& t, Generator& g) { Tensor y = t.clone(); return normal_(y, 1, 2, g); });
  add_draw(sink, "bernoulli_fill", x, kAnyDType, [](const Tensor& t, Generator& g) { Tensor y = t.clone(); return bernoulli_(y, 0.3, g); });
  add_draw(sink, "randint", x.as(DType::i64), kFloating, [](const Tensor& t, Generator& g) {
    return randint(-3, 5, t.sizes(), {.device = t.device()}, &g);
  });
  add_draw(sink, "bernoulli", x.range(0, 1), kFloating, [](const Tensor& t, Generator& g) { return bernoulli(t, &g); });
  add_draw(sink, "dropout", x, kFloating, [](const Tensor& t, Generator& g) { return dropout(t, 0.25, true, &g); });

  sink.error<DTypeError>("reserve_random", [] { Tensor t = zeros({}); reserve_random(t, 1); },
                         "reserve_random: offset must have dtype i64, got f32 [] cpu");
  sink.error<ShapeError>("reserve_random", [] { Tensor t = zeros({1}, {.dtype = DType::i64}); reserve_random(t, 1); },
                         "reserve_random: offset must be 0-dim, got i64 [1] cpu");
  sink.error<ValueError>("reserve_random", [] { Tensor t = zeros({}, {.dtype = DType::i64}); reserve_random(t, -1); },
                         "reserve_random: blocks must be at least 0, got -1");
}

}  // namespace farro::opcheck
