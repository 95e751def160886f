// SPDX-License-Identifier: Apache-2.0
// Moving and adding whole rows: the loops behind index_select, index_add, index() and index_put_. Entry j of an index
// names a place in the indexed dimensions; its row is everything around it.
#pragma once

#include <farro/core/dtype/visit.h>
#include <farro/core/op/ctx.h>
#include <farro/kernels/index/index_map.h>

namespace farro {

struct RowMap {
  Surroundings around;
  Tensor slots;    // i64, dense: of every entry, in [0, num_slots); equal for the same place only
  int64_t stride;  // the place of an entry is slot * stride
  int64_t num_slots;

  int64_t entries() const { return slots.numel(); }
};

// Rows of `tensor` along one dimension; `index` is checked and dense.
RowMap rows_along(const Tensor& tensor, int dim, const Tensor& index);

// out [outer, entries, inner], dense, from the rows of `input`.
void take_rows(const Tensor& out, const Tensor& input, const RowMap& rows);

// The rows of `target` from `values` [outer, entries, inner], dense and of the same dtype. The last entry for a place
// wins.
void put_rows(const Tensor& target, const Tensor& values, const RowMap& rows);

// a + b; integers wrap around, as in add().
template <class T>
inline T wrapped_sum(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  else
    return a + b;
}

// So many terms may be added to one place in f32: a running sum of n terms is off by up to n units in the last place.
inline constexpr int64_t kMaxTerms = 64;

// A tensor to add to, in the type sums are made in: f32 for the half types, i64 for integers and bool.
class Accumulator {
 public:
  // `out` shall become `input` with something added, once the kernel has returned; out may be input. With `many_terms`
  // for a place that add_rows() does not see to, floating sums are made in f64.
  Accumulator(Ctx& ctx, const Tensor& out, const Tensor& input, bool many_terms = false);
  const Tensor& tensor() const noexcept { return sum_; }
  // Dense, in the dtype of the sum.
  Tensor as_addend(Ctx& ctx, const Tensor& values) const {
    return ctx.dense(values, MemoryFormat::contiguous, sum_.dtype());
  }

  // fn(TypeTag<T>) for the type of the sum.
  template <class Fn>
  void visit(Fn&& fn) const {
    if (sum_.dtype() == DType::f32) return fn(TypeTag<float>{});
    if (sum_.dtype() == DType::f64) return fn(TypeTag<double>{});
    fn(TypeTag<int64_t>{});
  }

 private:
  Tensor sum_;
};

// Adds `values` [outer, entries, inner], made by as_addend(), to the rows of sum.tensor(); entries of a negative slot
// are passed over. Places that get more than kMaxTerms values are summed in f64.
void add_rows(const Accumulator& sum, const Tensor& values, const RowMap& rows);

}  // namespace farro
