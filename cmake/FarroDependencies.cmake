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
