// SPDX-License-Identifier: Apache-2.0
// launch(): the only way to start a kernel. Under nvcc it is <<<>>>; otherwise the host runtime runs the kernel on the
// CPU, when the stream's turn comes. Every .cu file includes this.
#pragma once

#include <farro/core/cuda/status.h>
#include <farro/core/device/backend.h>
#include <farro/core/error/error.h>

#include <cstdint>
#include <type_traits>

#if defined(__CUDACC__)
#include <cuda_runtime.h>
#else
#include <farro/core/simt_host/device_code.h>
#include <farro/core/simt_host/launch.h>

#include <tuple>
#include <vector>
#endif

namespace farro::simt {

inline constexpr int kWarpSize = 32;
inline constexpr unsigned kFullMask = 0xffffffffu;

// The source line of a waiting point. Helpers that contain a barrier or a warp operation take one by default argument
// and pass it on, so that the host runtime's reports name the kernel's line; it is empty on a GPU.
#if defined(__CUDACC__)
struct Place {
  __host__ __device__ static constexpr Place here() { return {}; }
};
#else
using Place = simt_host::Place;
#endif

struct LaunchConfig {
  const char* name;  // of the op, for errors and profiles
  dim3 grid;         // an empty grid launches nothing
  dim3 block;
  size_t shared_bytes = 0;  // dynamic shared memory
  bool barriers = false;    // whether the kernel contains barriers or warp operations
};

// ceil(count / per_block), as the first dimension of a grid.
inline unsigned blocks_for(int64_t count, int64_t per_block) {
  const int64_t blocks = count / per_block + (count % per_block != 0);
  FARRO_CHECK(blocks <= INT32_MAX, ValueError, "launch: a grid must have at most ", INT32_MAX, " blocks, got ", blocks);
  return static_cast<unsigned>(blocks);
}

// Runs kernel(arguments...) for every thread of the grid, in the order of `stream`. Throws BackendError when the launch
// fails; a failure inside the kernel is thrown there or where the stream is waited for.
#if defined(__CUDACC__)
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), const LaunchConfig& config, const Stream& stream, Arguments... arguments) {
  if (config.grid.x == 0 || config.grid.y == 0 || config.grid.z == 0) return;
  const cuda::DeviceScope scope(stream.device.index);
  constexpr size_t kWithoutOptIn = 48 << 10;
  if (config.shared_bytes > kWithoutOptIn)
    cuda::check_launch(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                            static_cast<int>(config.shared_bytes)),
                       config.name, config.grid, config.block, config.shared_bytes);
  kernel<<<config.grid, config.block, config.shared_bytes, static_cast<cudaStream_t>(stream.handle)>>>(
      static_cast<Parameters>(arguments)...);
  cuda::check_launch(cudaGetLastError(), config.name, config.grid, config.block, config.shared_bytes);
}
#else
namespace detail {
template <class T>
void collect_pointers(int position, const T& argument, std::vector<simt_host::PointerArgument>& out) {
  if constexpr (std::is_pointer_v<T>) {
    out.push_back({position, argument});
  } else if constexpr (requires { argument.for_each_pointer([](const void*) {}); }) {
    // A struct that carries pointers lists them, so that they are checked too.
    argument.for_each_pointer([&](const void* pointer) { out.push_back({position, pointer}); });
  }
}
}  // namespace detail

template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), const LaunchConfig& config, const Stream& stream, Arguments... arguments) {
  static_assert((std::is_trivially_copyable_v<Parameters> && ...), "kernel arguments are copied as bytes");
  if (config.grid.x == 0 || config.grid.y == 0 || config.grid.z == 0) return;
  const cuda::DeviceScope scope(stream.device.index);
  const std::tuple<Parameters...> values(static_cast<Parameters>(arguments)...);
  std::vector<simt_host::PointerArgument> pointers;
  std::apply(
      [&](const auto&... value) {
        int position = 0;
        (detail::collect_pointers(position++, value, pointers), ...);
      },
      values);
  cuda::check_launch(simt_host::launch_kernel({config.name, config.grid, config.block, config.shared_bytes,
                                               config.barriers, [kernel, values] { std::apply(kernel, values); }},
                                              pointers, static_cast<cudaStream_t>(stream.handle)),
                     config.name, config.grid, config.block, config.shared_bytes);
}
#endif

}  // namespace farro::simt
