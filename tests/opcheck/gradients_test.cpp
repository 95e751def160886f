// SPDX-License-Identifier: Apache-2.0
// Gradients: first and second order against difference quotients, every mask of wanted gradients, every floating dtype.
#include <farro/autograd/check/gradcheck.h>
#include <farro/autograd/engine/engine.h>
#include <farro/tests/opcheck/op_test.h>

#include <cmath>
#include <random>

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
  return !op.methods->no_backward && sample.grad != Grad::none && (sample.dtypes >> static_cast<int>(dtype) & 1) &&
         differentiable_inputs(sample, dtype);
}

// A factor within one rounding of 1.
class Noise {
 public:
  explicit Noise(double rounding) : rounding_(rounding) {}
  void disturb(std::vector<double>& values) {
    for (double& value : values) value *= 1 + rounding_ * (double(engine_() >> 11) * 0x1p-52 - 1);
  }

 private:
  double rounding_;
  std::mt19937_64 engine_{11};
};

// d(sum of outputs * fixed numbers) / d(inputs of the mask). The numbers are such as `dtype` holds, disturbed where
// there is noise.
Tensors gradients(const Sample& sample, const Tensors& leaves, DType dtype, Noise* noise = nullptr) {
  Tensors wanted, outputs, seeds;
  for (const Tensor& leaf : leaves)
    if (leaf.defined() && leaf.requires_grad()) wanted.push_back(leaf);
  for (const Tensor& output : sample.run(leaves)) {
    if (!output.requires_grad()) continue;
    outputs.push_back(output);
    const Input like = in(output.sizes()).range(0.5, 1.5);
    std::vector<double> values = make_values(like, dtype, 99);
    if (noise) noise->disturb(values);
    seeds.push_back(make_tensor(values, output.sizes(), output.dtype(), output.device(), Layout::contiguous));
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
        if_supported(variant, [&] {
          static_cast<void>(function(leaves));
          EXPECT_NO_THROW(gradcheck(function, leaves));
          if (sample.grad == Grad::second) {
            EXPECT_NO_THROW(gradgradcheck(function, leaves));
          }
          ++checked;
        });
      }
    });
  if (!op().methods->no_backward) {
    EXPECT_GT(checked, 0) << "no sample of " << op_name() << " checks its gradients";
  }
}

TEST_P(Gradients, DoNotDependOnWhichOthersAreWanted) {
  for (const Sample& sample : samples()) {
    if (!checks_gradients(op(), sample, DType::f64)) continue;
    const unsigned all = differentiable_inputs(sample, DType::f64);
    const Tensors inputs = make_inputs(sample, DType::f64, Device::cpu()).tensors;
    const Tensors full = gradients(sample, with_gradients(sample, inputs, all), DType::f64);
    for (unsigned mask = (all - 1) & all; mask; mask = (mask - 1) & all) {
      SCOPED_TRACE(str(op_name(), " '", sample.label, "' mask ", mask));
      Tensors expected;
      size_t at = 0;
      for (unsigned i = 0; i < inputs.size(); ++i) {
        if (!(all >> i & 1)) continue;
        if (mask >> i & 1) expected.push_back(full[at]);
        ++at;
      }
      EXPECT_EQ(difference(expected, gradients(sample, with_gradients(sample, inputs, mask), DType::f64)), "");
    }
  }
}

double rounding_of(DType dtype) { return dtype == DType::f32 ? 0x1p-24 : dtype == DType::f16 ? 0x1p-11 : 0x1p-8; }

// The sample's inputs with those of `dtype` in f64, and disturbed where there is noise.
Tensors exact_inputs(const Sample& sample, const Made& made, DType dtype, Noise* noise = nullptr) {
  Tensors exact;
  for (size_t i = 0; i < sample.inputs.size(); ++i) {
    const Input& input = sample.inputs[i];
    exact.emplace_back();
    if (!input.defined) continue;
    const DType own = dtype_of(input, dtype);
    std::vector<double> values = made.values[i];
    if (noise && is_floating(own) && input.given.empty()) noise->disturb(values);
    exact.back() = make_tensor(values, input.sizes, own == dtype ? DType::f64 : own, Device::cpu(), Layout::contiguous);
  }
  return exact;
}

// Of each gradient, how far one rounding of the inputs and of what comes in from behind moves it; at least one rounding
// of its largest element.
std::vector<double> sensitivities(const Sample& sample, const Made& made, DType dtype, const Tensors& want) {
  std::vector<double> moved(want.size());
  Noise noise(rounding_of(dtype));
  for (int trial = 0; trial < 3; ++trial) {
    const Tensors near =
        gradients(sample, with_gradients(sample, exact_inputs(sample, made, dtype, &noise)), dtype, &noise);
    for (size_t k = 0; k < want.size(); ++k) {
      if (!want[k].defined()) continue;
      const std::vector<double> x = read(near[k]), y = read(want[k]);
      for (size_t i = 0; i < x.size(); ++i)
        moved[k] = std::max({moved[k], std::abs(x[i] - y[i]), rounding_of(dtype) * std::abs(y[i])});
    }
  }
  return moved;
}

// A backward may be made of several ops, whose results are rounded in between, and sums in f32 round all the way.
constexpr double kGradientSlack = 4 * kSlack;

// Of the right dtype, and as near to the f64 gradients as a few roundings leave them. Large samples, whose gradients no
// difference quotient says, take part in f32.
TEST_P(Gradients, HoldInEveryDType) {
  if (op().methods->no_backward) return;
  for (const Sample& sample : samples()) {
    if (!differentiable_inputs(sample, DType::f64)) continue;
    const DTypeSet dtypes = sample.grad == Grad::none ? dtype_set({DType::f32}) : kFloating & ~dtype_set({DType::f64});
    for (DType dtype : list(sample.dtypes & dtypes)) {
      const Made made = make_inputs(sample, dtype, Device::cpu());
      const Tensors want = gradients(sample, with_gradients(sample, exact_inputs(sample, made, dtype)), dtype);
      const std::vector<double> moved = sensitivities(sample, made, dtype, want);
      for (const Device& device : devices_of(op())) {
        SCOPED_TRACE(describe(op_name(), sample, dtype, device, Layout::contiguous));
        const Tensors got =
            gradients(sample, with_gradients(sample, make_inputs(sample, dtype, device).tensors), dtype);
        ASSERT_EQ(got.size(), want.size());
        for (size_t k = 0; k < got.size(); ++k) {
          ASSERT_EQ(got[k].defined(), want[k].defined());
          if (!got[k].defined()) continue;
          EXPECT_EQ(got[k].dtype(), dtype);
          const std::vector<double> x = read(got[k]), y = read(want[k]);
          const double tolerance = kGradientSlack * (moved[k] + rounding_of(dtype) * sample.cancelling);
          for (size_t i = 0; i < x.size(); ++i) {
            if (std::isnan(x[i]) && std::isnan(y[i])) continue;
            ASSERT_LE(std::abs(x[i] - y[i]), tolerance) << "gradient " << k << " element " << i;
          }
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, Gradients, testing::ValuesIn(all_samples()), name_of);

}  // namespace
}  // namespace farro::opcheck
