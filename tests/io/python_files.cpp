// SPDX-License-Identifier: Apache-2.0
// io_python_files write|read FOLDER: the C++ side of python_readers.py. Element i of every tensor is i (i odd for
// bool).
#include <farro/core/dtype/visit.h>
#include <farro/core/io/npy.h>
#include <farro/core/io/safetensors.h>
#include <farro/train/record/event_file.h>

#include <cstdio>
#include <string>
#include <string_view>

namespace farro::io {
namespace {

const std::pair<std::string, Shape> kShapes[] = {{"matrix", {2, 3}}, {"scalar", {}}, {"empty", {0, 4}}};

Tensor pattern(DType dtype, const Shape& shape) {
  Tensor tensor = empty(shape, {.dtype = dtype, .device = Device::cpu()});
  visit_dtype(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t i = 0; i < tensor.numel(); ++i) {
      if constexpr (std::is_same_v<T, half> || std::is_same_v<T, bfloat16>) {
        tensor.data<T>()[i] = T(static_cast<float>(i));
      } else if constexpr (std::is_same_v<T, bool>) {
        tensor.data<T>()[i] = i % 2 == 1;
      } else {
        tensor.data<T>()[i] = static_cast<T>(i);
      }
    }
  });
  return tensor;
}

template <class Fn>
void for_each_tensor(Fn&& fn) {
  for (int i = 0; i < kNumDTypes; ++i)
    for (const auto& [kind, shape] : kShapes)
      fn(str(static_cast<DType>(i), ".", kind), pattern(static_cast<DType>(i), shape));
}

void write(const std::string& folder) {
  NamedTensors tensors;
  for_each_tensor([&](const std::string& name, const Tensor& tensor) {
    tensors.emplace_back(name, tensor);
    if (tensor.dtype() != DType::bf16) save_npy(str(folder, "/", name, ".npy"), tensor);
  });
  save_safetensors(folder + "/farro.safetensors", tensors, {{"format", "pt"}});
  training::EventFile first(folder + "/events");
  for (int step = 0; step < 10; ++step) {
    first.add_scalar("train/loss", step, 1.0f / static_cast<float>(step + 1));
    first.add_scalar("test/accuracy", step, 0.5f);
  }
  training::EventFile second(folder + "/events", 5);
  for (int step = 5; step < 8; ++step) second.add_scalar("train/loss", step, static_cast<float>(step));
}

// The element at a row-major position, whatever the strides.
const char* element(const Tensor& tensor, int64_t i) {
  int64_t offset = 0;
  for (int dim = tensor.dim() - 1; dim >= 0; --dim) {
    offset += i % tensor.size(dim) * tensor.stride(dim);
    i /= tensor.size(dim);
  }
  return static_cast<const char*>(tensor.raw_data()) + static_cast<size_t>(offset) * item_size(tensor.dtype());
}

void expect_same(const std::string& name, const Tensor& found, const Tensor& expected) {
  FARRO_CHECK(found.dtype() == expected.dtype() && found.sizes() == expected.sizes(), ValueError, name, ": got ",
              found);
  const size_t bytes = item_size(found.dtype());
  for (int64_t i = 0; i < found.numel(); ++i)
    FARRO_CHECK(std::string_view(element(found, i), bytes) == std::string_view(element(expected, i), bytes), ValueError,
                name, ": other value at ", i);
}

void read(const std::string& folder) {
  const SafetensorsFile file(folder + "/python.safetensors");
  FARRO_CHECK(file.metadata().at("from") == "python", ValueError, "other metadata");
  for_each_tensor([&](const std::string& name, const Tensor& tensor) {
    if (tensor.dtype() == DType::bf16) return;  // NumPy has none
    expect_same(name, file.read(file.entry(name)), tensor);
    expect_same(name + ".npy", load_npy(str(folder, "/python.", name, ".npy")), tensor);
  });
}

}  // namespace
}  // namespace farro::io

int main(int argc, char** argv) {
  try {
    FARRO_CHECK(argc == 3, farro::ValueError, "usage: io_python_files write|read FOLDER");
    std::string_view(argv[1]) == "write" ? farro::io::write(argv[2]) : farro::io::read(argv[2]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "io_python_files: %s\n", error.what());
    return 1;
  }
}
