#include <farro/kernels/pointwise/compare.op.h>
#include <farro/kernels/pointwise/device_loops.h>

namespace farro {

namespace {

struct EqFn {
  template <class C>
  __device__ bool operator()(C a, C b) const {
    return a == b;
  }
};
struct NeFn {
  template <class C>
  __device__ bool operator()(C a, C b) const {
    return a != b;
  }
};
struct LtFn {
  template <class C>
  __device__ bool operator()(C a, C b) const {
    return a < b;
  }
};
struct LeFn {
  template <class C>
  __device__ bool operator()(C a, C b) const {
    return a <= b;
  }
};
struct GtFn {
  template <class C>
  __device__ bool operator()(C a, C b) const {
    return a > b;
  }
};
struct GeFn {
  template <class C>
  __device__ bool operator()(C a, C b) const {
    return a >= b;
  }
};
struct AndFn {
  template <class C>
  __device__ bool operator()(C a, C b) const {
    return a != C(0) && b != C(0);
  }
};
struct OrFn {
  template <class C>
  __device__ bool operator()(C a, C b) const {
    return a != C(0) || b != C(0);
  }
};
struct XorFn {
  template <class C>
  __device__ bool operator()(C a, C b) const {
    return (a != C(0)) != (b != C(0));
  }
};
struct NotFn {
  template <class C>
  __device__ bool operator()(C a) const {
    return a == C(0);
  }
};
struct IsNanFn {
  template <class C>
  __device__ bool operator()(C a) const {
    return a != a;
  }
};
struct IsFiniteFn {
  template <class C>
  __device__ bool operator()(C a) const {
    return a - a == C(0);  // infinity - infinity and NaN are NaN
  }
};

template <class Op, class F>
void add() {
  register_pointwise_cuda<Op>([](const typename Op::Args&) { return F(); });
}

}  // namespace

void register_compare_cuda();
void register_compare_cuda() {
  add<Eq, EqFn>();
  add<Ne, NeFn>();
  add<Lt, LtFn>();
  add<Le, LeFn>();
  add<Gt, GtFn>();
  add<Ge, GeFn>();
  add<LogicalAnd, AndFn>();
  add<LogicalOr, OrFn>();
  add<LogicalXor, XorFn>();
  add<LogicalNot, NotFn>();
  add<IsNan, IsNanFn>();
  add<IsFinite, IsFiniteFn>();
}

}  // namespace farro
