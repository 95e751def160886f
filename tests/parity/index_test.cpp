// SPDX-License-Identifier: Apache-2.0
// Indexing, views, and what moves elements: where each one goes, and where its gradient comes back to.
#include <farro/kernels/index/gather.h>
#include <farro/kernels/index/indexing.h>
#include <farro/kernels/index/join.h>
#include <farro/kernels/index/one_hot.h>
#include <farro/kernels/index/rearrange.h>
#include <farro/kernels/index/repeat.fn.h>
#include <farro/kernels/index/sort.h>
#include <farro/kernels/index/stack.fn.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/choose.h>
#include <farro/kernels/pointwise/compare.h>
#include <farro/kernels/random/random.h>
#include <farro/tests/parity/compare.h>

#include <limits>

namespace farro::parity {
namespace {

using Indexing = Parity;
INSTANTIATE_TEST_SUITE_P(, Indexing, ::testing::Values(DType::f64, DType::f32), dtype_name);

Tensor indices(std::initializer_list<int64_t> values) { return tensor(std::vector<int64_t>(values)); }

// Everything that may stand between the brackets of x[...] for x of [4, 5, 6]. No place is named twice: which of two
// values a write leaves there is not defined in LibTorch.
std::vector<std::pair<const char*, std::vector<TensorIndex>>> bracket_cases() {
  const Tensor rows = indices({2, 0, -1}), columns = indices({4, 1, -5});
  const Tensor table = indices({2, 0, -1, 1}).view({2, 2});
  const Tensor first_mask = tensor(std::vector<int64_t>{1, 0, 1, 1}).to(DType::boolean);
  const Tensor two_mask = randint(0, 2, {4, 5}).to(DType::boolean);
  return {
      {"a number", {1}},
      {"a negative number", {-1, -2}},
      {"every second", {Slice(0, 4, 2)}},
      {"a slice that clamps", {Slice(-100, 100), Slice(3, None, 2)}},
      {"negative bounds", {Slice(-3, -1), Slice(None, -2, 3)}},
      {"an empty slice", {Slice(3, 1)}},
      {"an ellipsis", {Ellipsis, 2}},
      {"an ellipsis between", {1, Ellipsis, Slice(1, 5, 3)}},
      {"a new dimension", {None, 1, None, Slice(2)}},
      {"rows", {rows}},
      {"rows of the second dimension", {Slice(), rows}},
      {"a table of rows", {table}},
      {"rows and columns", {rows, columns}},
      {"rows and columns that broadcast", {table, indices({1, 3})}},
      {"neighbours behind a slice", {Slice(), rows, columns}},
      {"apart: their dimensions come first", {rows, Slice(), columns}},
      {"apart by a number", {rows, 1, columns}},
      {"apart by a new dimension", {rows, None, columns}},
      {"a mask", {first_mask}},
      {"a mask of two dimensions", {two_mask}},
      {"a mask and a slice", {first_mask, Slice(1, 4, 2)}},
      {"a mask and rows", {first_mask, Slice(), rows}},
      {"a number and rows", {2, rows, Slice(0, 5, 2)}},
  };
}

TEST_P(Indexing, Reading) {
  for (const auto& [what, between] : bracket_cases())
    expect_parity(
        what, {randn({4, 5, 6})}, [&](const Tensors& in) { return index(in[0], between); },
        [&](const PeerTensors& in) { return peer_index(in[0], between); });
}

TEST_P(Indexing, Writing) {
  for (const auto& [what, between] : bracket_cases()) {
    const Tensor x = randn({4, 5, 6});
    for (const Tensor& values : {randn({}), randn(index(x, between).sizes())})
      expect_parity(
          str(what, " = ", values.sizes()), {x, values},
          [&](const Tensors& in) {
            Tensor copy = in[0].clone();
            return index_put_(copy, between, in[1]);
          },
          [&](const PeerTensors& in) { return peer_index_put(in[0], between, in[1]); });
  }
}

TEST_P(Indexing, AccumulatingWrites) {
  const Tensor rows = indices({1, 0, 1, 1}), columns = indices({2, 2, 2, 0});
  const PeerTensors peers{PeerTensor::copy_of(rows), PeerTensor::copy_of(columns)};
  expect_parity(
      "places named twice", {randn({3, 4}), randn({4})},
      [&](const Tensors& in) {
        Tensor copy = in[0].clone();
        return index_put_(copy, std::vector<TensorIndex>{rows, columns}, in[1], true);
      },
      [&](const PeerTensors& in) { return aten("index_put", {in[0], peers, in[1], true}); });
}

TEST_P(Indexing, GatherAndScatter) {
  for (const int64_t dim : {0, 1, -1}) {
    const Tensor where = randint(0, 3, {2, 3, 2});
    expect_parity(
        str("gather over ", dim), {randn({3, 4, 3}), where},
        [&](const Tensors& in) { return gather(in[0], dim, in[1]); },
        [&](const PeerTensors& in) { return aten("gather", {in[0], dim, in[1]}); });
    expect_parity(
        str("scatter_add over ", dim), {randn({3, 4, 3}), where, randn({2, 3, 2})},
        [&](const Tensors& in) { return scatter_add(in[0], dim, in[1], in[2]); },
        [&](const PeerTensors& in) { return aten("scatter_add", {in[0], dim, in[1], in[2]}); });
    // Of a source that is bigger than the index the rest is not used; LibTorch has no gradient for it.
    const Tensor bigger = randn({2, 4, 3});
    const PeerTensor peer_bigger = PeerTensor::copy_of(bigger);
    expect_parity(
        str("scatter_add of a part over ", dim), {randn({3, 4, 3}), where},
        [&](const Tensors& in) { return scatter_add(in[0], dim, in[1], bigger); },
        [&](const PeerTensors& in) { return aten("scatter_add", {in[0], dim, in[1], peer_bigger}); });
    const Tensor which = randint(0, 3, {5});
    expect_parity(
        str("index_select over ", dim), {randn({3, 4, 3}), which},
        [&](const Tensors& in) { return index_select(in[0], dim, in[1]); },
        [&](const PeerTensors& in) { return aten("index_select", {in[0], dim, in[1]}); });
    Shape source{3, 4, 3};
    source[dim < 0 ? 2 : static_cast<int>(dim)] = 5;
    expect_parity(
        str("index_add over ", dim), {randn({3, 4, 3}), which, randn(source)},
        [&](const Tensors& in) { return index_add(in[0], dim, in[1], in[2]); },
        [&](const PeerTensors& in) { return aten("index_add", {in[0], dim, in[1], in[2]}); });
  }
}

TEST_P(Indexing, Masks) {
  const Tensor mask = randint(0, 2, {3, 4}).to(DType::boolean), row = randint(0, 2, {4}).to(DType::boolean);
  for (const Tensor& m : {mask, row}) {
    expect_parity(
        str("masked_select ", m.sizes()), {randn({3, 4}), m},
        [](const Tensors& in) { return masked_select(in[0], in[1]); }, Aten{"masked_select"});
    expect_parity(
        str("masked_fill ", m.sizes()), {randn({3, 4}), m},
        [](const Tensors& in) { return masked_fill(in[0], in[1], 2.5); }, Aten{"masked_fill.Scalar", {2.5}});
    expect_parity(
        str("where ", m.sizes()), {m, randn({3, 1}), randn({3, 4})},
        [](const Tensors& in) { return where(in[0], in[1], in[2]); }, Aten{"where.self"});
    expect_parity(str("nonzero ", m.sizes()), {m}, [](const Tensors& in) { return nonzero(in[0]); }, Aten{"nonzero"});
  }
  expect_parity(
      "one_hot", {randint(0, 4, {2, 3})}, [](const Tensors& in) { return one_hot(in[0], 5); }, Aten{"one_hot", {5}});
  expect_parity(
      "one_hot, classes counted", {randint(0, 4, {9})}, [](const Tensors& in) { return one_hot(in[0]); },
      Aten{"one_hot"});
}

TEST_P(Indexing, Views) {
  const Tensor x = randn({2, 3, 1, 4});
  expect_parity(
      "permute", {x}, [](const Tensors& in) { return in[0].permute({3, 0, -2, 1}); },
      Aten{"permute", {Dims{3, 0, -2, 1}}});
  expect_parity(
      "transpose", {x}, [](const Tensors& in) { return in[0].transpose(-1, 0); }, Aten{"transpose.int", {-1, 0}});
  expect_parity("squeeze", {x}, [](const Tensors& in) { return in[0].squeeze(); }, Aten{"squeeze"});
  expect_parity("squeeze 2", {x}, [](const Tensors& in) { return in[0].squeeze(2); }, Aten{"squeeze.dim", {2}});
  expect_parity("squeeze 1", {x}, [](const Tensors& in) { return in[0].squeeze(1); }, Aten{"squeeze.dim", {1}});
  expect_parity("unsqueeze", {x}, [](const Tensors& in) { return in[0].unsqueeze(-1); }, Aten{"unsqueeze", {-1}});
  expect_parity(
      "expand", {x}, [](const Tensors& in) { return in[0].expand({5, -1, 3, 6, 4}); },
      Aten{"expand", {Dims{5, -1, 3, 6, 4}}});
  expect_parity(
      "slice", {x}, [](const Tensors& in) { return in[0].slice(3, 1, 100, 2); }, Aten{"slice.Tensor", {3, 1, 100, 2}});
  expect_parity(
      "as_strided", {x}, [](const Tensors& in) { return in[0].as_strided({3, 3}, {2, 1}, 1); },
      Aten{"as_strided", {Dims{3, 3}, Dims{2, 1}, 1}});
  expect_parity("split", {x}, [](const Tensors& in) { return in[0].split(2, 1); }, Aten{"split.Tensor", {2, 1}});
  expect_parity("chunk", {x}, [](const Tensors& in) { return in[0].chunk(3, 3); }, Aten{"chunk", {3, 3}});
  expect_parity("unbind", {x}, [](const Tensors& in) { return in[0].unbind(1); }, Aten{"unbind.int", {1}});
  expect_parity(
      "reshape", {x}, [](const Tensors& in) { return in[0].permute({1, 0, 2, 3}).reshape({6, -1}); },
      [](const PeerTensors& in) { return aten("reshape", {aten("permute", {in[0], Dims{1, 0, 2, 3}}), Dims{6, -1}}); });
}

TEST_P(Indexing, JoinsAndRearrangements) {
  const Tensor x = randn({3, 4}), y = randn({3, 2});
  expect_parity(
      "cat", {x, y}, [](const Tensors& in) { return cat(in, 1); },
      [](const PeerTensors& in) { return aten("cat", {in, -1}); });
  expect_parity(
      "stack", {x, x}, [](const Tensors& in) { return stack(in, 1); },
      [](const PeerTensors& in) { return aten("stack", {in, 1}); });
  expect_parity(
      "repeat", {x}, [](const Tensors& in) { return repeat(in[0], {2, 3, 2}); }, Aten{"repeat", {Dims{2, 3, 2}}});
  for (const int64_t diagonal : {-1, 0, 2}) {
    expect_parity(
        str("tril ", diagonal), {randn({2, 3, 4})}, [&](const Tensors& in) { return tril(in[0], diagonal); },
        Aten{"tril", {diagonal}});
    expect_parity(
        str("triu ", diagonal), {randn({2, 3, 4})}, [&](const Tensors& in) { return triu(in[0], diagonal); },
        Aten{"triu", {diagonal}});
  }
  expect_parity("flip", {x}, [](const Tensors& in) { return flip(in[0], {0, -1}); }, Aten{"flip", {Dims{0, -1}}});
  expect_parity(
      "roll", {x}, [](const Tensors& in) { return roll(in[0], {-1, 6}, {0, 1}); },
      Aten{"roll", {Dims{-1, 6}, Dims{0, 1}}});
  expect_parity("roll of all", {x}, [](const Tensors& in) { return roll(in[0], {5}); }, Aten{"roll", {Dims{5}}});
}

// Equal elements keep their order, which LibTorch promises of its stable sort alone.
TEST_P(Indexing, Sorting) {
  const Tensor ties = randint(0, 3, {4, 6}).to(GetParam());
  for (const Tensor& x : {randn({4, 6}), ties})
    for (const int64_t dim : {0, 1})
      for (const bool descending : {false, true})
        expect_parity(
            str("sort over ", dim, ", descending ", descending), {x},
            [&](const Tensors& in) { return sort(in[0], dim, descending); },
            Aten{"sort.stable", {true, dim, descending}});
  // NaN is greater than everything.
  Tensor holes = randn({4, 6});
  holes.masked_fill_(rand({4, 6}) < 0.2, std::numeric_limits<double>::quiet_NaN());
  for (const bool descending : {false, true})
    expect_parity(
        str("sort with NaN, descending ", descending), {holes},
        [&](const Tensors& in) { return sort(in[0], 1, descending); }, Aten{"sort.stable", {true, 1, descending}});
  for (const bool greatest : {false, true})
    for (const int64_t k : {0, 1, 3, 6})
      expect_parity(
          str("topk ", k, ", greatest ", greatest), {randn({4, 6})},
          [&](const Tensors& in) { return topk(in[0], k, 1, greatest); }, Aten{"topk", {k, 1, greatest}});
}

}  // namespace
}  // namespace farro::parity
