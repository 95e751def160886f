#include <farro/kernels/pointwise/compare.op.h>

#include <farro/autograd/call/call.h>
#include <farro/kernels/pointwise/compare.h>

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
Tensor operator==(const Tensor& a, Scalar b) { return eq(a, wrap_number(b, a)); }
Tensor operator!=(const Tensor& a, Scalar b) { return ne(a, wrap_number(b, a)); }
Tensor operator<(const Tensor& a, Scalar b) { return lt(a, wrap_number(b, a)); }
Tensor operator<=(const Tensor& a, Scalar b) { return le(a, wrap_number(b, a)); }
Tensor operator>(const Tensor& a, Scalar b) { return gt(a, wrap_number(b, a)); }
Tensor operator>=(const Tensor& a, Scalar b) { return ge(a, wrap_number(b, a)); }

}  // namespace farro
