// SPDX-License-Identifier: Apache-2.0
// Comparisons and logical operations as ops. Beside a C++ number they answer by its value: a number that the tensor's
// dtype does not hold is greater or less than all of it, not rounded into it.
#include <farro/kernels/pointwise/compare.op.h>

#include <farro/autograd/call/call.h>
#include <farro/core/tensor/number.h>
#include <farro/kernels/pointwise/compare.h>

#include <cmath>
#include <cstdint>

namespace farro {

void register_compare();
void register_compare() {
  register_op<Eq>();
  register_op<Ne>();
  register_op<Lt>();
  register_op<Le>();
  register_op<Gt>();
  register_op<Ge>();
  register_op<LogicalAnd>();
  register_op<LogicalOr>();
  register_op<LogicalXor>();
  register_op<LogicalNot>();
  register_op<IsNan>();
  register_op<IsFinite>();
}

Tensor eq(const Tensor& a, const Tensor& b) { return call<Eq>({a, b}); }
Tensor ne(const Tensor& a, const Tensor& b) { return call<Ne>({a, b}); }
Tensor lt(const Tensor& a, const Tensor& b) { return call<Lt>({a, b}); }
Tensor le(const Tensor& a, const Tensor& b) { return call<Le>({a, b}); }
Tensor gt(const Tensor& a, const Tensor& b) { return call<Gt>({a, b}); }
Tensor ge(const Tensor& a, const Tensor& b) { return call<Ge>({a, b}); }
Tensor logical_and(const Tensor& a, const Tensor& b) { return call<LogicalAnd>({a, b}); }
Tensor logical_or(const Tensor& a, const Tensor& b) { return call<LogicalOr>({a, b}); }
Tensor logical_xor(const Tensor& a, const Tensor& b) { return call<LogicalXor>({a, b}); }
Tensor logical_not(const Tensor& a) { return call<LogicalNot>({a}); }
Tensor isnan(const Tensor& a) { return call<IsNan>({a}); }
Tensor isfinite(const Tensor& a) { return call<IsFinite>({a}); }

Tensor operator==(const Tensor& a, const Tensor& b) { return eq(a, b); }
Tensor operator!=(const Tensor& a, const Tensor& b) { return ne(a, b); }
Tensor operator<(const Tensor& a, const Tensor& b) { return lt(a, b); }
Tensor operator<=(const Tensor& a, const Tensor& b) { return le(a, b); }
Tensor operator>(const Tensor& a, const Tensor& b) { return gt(a, b); }
Tensor operator>=(const Tensor& a, const Tensor& b) { return ge(a, b); }
namespace {

enum class Relation { eq, ne, lt, le, gt, ge };

Tensor related(Relation relation, const Tensor& a, const Tensor& b) {
  switch (relation) {
    case Relation::eq: return eq(a, b);
    case Relation::ne: return ne(a, b);
    case Relation::lt: return lt(a, b);
    case Relation::le: return le(a, b);
    case Relation::gt: return gt(a, b);
    default: return ge(a, b);
  }
}

// The same answer for every integer: whether `relation` holds between any of them and a number beyond them all.
Tensor everywhere(bool answer, const Tensor& a) {
  return answer ? ge(a, wrap_number(INT64_MIN)) : lt(a, wrap_number(INT64_MIN));
}

// Integers beside a floating number, by its value: neither side is rounded.
Tensor related_integers(Relation relation, const Tensor& a, double b) {
  const bool below = relation == Relation::lt || relation == Relation::le;
  const bool above = relation == Relation::gt || relation == Relation::ge;
  if (std::isnan(b)) return everywhere(relation == Relation::ne, a);
  // 2^63 is the first double above every int64_t.
  if (b >= 0x1p63) return everywhere(below || relation == Relation::ne, a);
  if (b < -0x1p63) return everywhere(above || relation == Relation::ne, a);
  if (b == std::floor(b)) return related(relation, a, wrap_number(static_cast<int64_t>(b)));
  if (!below && !above) return everywhere(relation == Relation::ne, a);
  // Between two integers; the lower one is within the range, for a double with a fraction is small.
  return related(below ? Relation::le : Relation::gt, a, wrap_number(static_cast<int64_t>(std::floor(b))));
}

// A finite number beyond the floating dtype lies between its largest values and the infinities.
Tensor related_beyond(Relation relation, const Tensor& a, bool positive) {
  const Tensor limit = wrap_number(positive ? INFINITY : -INFINITY, a);
  switch (relation) {
    case Relation::eq: return lt(a, wrap_number(-INFINITY, a));
    case Relation::ne: return logical_not(lt(a, wrap_number(-INFINITY, a)));
    case Relation::lt:
    case Relation::le: return positive ? lt(a, limit) : le(a, limit);
    default: return positive ? ge(a, limit) : gt(a, limit);
  }
}

Tensor related(const char* op, Relation relation, const Tensor& a, Scalar b) {
  check_defined(op, "a", a);
  if (!is_floating(a.dtype()) && b.is_floating()) return related_integers(relation, a, b.to_double());
  const DType computed = is_floating(a.dtype()) ? compute_type(a.dtype()) : DType::i64;
  if (!holds(computed, b)) return related_beyond(relation, a, b.to_double() > 0);
  return related(relation, a, wrap_number(b, a));
}

}  // namespace

Tensor operator==(const Tensor& a, Scalar b) { return related("eq", Relation::eq, a, b); }
Tensor operator!=(const Tensor& a, Scalar b) { return related("ne", Relation::ne, a, b); }
Tensor operator<(const Tensor& a, Scalar b) { return related("lt", Relation::lt, a, b); }
Tensor operator<=(const Tensor& a, Scalar b) { return related("le", Relation::le, a, b); }
Tensor operator>(const Tensor& a, Scalar b) { return related("gt", Relation::gt, a, b); }
Tensor operator>=(const Tensor& a, Scalar b) { return related("ge", Relation::ge, a, b); }

}  // namespace farro
