// SPDX-License-Identifier: Apache-2.0
// The error of the plain formula in f32, which is measured, and the judgement of results by it.
#include <farro/tests/opcheck/tolerance.h>

#include <farro/core/dtype/visit.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace farro::opcheck {

namespace {

double epsilon(DType dtype) {
  switch (dtype) {
    case DType::f64: return 0x1p-52;
    case DType::f32: return 0x1p-23;
    case DType::f16: return 0x1p-10;
    case DType::bf16: return 0x1p-7;
    default: return 0;
  }
}

double smallest(DType dtype) {
  switch (dtype) {
    case DType::f64: return 0x1p-1074;
    case DType::f32: return 0x1p-149;
    case DType::f16: return 0x1p-24;
    case DType::bf16: return 0x1p-133;
    default: return 0;
  }
}

// `value` as an output of the dtype holds it.
double as_held(DType dtype, double value) {
  switch (dtype) {
    case DType::f64: return value;
    case DType::f32: return static_cast<double>(static_cast<float>(value));
    case DType::f16: return static_cast<double>(static_cast<float>(half(static_cast<float>(value))));
    case DType::bf16: return static_cast<double>(static_cast<float>(bfloat16(static_cast<float>(value))));
    case DType::boolean: return value != 0;
    default:  // integers wrap
      return visit_dtype(dtype, [&]<class T>(TypeTag<T>) {
        if constexpr (std::is_integral_v<T>)
          return static_cast<double>(static_cast<T>(static_cast<int64_t>(value)));
        else
          return value;
      });
  }
}

void measure(const Sample& sample, const std::vector<std::vector<double>>& values, std::vector<NaiveError>& errors) {
  const Arrays<double> exact = sample.reference(to_arrays<double>(sample, values));
  const Arrays<float> plain = sample.reference(to_arrays<float>(sample, values));
  errors.resize(exact.size());
  for (size_t k = 0; k < exact.size(); ++k) {
    for (size_t i = 0; i < exact[k].data.size(); ++i) {
      const double error = std::abs(exact[k].data[i] - static_cast<double>(plain[k].data[i]));
      if (!std::isfinite(error)) continue;
      errors[k].absolute = std::max(errors[k].absolute, error);
      if (exact[k].data[i] != 0) errors[k].relative = std::max(errors[k].relative, error / std::abs(exact[k].data[i]));
    }
  }
}

// One evaluation may be lucky: measure at a few neighbouring points too.
std::vector<NaiveError> naive_errors(const Sample& sample, std::vector<std::vector<double>> values) {
  std::vector<NaiveError> errors;
  std::mt19937_64 engine(7);
  for (int trial = 0; trial < 4; ++trial) {
    for (size_t i = 0; i < values.size(); ++i) {
      if (sample.inputs[i].dtype) continue;
      for (double& value : values[i])
        value = static_cast<float>(trial == 0 ? value : value * (1 + 1e-3 * (double(engine() >> 11) * 0x1p-53 - 0.5)));
    }
    measure(sample, values, errors);
  }
  return errors;
}

std::string judge_output(const Sample& sample, const NdArray<double>& want, NaiveError naive, const Tensor& output) {
  if (output.sizes() != want.sizes) return str("sizes ", want.sizes, ", got ", output);
  const DType dtype = output.dtype();
  const std::vector<double> got = read(output);
  const double eps = sample.exact ? 0 : epsilon(dtype);
  const double scale = sample.exact ? 0 : kSlack * (dtype == DType::f64 ? 0x1p-29 : 1);
  int64_t zeros = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const double expected = as_held(dtype, want.data[i]);
    zeros += got[i] == 0 && expected == 0;
    if (got[i] == expected || (std::isnan(got[i]) && std::isnan(expected))) continue;
    if (!std::isfinite(expected)) return str("element ", i, " of ", output, ": ", expected, ", got ", got[i]);
    const double tolerance = scale * std::min(naive.absolute, naive.relative * std::abs(expected)) +
                             2 * eps * std::abs(expected) + (sample.exact ? 0 : smallest(dtype));
    if (!(std::abs(got[i] - expected) <= tolerance))
      return str("element ", i, " of ", output, ": ", expected, " within ", tolerance, ", got ", got[i]);
  }
  if (!sample.zeros && got.size() >= 10 && zeros * 10 > static_cast<int64_t>(got.size()) * 9)
    return str("mistrusted: ", zeros, " of ", got.size(), " elements are zero on both sides");
  return {};
}

}  // namespace

const std::vector<NaiveError>& Oracle::errors(const std::vector<std::vector<double>>& inputs, DType dtype) {
  std::vector<NaiveError>& errors = errors_[is_floating(dtype) ? 0 : 1];
  if (errors.empty()) errors = naive_errors(sample_, inputs);
  return errors;
}

std::string Oracle::judge(const std::vector<std::vector<double>>& inputs, DType dtype, const Tensors& outputs) {
  const auto [answer, is_new] = answers_.try_emplace(dtype);
  const Arrays<double>& want = answer->second;
  if (is_new) answer->second = sample_.reference(to_arrays<double>(sample_, inputs));
  if (want.size() != outputs.size()) return str(want.size(), " outputs, got ", outputs.size());
  for (size_t k = 0; k < want.size(); ++k) {
    if (is_floating(outputs[k].dtype()) && is_floating(dtype) && outputs[k].dtype() != sample_.gives.value_or(dtype))
      return str("output ", k, " in ", sample_.gives.value_or(dtype), ", got ", outputs[k]);
    const NaiveError error = sample_.exact ? NaiveError() : errors(inputs, dtype)[k];
    if (const std::string wrong = judge_output(sample_, want[k], error, outputs[k]); !wrong.empty())
      return str("output ", k, ": ", wrong);
  }
  return {};
}

}  // namespace farro::opcheck
