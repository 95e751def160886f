# libfarro: every .cpp of the library's folders. Kernel loops (*.cpu.cpp) are built once per instruction set and chosen
# at run time; see kernels/cpu/isa.h.
set(farro_sources)
foreach(folder IN LISTS farro_folders)
  file(GLOB_RECURSE found CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${folder}/*.cpp")
  list(APPEND farro_sources ${found})
endforeach()
# The device layer is built into the backend libraries, once per runtime.
list(FILTER farro_sources EXCLUDE REGEX "/core/(cuda|simt_host)/|\\.(cudnn|cublaslt)\\.cpp$")
set(farro_cpu_sources ${farro_sources})
list(FILTER farro_cpu_sources INCLUDE REGEX "\\.cpu\\.cpp$")
list(FILTER farro_sources EXCLUDE REGEX "\\.cpu\\.cpp$")

# The manifests call every registration function explicitly: static initialisers in archives are dropped by linkers.
include(FarroManifest)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(farro_isas ${FARRO_CPU_ISAS})
else()
  set(farro_isas generic)
endif()
farro_manifest_ops(farro_op_manifest)
farro_formula_sources(farro_cpu_formulas farro_device_formulas)
list(APPEND farro_cpu_sources ${farro_cpu_formulas})
farro_write_umbrella_header()
configure_file("${PROJECT_SOURCE_DIR}/cmake/version.h.in" "${PROJECT_BINARY_DIR}/include/farro/version.h" @ONLY)
farro_manifest_cpu(farro_cpu_manifest "${farro_cpu_sources}")

set(farro_isa_flags_generic)
set(farro_isa_flags_avx2 -march=haswell -mtune=generic)
set(farro_isa_flags_avx512 -march=skylake-avx512 -mtune=generic -mprefer-vector-width=512)

# Random numbers must have the same bits in every build: no fused multiply-adds. A precompiled header would bring back the
# setting that it was made with.
set_source_files_properties("${PROJECT_SOURCE_DIR}/kernels/random/random.cpu.cpp" PROPERTIES
  COMPILE_OPTIONS -ffp-contract=off SKIP_PRECOMPILE_HEADERS ON)

# Order matters: where the same inline function is emitted by several files, linkers keep the first one they meet, and
# that must be the one every processor can run. So the plain files come first, then generic, avx2, avx512; object
# libraries keep that order.
add_library(farro_plain OBJECT ${farro_sources} ${farro_op_manifest} ${farro_cpu_manifest})
target_include_directories(farro_plain PRIVATE "${FARRO_DNNL_INCLUDE}")
target_link_libraries(farro_plain PRIVATE ZLIB::ZLIB spdlog::spdlog nlohmann_json::nlohmann_json)
set(farro_objects farro_plain)
foreach(isa IN LISTS farro_isas)
  add_library(farro_cpu_${isa} OBJECT ${farro_cpu_sources})
  target_compile_definitions(farro_cpu_${isa} PRIVATE FARRO_ISA=${isa})
  target_compile_options(farro_cpu_${isa} PRIVATE $<$<CONFIG:Release>:-O3> ${farro_isa_flags_${isa}})
  list(APPEND farro_objects farro_cpu_${isa})
endforeach()

foreach(isa IN LISTS farro_isas)
  string(TOUPPER "${isa}" upper)
  set_property(SOURCE "${PROJECT_SOURCE_DIR}/kernels/cpu/isa.cpp" APPEND PROPERTY COMPILE_DEFINITIONS FARRO_HAVE_${upper})
endforeach()

add_library(farro)
add_library(farro::farro ALIAS farro)
foreach(objects IN LISTS farro_objects)
  target_include_directories(${objects} PRIVATE "${PROJECT_BINARY_DIR}/include")
  target_link_libraries(${objects} PRIVATE farro_flags OpenMP::OpenMP_CXX Threads::Threads)
  # Calls inside the library go straight to its own functions; nobody is meant to replace them one by one.
  target_compile_options(${objects} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fno-semantic-interposition>)
  farro_library_objects(${objects})
  # Half a second of each file; ccache, where it is there, saves more and does not go well with it.
  if(NOT CMAKE_CXX_COMPILER_LAUNCHER AND NOT FARRO_SANITIZE)
    target_precompile_headers(${objects} PRIVATE <algorithm> <array> <atomic> <cmath> <functional> <map> <memory> <mutex>
      <optional> <span> <string> <unordered_map> <utility> <vector>)
  endif()
  target_sources(farro PRIVATE $<TARGET_OBJECTS:${objects}>)
endforeach()

target_compile_features(farro PUBLIC cxx_std_20)
target_include_directories(farro PUBLIC
  $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(farro PRIVATE
  OpenMP::OpenMP_CXX Threads::Threads ZLIB::ZLIB spdlog::spdlog "${FARRO_DNNL}" ${CMAKE_DL_LIBS})
if(BUILD_SHARED_LIBS)
  target_link_options(farro PRIVATE -Wl,-Bsymbolic-functions)
endif()
# Before 1.0 every minor version may change the interface.
set(farro_soversion ${PROJECT_VERSION_MAJOR})
if(PROJECT_VERSION_MAJOR EQUAL 0)
  set(farro_soversion 0.${PROJECT_VERSION_MINOR})
endif()
set_target_properties(farro PROPERTIES
  LINKER_LANGUAGE CXX VERSION ${PROJECT_VERSION} SOVERSION ${farro_soversion}
  LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib" ARCHIVE_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")
