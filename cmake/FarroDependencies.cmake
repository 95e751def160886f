# Packages of the system. tools/install_dependencies names the Debian package of each.
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(ZLIB REQUIRED)

# Found by hand: Debian's dnnlConfig.cmake asks for the OpenCL headers, which the CPU engine does not need.
find_library(FARRO_DNNL NAMES dnnl REQUIRED)
find_path(FARRO_DNNL_INCLUDE NAMES oneapi/dnnl/dnnl.hpp REQUIRED)

# OpenBLAS's OpenMP build: its pthread build beside OpenMP would run two thread pools against each other.
find_library(FARRO_OPENBLAS NAMES openblas
  PATH_SUFFIXES openblas-openmp x86_64-linux-gnu/openblas-openmp aarch64-linux-gnu/openblas-openmp REQUIRED)
find_path(FARRO_OPENBLAS_INCLUDE NAMES cblas.h PATH_SUFFIXES openblas-openmp
  x86_64-linux-gnu/openblas-openmp aarch64-linux-gnu/openblas-openmp REQUIRED)
