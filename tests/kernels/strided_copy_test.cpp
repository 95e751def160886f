// SPDX-License-Identifier: Apache-2.0
// strided_copy against an element-by-element loop, over random layouts; and the transposed copies it is there for.
#include <farro/core/random/generator.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/memory/strided_copy.h>

#include <gtest/gtest.h>

#include <cstring>

namespace farro {
namespace {

// A layout of `sizes` without overlap: dimensions in random order, with random gaps.
Strides random_strides(const Shape& sizes, RandomSequence& random) {
  std::vector<int> order;
  for (int i = 0; i < sizes.size(); ++i)
    order.insert(order.begin() + static_cast<std::ptrdiff_t>(random.below(order.size() + 1)), i);
  Strides strides = sizes;
  int64_t step = random.below(3) == 0 ? 2 : 1;
  for (int d : order) {
    strides[d] = step;
    step *= sizes[d];
    if (random.below(4) == 0) step += static_cast<int64_t>(random.below(3));
  }
  return strides;
}

TEST(StridedCopy, MatchesTheElementwiseLoop) {
  RandomSequence random(Generator(99).state());
  for (int trial = 0; trial < 3000; ++trial) {
    Shape sizes;
    const int rank = static_cast<int>(random.below(5));
    for (int i = 0; i < rank; ++i) sizes.push_back(1 + static_cast<int64_t>(random.below(random.below(6) ? 9 : 90)));
    const int64_t numel = checked_numel("test", sizes);
    if (numel > 300'000) continue;
    const Strides out_strides = random_strides(sizes, random);
    Strides in_strides = random_strides(sizes, random);
    int64_t start = 0;
    const int64_t in_reach = reach(sizes, in_strides);
    for (int i = 0; i < rank; ++i) {
      const uint64_t kind = random.below(8);
      if (kind == 0) in_strides[i] = 0;  // expanded
      if (kind != 1) continue;           // flipped
      start += (sizes[i] - 1) * in_strides[i];
      in_strides[i] = -in_strides[i];
    }
    const size_t item = size_t{1} << random.below(4);
    const int64_t out_reach = reach(sizes, out_strides);
    std::vector<unsigned char> in(static_cast<size_t>(in_reach) * item),
        out(static_cast<size_t>(out_reach) * item, 0xEE);
    for (auto& byte : in) byte = static_cast<unsigned char>(random.next32());
    std::vector<unsigned char> expected = out;
    for (int64_t n = 0; n < numel; ++n) {
      int64_t from = start, to = 0, rest = n;
      for (int i = rank - 1; i >= 0; --i) {
        from += rest % sizes[i] * in_strides[i];
        to += rest % sizes[i] * out_strides[i];
        rest /= sizes[i];
      }
      std::memcpy(expected.data() + static_cast<size_t>(to) * item, in.data() + static_cast<size_t>(from) * item, item);
    }
    strided_copy(out.data(), out_strides, in.data() + static_cast<size_t>(start) * item, in_strides, sizes, item);
    ASSERT_EQ(out, expected) << "sizes " << to_string(sizes) << " out " << to_string(out_strides) << " in "
                             << to_string(in_strides) << " item " << item;
  }
}

// Sizes around the edges of vectors and tiles.
TEST(StridedCopy, Transposes) {
  for (DType dtype : {DType::u8, DType::bf16, DType::f32, DType::f64})
    for (int64_t rows : {1, 3, 4, 7, 16, 33, 130, 515})
      for (int64_t columns : {1, 2, 8, 15, 64, 129, 513}) {
        const Tensor x = arange(rows * columns).to(DType::u8).to(dtype).reshape({rows, columns});
        const auto values = x.to_vector<double>(), turned = x.t().contiguous().to_vector<double>();
        for (int64_t i = 0; i < rows; ++i)
          for (int64_t j = 0; j < columns; ++j)
            ASSERT_EQ(turned[static_cast<size_t>(j * rows + i)], values[static_cast<size_t>(i * columns + j)])
                << rows << " x " << columns << " " << name(dtype);
      }
}

}  // namespace
}  // namespace farro
