// Gradients: first and second order against difference quotients, every mask of wanted gradients, every floating dtype.
#include <farro/autograd/check/gradcheck.h>
#include <farro/autograd/engine/engine.h>
#include <farro/tests/opcheck/op_test.h>

#include <cmath>

namespace farro::opcheck {
namespace {

class Gradients : public OpTest {};

unsigned differentiable_inputs(const Sample& sample, DType dtype) {
  unsigned mask = 0;
  for (size_t i = 0; i < sample.inputs.size(); ++i) {
    const Input& input = sample.inputs[i];
    if (input.defined && input.differentiable && is_floating(dtype_of(input, dtype))) mask |= 1u << i;
    if (input.special_values) return 0;
  }
  return mask;
}

bool checks_gradients(const OpEntry& op, const Sample& sample, DType dtype) {
  return !op.no_backward && sample.grad != Grad::none && (sample.dtypes >> static_cast<int>(dtype) & 1) &&
         differentiable_inputs(sample, dtype);
}

// d(sum of outputs * fixed numbers) / d(inputs of the mask).
Tensors gradients(const Sample& sample, const Tensors& leaves) {
  Tensors wanted, outputs, seeds;
  for (const Tensor& leaf : leaves)
    if (leaf.defined() && leaf.requires_grad()) wanted.push_back(leaf);
  for (const Tensor& output : sample.run(leaves)) {
    if (!output.requires_grad()) continue;
    outputs.push_back(output);
    const Input like = in(output.sizes()).range(0.5, 1.5);
    seeds.push_back(make_tensor(make_values(like, output.dtype(), 99), output.sizes(), output.dtype(), output.device(),
                                Layout::contiguous));
  }
  if (outputs.empty()) return {};
  return grad(outputs, wanted, seeds, {.allow_unused = true});
}

TEST_P(Gradients, AreWhatDifferencesSay) {
  int checked = 0;
  for (const Device& device : devices_of(op()))
    for_each_variant(op(), device, [&](const char* variant) {
      for (const Sample& sample : samples()) {
        if (!checks_gradients(op(), sample, DType::f64)) continue;
        // Kernels are judged by their values; on a device one pass over the whole backward is enough.
        if (device.is_cuda() && checked > 0 && sample.grad != Grad::second) continue;
        SCOPED_TRACE(str(describe(op_name(), sample, DType::f64, device, Layout::contiguous), " ", variant));
        const Tensors leaves = with_gradients(sample, make_inputs(sample, DType::f64, device).tensors);
        const TensorFunction function = [&](const Tensors& in) { return sample.run(in); };
        if_supported([&] {
          static_cast<void>(function(leaves));
          EXPECT_NO_THROW(gradcheck(function, leaves));
          if (sample.grad == Grad::second) {
            EXPECT_NO_THROW(gradgradcheck(function, leaves));
          }
          ++checked;
        });
      }
    });
  if (!op().no_backward) {
    EXPECT_GT(checked, 0) << "no sample of " << op_name() << " checks its gradients";
  }
}

TEST_P(Gradients, DoNotDependOnWhichOthersAreWanted) {
  for (const Sample& sample : samples()) {
    if (!checks_gradients(op(), sample, DType::f64)) continue;
    const unsigned all = differentiable_inputs(sample, DType::f64);
    const Tensors inputs = make_inputs(sample, DType::f64, Device::cpu()).tensors;
    const Tensors full = gradients(sample, with_gradients(sample, inputs, all));
    for (unsigned mask = (all - 1) & all; mask; mask = (mask - 1) & all) {
      SCOPED_TRACE(str(op_name(), " '", sample.label, "' mask ", mask));
      Tensors expected;
      size_t at = 0;
      for (unsigned i = 0; i < inputs.size(); ++i) {
        if (!(all >> i & 1)) continue;
        if (mask >> i & 1) expected.push_back(full[at]);
        ++at;
      }
      EXPECT_EQ(difference(expected, gradients(sample, with_gradients(sample, inputs, mask))), "");
    }
  }
}

// Of the right dtype, and as near to the f64 gradients as a few dozen roundings leave them.
TEST_P(Gradients, HoldInEveryDType) {
  for (const Device& device : devices_of(op()))
    for (const Sample& sample : samples()) {
      if (!checks_gradients(op(), sample, DType::f64)) continue;
      for (DType dtype : list(sample.dtypes & kFloating & ~dtype_set({DType::f64}))) {
        SCOPED_TRACE(describe(op_name(), sample, dtype, device, Layout::contiguous));
        const Made made = make_inputs(sample, dtype, device);
        Tensors exact_inputs;
        for (const Tensor& input : made.tensors)
          exact_inputs.push_back(input.defined() && input.dtype() == dtype ? input.to(Device::cpu(), DType::f64)
                                 : input.defined()                         ? input.to(Device::cpu())
                                                                           : input);
        const Tensors got = gradients(sample, with_gradients(sample, made.tensors));
        const Tensors want = gradients(sample, with_gradients(sample, exact_inputs));
        ASSERT_EQ(got.size(), want.size());
        const double eps = dtype == DType::f32 ? 0x1p-23 : dtype == DType::f16 ? 0x1p-10 : 0x1p-7;
        for (size_t k = 0; k < got.size(); ++k) {
          ASSERT_EQ(got[k].defined(), want[k].defined());
          if (!got[k].defined()) continue;
          EXPECT_EQ(got[k].dtype(), dtype);
          const std::vector<double> x = read(got[k]), y = read(want[k]);
          double scale = 0;
          for (double value : y) scale = std::max(scale, std::abs(value));
          for (size_t i = 0; i < x.size(); ++i)
            ASSERT_LE(std::abs(x[i] - y[i]), 32 * eps * scale) << "gradient " << k << " element " << i;
        }
      }
    }
}

INSTANTIATE_TEST_SUITE_P(Ops, Gradients, testing::ValuesIn(all_samples()), name_of);

}  // namespace
}  // namespace farro::opcheck
