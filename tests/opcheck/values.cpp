// SPDX-License-Identifier: Apache-2.0
// Values of test tensors, and their rounding to a dtype.
#include <farro/tests/opcheck/values.h>

#include <farro/autograd/node/grad_mode.h>
#include <farro/core/dtype/visit.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>

namespace farro::opcheck {

namespace {

double round_to(DType dtype, double value) {
  return visit_dtype(dtype, [&]<class T>(TypeTag<T>) {
    if constexpr (std::is_same_v<T, half> || std::is_same_v<T, bfloat16>)
      return double(float(T(float(value))));
    else
      return static_cast<double>(static_cast<T>(value));
  });
}

// The poison around strided values.
double poison(DType dtype) { return is_floating(dtype) ? std::nan("") : dtype == DType::boolean ? 1 : 77; }

void store(void* data, DType dtype, int64_t at, double value) {
  visit_dtype(dtype, [&]<class T>(TypeTag<T>) {
    if constexpr (std::is_same_v<T, half> || std::is_same_v<T, bfloat16>)
      static_cast<T*>(data)[at] = T(float(value));
    else
      static_cast<T*>(data)[at] = static_cast<T>(value);
  });
}

double load(const void* data, DType dtype, int64_t at) {
  return visit_dtype(dtype, [&]<class T>(TypeTag<T>) {
    if constexpr (std::is_same_v<T, half> || std::is_same_v<T, bfloat16>)
      return double(float(static_cast<const T*>(data)[at]));
    else
      return static_cast<double>(static_cast<const T*>(data)[at]);
  });
}

int64_t offset_of(const Dims& index, const Strides& strides) {
  int64_t offset = 0;
  for (int i = 0; i < index.size(); ++i) offset += index[i] * strides[i];
  return offset;
}

Strides strides_of(const Shape& sizes, Layout layout) {
  if (layout == Layout::channels_last && (sizes.size() == 4 || sizes.size() == 5)) return channels_last_strides(sizes);
  Strides strides = contiguous_strides(sizes);
  if (layout == Layout::transposed) {
    int64_t step = 1;
    for (int i = 0; i < sizes.size(); ++i) {
      strides[i] = step;
      step *= std::max<int64_t>(sizes[i], 1);
    }
  } else if (layout == Layout::spaced) {
    for (int64_t& stride : strides) stride *= 3;
  }
  return strides;
}

}  // namespace

const char* name(Layout layout) {
  constexpr const char* names[] = {"contiguous", "offset", "transposed", "spaced", "channels_last"};
  return names[static_cast<int>(layout)];
}

std::vector<DType> list(DTypeSet set) {
  std::vector<DType> dtypes;
  for (int i = 0; i < kNumDTypes; ++i)
    if (set >> i & 1) dtypes.push_back(static_cast<DType>(i));
  return dtypes;
}

std::vector<double> make_values(const Input& input, DType dtype, uint64_t seed) {
  const auto count = static_cast<size_t>(checked_numel("sample", input.sizes));
  std::vector<double> values = input.given;
  FARRO_CHECK(values.empty() || values.size() == count, InternalError, "sample: ", count, " given values, got ",
              values.size());
  if (values.empty()) {
    std::mt19937_64 engine(seed);
    // Unsigned values take the same range from 0 up.
    const double low = dtype == DType::u8 ? std::max(input.low, 0.0) : input.low;
    const double high = input.high + low - input.low;
    values.resize(count);
    for (size_t i = 0; i < count; ++i) {
      double& value = values[i];
      const double unit = double(engine() >> 11) * 0x1p-53;
      if (dtype == DType::boolean) {
        value = i < 2 ? i == 0 : double(engine() & 1);  // both values, where there is room
      } else if (input.spread) {
        value = low + (double(i) + 0.5) * (is_floating(dtype) ? std::max((high - low) / double(count), 0.0625) : 1);
      } else {
        value = low + unit * (high - low);
      }
      if (!is_floating(dtype)) value = std::floor(value);
      const double from_kink = value - input.gap_at;
      if (std::abs(from_kink) < input.gap) value = input.gap_at + (from_kink < 0 ? -input.gap : input.gap);
    }
    if (input.spread) std::shuffle(values.begin(), values.end(), engine);
    if (input.special_values) {
      constexpr double infinity = std::numeric_limits<double>::infinity();
      const double special[] = {std::nan(""), infinity, -infinity, 0, -0.0, 1e-40, 1, -1};
      for (size_t i = 0; i < std::min(count, std::size(special)); ++i) values[i] = special[i];
    }
  }
  for (double& value : values) value = round_to(dtype, value);
  return values;
}

Tensor make_tensor(const std::vector<double>& values, const Shape& sizes, DType dtype, Device device, Layout layout) {
  const no_grad guard;
  const Strides strides = strides_of(sizes, layout);
  const int64_t offset = layout == Layout::contiguous ? 0 : 5;
  int64_t length = offset + 1;
  for (int i = 0; i < sizes.size(); ++i) length += std::max<int64_t>(sizes[i] - 1, 0) * strides[i];
  if (values.empty()) length = offset;
  if (device.is_meta()) return empty({length}, {.dtype = dtype, .device = device}).as_strided(sizes, strides, offset);
  Tensor storage = empty({length}, {.dtype = dtype, .device = Device::cpu()});
  for (int64_t i = 0; i < length; ++i) store(storage.raw_data(), dtype, i, poison(dtype));
  size_t next = 0;
  for_each_index(sizes, [&](const Dims& index) {
    store(storage.raw_data(), dtype, offset + offset_of(index, strides), values[next++]);
  });
  return storage.to(device).as_strided(sizes, strides, offset);
}

Made make_inputs(const Sample& sample, DType dtype, Device device, Layout layout) {
  Made made;
  uint64_t seed = std::hash<std::string>{}(sample.label);
  for (const Input& input : sample.inputs) {
    made.values.emplace_back();
    made.tensors.emplace_back();
    if (!input.defined) continue;
    made.values.back() = make_values(input, dtype_of(input, dtype), ++seed);
    made.tensors.back() = make_tensor(made.values.back(), input.sizes, dtype_of(input, dtype), device, layout);
  }
  return made;
}

bool is_differentiable(const Input& input, const Tensor& tensor) {
  return input.differentiable && !input.special_values && tensor.defined() && is_floating(tensor.dtype());
}

Tensors with_gradients(const Sample& sample, const Tensors& inputs, unsigned mask) {
  Tensors leaves;
  for (size_t i = 0; i < inputs.size(); ++i) {
    leaves.push_back(inputs[i].defined() ? inputs[i].detach() : Tensor());
    if (mask >> i & 1 && is_differentiable(sample.inputs[i], inputs[i])) leaves.back().set_requires_grad();
  }
  return leaves;
}

namespace {
// A tensor with the same storage contents, on the host: the layout is read here, not by the library's copies.
Tensor with_host_storage(const Tensor& tensor) {
  if (tensor.is_cpu()) return tensor;
  const no_grad guard;
  const auto length = static_cast<int64_t>(tensor.storage()->bytes() / item_size(tensor.dtype()));
  return tensor.detach().as_strided({length}, {1}, 0).to(Device::cpu());
}
}  // namespace

std::vector<std::vector<std::byte>> storage_bytes(const Tensors& tensors) {
  std::vector<std::vector<std::byte>> all;
  for (const Tensor& tensor : tensors) {
    all.emplace_back();
    if (!tensor.defined()) continue;
    const Tensor host = with_host_storage(tensor);
    const auto* bytes = static_cast<const std::byte*>(host.storage()->data());
    all.back().assign(bytes, bytes + host.storage()->bytes());
  }
  return all;
}

std::vector<double> read(const Tensor& tensor) {
  const Tensor host = with_host_storage(tensor);
  const int64_t offset = tensor.storage_offset();
  std::vector<double> values;
  values.reserve(static_cast<size_t>(tensor.numel()));
  for_each_index(tensor.sizes(), [&](const Dims& index) {
    values.push_back(load(host.storage()->data(), tensor.dtype(), offset + offset_of(index, tensor.strides())));
  });
  return values;
}

std::string difference(const Tensors& a, const Tensors& b) {
  if (a.size() != b.size()) return str(a.size(), " and ", b.size(), " tensors");
  for (size_t k = 0; k < a.size(); ++k) {
    if (a[k].defined() != b[k].defined()) return str("tensor ", k, ": one is undefined");
    if (!a[k].defined()) continue;
    if (a[k].sizes() != b[k].sizes() || a[k].dtype() != b[k].dtype())
      return str("tensor ", k, ": ", a[k], " and ", b[k]);
    const std::vector<double> x = read(a[k]), y = read(b[k]);
    for (size_t i = 0; i < x.size(); ++i) {
      const bool same =
          (std::isnan(x[i]) && std::isnan(y[i])) || (x[i] == y[i] && std::signbit(x[i]) == std::signbit(y[i]));
      if (!same) return str("tensor ", k, " (", a[k], ") element ", i, ": ", x[i], " and ", y[i]);
    }
  }
  return {};
}

std::string describe(const std::string& op, const Sample& sample, DType dtype, Device device, Layout layout) {
  return str(op, " '", sample.label, "' ", dtype, " ", device, " ", name(layout));
}

}  // namespace farro::opcheck
