// SPDX-License-Identifier: Apache-2.0
// Gradients against central differences, (f(x + eps) - f(x - eps)) / (2 eps), one input element at a time, in f64. The
// difference's error is about eps^2 from the third derivative and 1e-16 / eps from rounding.
#include <farro/autograd/check/gradcheck.h>

#include <farro/autograd/node/grad_mode.h>

#include <algorithm>
#include <cmath>

namespace farro {

namespace {

bool is_checked(const Tensor& input) { return input.defined() && input.dtype() == DType::f64 && input.requires_grad(); }

// Row-major host values as a tensor on a device.
Tensor make_tensor(const std::vector<double>& values, const Shape& sizes, Device device, DType dtype) {
  Tensor host = empty(sizes, {.dtype = DType::f64, .device = Device::cpu()});
  std::copy(values.begin(), values.end(), static_cast<double*>(host.raw_data()));
  return host.to(device, dtype);
}

// column[output][element of that output]
using Column = std::vector<std::vector<double>>;

Column values_of(const std::vector<Tensor>& outputs) {
  Column values;
  for (const Tensor& output : outputs)
    values.push_back(output.defined() && is_floating(output.dtype()) ? output.to_vector<double>()
                                                                     : std::vector<double>());
  return values;
}

// d(outputs) / d(element of one input), by central differences.
Column numeric_column(const TensorFunction& function, std::vector<Tensor> inputs, size_t input, size_t element,
                      double eps) {
  const no_grad guard;
  const Tensor original = inputs[input];
  std::vector<double> values = original.to_vector<double>();
  const double at = values[element];
  const auto outputs_at = [&](double x) {
    values[element] = x;
    inputs[input] = make_tensor(values, original.sizes(), original.device(), DType::f64);
    return values_of(function(inputs));
  };
  // Divided by the step that was really made: at + eps is rounded.
  const double above = at + eps, below = at - eps;
  Column high = outputs_at(above);
  const Column low = outputs_at(below);
  for (size_t o = 0; o < high.size(); ++o)
    for (size_t i = 0; i < high[o].size(); ++i) high[o][i] = (high[o][i] - low[o][i]) / (above - below);
  return high;
}

// row[input][element of that input]: the gradients of one element of one output.
std::vector<std::vector<double>> analytic_row(const Tensor& output, int64_t element,
                                              const std::vector<Tensor>& wanted) {
  // One row of the Jacobian: the vector-Jacobian product with a unit vector.
  std::vector<double> one_hot(static_cast<size_t>(output.numel()));
  one_hot[static_cast<size_t>(element)] = 1;
  const Tensor seed = make_tensor(one_hot, output.sizes(), output.device(), output.dtype());
  const std::vector<Tensor> grads =
      grad({&output, 1}, wanted, {&seed, 1}, {.retain_graph = true, .allow_unused = true});
  std::vector<std::vector<double>> row;
  for (size_t i = 0; i < grads.size(); ++i)
    row.push_back(grads[i].defined() ? grads[i].to_vector<double>()
                                     : std::vector<double>(static_cast<size_t>(wanted[i].numel())));
  return row;
}

void compare(const char* op, size_t input, size_t output, size_t input_element, size_t output_element, double analytic,
             double numeric, const GradcheckOptions& options) {
  if (std::abs(analytic - numeric) <= options.atol + options.rtol * std::abs(numeric)) return;
  throw GradcheckError(detail::with_scope(str(op, ": the gradient must equal the difference quotient ", numeric,
                                              ", got ", analytic, " (element ", output_element, " of output ", output,
                                              " by element ", input_element, " of input ", input, ")")),
                       input, output, static_cast<int64_t>(input_element), static_cast<int64_t>(output_element),
                       analytic, numeric);
}

void check(const char* op, const TensorFunction& function, const std::vector<Tensor>& inputs,
           const GradcheckOptions& options) {
  std::vector<size_t> positions;
  std::vector<Tensor> wanted;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!is_checked(inputs[i])) continue;
    positions.push_back(i);
    wanted.push_back(inputs[i]);
  }

