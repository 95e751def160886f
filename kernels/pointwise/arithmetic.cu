#include <farro/kernels/pointwise/arithmetic.op.h>
#include <farro/kernels/pointwise/device_loops.h>

namespace farro {

namespace {

struct AddFn {
  double alpha;
  template <class C>
  __device__ C operator()(C a, C b) const {
    return a + static_cast<C>(alpha) * b;
  }
};
struct SubFn {
  template <class C>
  __device__ C operator()(C a, C b) const {
    return a - b;
  }
};
struct MulFn {
  template <class C>
  __device__ C operator()(C a, C b) const {
    return a * b;
  }
};
struct DivFn {
  template <class C>
  __device__ C operator()(C a, C b) const {
    return a / b;
  }
};
struct NegFn {
  template <class C>
  __device__ C operator()(C a) const {
    return -a;
  }
};

}  // namespace

void register_arithmetic_cuda();
void register_arithmetic_cuda() {
  register_pointwise_cuda<Add>([](const Add::Args& args) { return AddFn{args.alpha}; });
  register_pointwise_cuda<Sub>([](const Sub::Args&) { return SubFn(); });
  register_pointwise_cuda<Mul>([](const Mul::Args&) { return MulFn(); });
  register_pointwise_cuda<Div>([](const Div::Args&) { return DivFn(); });
  register_pointwise_cuda<Neg>([](const Neg::Args&) { return NegFn(); });
}

}  // namespace farro
