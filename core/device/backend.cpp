// SPDX-License-Identifier: Apache-2.0
// Finds and loads the backend that answers to Device::cuda, once per process.
#include <farro/core/device/backend.h>
#include <farro/core/error/error.h>

#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>

// A static build has its one backend linked in; cmake/FarroBackends.cmake says which.
#if defined(FARRO_STATIC_BACKEND)
extern "C" const farro::BackendEntry farro_backend_entry;
#endif

namespace farro {

namespace {

struct Loaded {
  Backend* backend = nullptr;  // never deleted: tensors of static lifetime may be freed last
  std::string why_not;
};

#if defined(FARRO_STATIC_BACKEND)
const BackendEntry* find_entry(const std::string& name, std::string& why_not) {
  if (name == FARRO_STATIC_BACKEND) return &farro_backend_entry;
  why_not = str("this static build has no ", name, " backend");
  return nullptr;
}
#else
// The folder of libfarro.so, with a slash at the end. The backends lie beside it, and nowhere else.
std::string library_folder() {
  static const char inside = 0;
  Dl_info info{};
  if (!dladdr(&inside, &info) || !info.dli_fname) return {};
  const std::string path = info.dli_fname;
  return path.substr(0, path.rfind('/') + 1);
}

const BackendEntry* find_entry(const std::string& name, std::string& why_not) {
  const std::string path = str(library_folder(), "libfarro_", name, ".so");
  // At once, so that a missing library of CUDA is an error here, with a reason, and not in the first call.
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* problem = dlerror();
    if (access(path.c_str(), F_OK) != 0)
      why_not =
          str("this build of farro has no ", name, " backend (", path, " is not there; cmake --preset cuda makes it)");
    else
      why_not = str("the ", name, " backend could not be loaded: ", problem);
    return nullptr;
  }
  const auto* entry = static_cast<const BackendEntry*>(dlsym(library, "farro_backend_entry"));
  if (!entry) why_not = str(path, " is not a backend of farro");
  return entry;
}
#endif

Loaded load() {
  const char* setting = std::getenv("FARRO_CUDA");
  const std::string choice = setting ? setting : "";
  if (choice == "off") return {nullptr, "FARRO_CUDA=off"};
  if (!choice.empty() && choice != "simt" && choice != "cuda")
    return {nullptr, str("FARRO_CUDA must be cuda, simt or off, got ", choice)};
  const std::string name = choice == "simt" ? "simt" : "cuda";
  Loaded loaded;
  const BackendEntry* entry = find_entry(name, loaded.why_not);
  if (!entry) return loaded;
  // The backend and this library call each other's virtual functions: of different builds these may have other places.
  if (entry->abi != kBackendAbi) {
    loaded.why_not = str("the ", name, " backend has ABI ", entry->abi, " where this libfarro needs ", kBackendAbi);
    return loaded;
  }
  loaded.backend = entry->create(loaded.why_not);
  if (loaded.backend) loaded.backend->register_kernels();
  return loaded;
}

const Loaded& loaded() noexcept {
  static const Loaded value = []() noexcept {
    try {
      return load();
    } catch (const std::exception& error) {
      // An exception is a reason like any other: find_cuda_backend() does not throw.
      return Loaded{nullptr, error.what()};
    }
  }();
  return value;
}

}  // namespace

Backend* find_cuda_backend() noexcept { return loaded().backend; }
const std::string& cuda_unavailable_reason() noexcept { return loaded().why_not; }
int cuda_device_count() noexcept { return loaded().backend ? loaded().backend->device_count() : 0; }

Backend& cuda_backend() {
  FARRO_CHECK(loaded().backend, DeviceError, "cuda: a CUDA device must be usable, got none (", loaded().why_not, ")");
  return *loaded().backend;
}

}  // namespace farro
