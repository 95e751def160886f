# The loadable backends: libfarro_simt.so (host SIMT runtime) and libfarro_cuda.so (CUDA). Both are built from core/cuda
# and kernels/*/*.cu. A static build has room for one of them, inside libfarro: CUDA if it was asked for.
if(BUILD_SHARED_LIBS OR NOT FARRO_CUDA)
  set(farro_build_simt ${FARRO_SIMT})
else()
  set(farro_build_simt OFF)
endif()

if(farro_build_simt)
  find_package(Boost REQUIRED COMPONENTS context)
  add_subdirectory(core/simt_host)
  if(NOT BUILD_SHARED_LIBS)
    target_sources(farro PRIVATE $<TARGET_OBJECTS:farro_simt_objects>)
    set_property(SOURCE "${PROJECT_SOURCE_DIR}/core/device/backend.cpp" APPEND PROPERTY COMPILE_DEFINITIONS
      "FARRO_STATIC_BACKEND=\"simt\"")
    target_link_libraries(farro PRIVATE Boost::context)
  endif()
endif()

if(FARRO_CUDA)
  add_subdirectory(core/cuda)
  if(NOT BUILD_SHARED_LIBS)
    target_sources(farro PRIVATE $<TARGET_OBJECTS:farro_cuda_objects>)
    set_property(SOURCE "${PROJECT_SOURCE_DIR}/core/device/backend.cpp" APPEND PROPERTY COMPILE_DEFINITIONS
      "FARRO_STATIC_BACKEND=\"cuda\"")
    find_package(CUDAToolkit REQUIRED)  # targets of the folder's own call are not seen here
    target_link_libraries(farro PRIVATE ${farro_cuda_libraries})
  endif()
endif()