  const std::vector<Tensor> outputs = function(inputs);
  // numeric[k][j]: column of element j of the k-th wanted input.
  std::vector<std::vector<Column>> numeric(wanted.size());
  for (size_t k = 0; k < wanted.size(); ++k)
    for (size_t j = 0; j < static_cast<size_t>(wanted[k].numel()); ++j)
      numeric[k].push_back(numeric_column(function, inputs, positions[k], j, options.eps));

  for (size_t o = 0; o < outputs.size(); ++o) {
    const Tensor& output = outputs[o];
    if (!output.defined() || !is_floating(output.dtype())) continue;
    for (int64_t i = 0; i < output.numel(); ++i) {
      std::vector<std::vector<double>> row(wanted.size());
      if (output.requires_grad()) row = analytic_row(output, i, wanted);
      for (size_t k = 0; k < wanted.size(); ++k)
        for (size_t j = 0; j < numeric[k].size(); ++j)
          compare(op, positions[k], o, j, static_cast<size_t>(i), row[k].empty() ? 0 : row[k][j],
                  numeric[k][j][o][static_cast<size_t>(i)], options);
    }
  }
}

void check_inputs(const char* op, const std::vector<Tensor>& inputs) {
  FARRO_CHECK(std::any_of(inputs.begin(), inputs.end(), is_checked), ValueError, op,
              ": some input must be f64 and require a gradient, got none");
}

void check_connected(const char* op, const std::vector<Tensor>& outputs) {
  const bool connected = std::any_of(outputs.begin(), outputs.end(),
                                     [](const Tensor& output) { return output.defined() && output.requires_grad(); });
  FARRO_CHECK(connected, AutogradError, op, ": some output must require a gradient, got none");
}

// Values in [-1, 1) that are the same in every run.
Tensor fixed_values(const Tensor& like, uint64_t& state) {
  std::vector<double> values(static_cast<size_t>(like.numel()));
  for (double& value : values) {
    // Knuth's MMIX generator; the upper 53 bits make a double.
    state = state * 6364136223846793005u + 1442695040888963407u;
    value = static_cast<double>(state >> 11) * 0x1p-52 - 1;
  }
  return make_tensor(values, like.sizes(), like.device(), like.dtype());
}

}  // namespace

void gradcheck(const TensorFunction& function, const std::vector<Tensor>& inputs, const GradcheckOptions& options) {
  FARRO_CHECK(function, ValueError, "gradcheck: function must be callable, got an empty one");
  check_inputs("gradcheck", inputs);
  check_connected("gradcheck", function(inputs));
  check("gradcheck", function, inputs, options);
}

void gradgradcheck(const TensorFunction& function, const std::vector<Tensor>& inputs, const GradcheckOptions& options) {
  FARRO_CHECK(function, ValueError, "gradgradcheck: function must be callable, got an empty one");
  check_inputs("gradgradcheck", inputs);
  std::vector<Tensor> extended = inputs;
  uint64_t state = 1;
  const std::vector<Tensor> outputs = function(inputs);
  check_connected("gradgradcheck", outputs);
  for (const Tensor& output : outputs)
    if (output.defined() && output.requires_grad()) extended.push_back(fixed_values(output, state).set_requires_grad());

  // From the inputs and the gradients of the outputs to the gradients of the inputs.
  const auto gradients = [&](const std::vector<Tensor>& all) {
    const bool differentiable = grad_enabled();  // not for the difference quotients
    const enable_grad recording;
    const auto split = all.begin() + static_cast<std::ptrdiff_t>(inputs.size());
    std::vector<Tensor> at(all.begin(), split), wanted, connected;
    for (size_t i = 0; i < at.size(); ++i) {
      if (!is_checked(inputs[i])) continue;
      if (!at[i].requires_grad()) at[i] = at[i].detach().set_requires_grad();
      wanted.push_back(at[i]);
    }
    for (const Tensor& output : function(at))
      if (output.defined() && output.requires_grad()) connected.push_back(output);
    std::vector<Tensor> grads = grad(connected, wanted, std::vector<Tensor>(split, all.end()),
                                     {.create_graph = differentiable, .allow_unused = true});
    for (size_t i = 0; i < grads.size(); ++i)
      if (!grads[i].defined())
        grads[i] = empty(wanted[i].sizes(), {.dtype = DType::f64, .device = wanted[i].device()}).zero_();
    return grads;
  };
  check("gradgradcheck", gradients, extended, options);
}

}  // namespace farro
