# Installs the library, its headers and the package that find_package(farro) reads.
include(CMakePackageConfigHelpers)

set(farro_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/farro")
install(TARGETS farro EXPORT farro_targets
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
# Backends are found beside libfarro.so.
foreach(backend farro_simt farro_cuda)
  if(TARGET ${backend} AND BUILD_SHARED_LIBS)
    install(TARGETS ${backend} LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  endif()
endforeach()
# Public, but not in <farro/farro.h>: ready models; variants of ops and listeners to calls, for tools.
file(GLOB farro_more_headers CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/nn/models/*.h")
list(APPEND farro_more_headers core/op/call_listener.h core/op/op_table.h)
install(CODE "set(FARRO_MORE_HEADERS \"${farro_more_headers}\")
set(FARRO_INCLUDE \"${PROJECT_BINARY_DIR}/include\")
set(FARRO_DESTINATION \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_INCLUDEDIR}\")")
install(SCRIPT "${PROJECT_SOURCE_DIR}/cmake/FarroInstallHeaders.cmake")
install(EXPORT farro_targets NAMESPACE farro:: DESTINATION "${farro_package_dir}")

get_target_property(farro_type farro TYPE)
set(farro_is_static FALSE)
if(farro_type STREQUAL "STATIC_LIBRARY")
  set(farro_is_static TRUE)
endif()
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/farroConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/farroConfig.cmake" INSTALL_DESTINATION "${farro_package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/farroConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/farroConfig.cmake" "${PROJECT_BINARY_DIR}/farroConfigVersion.cmake"
  DESTINATION "${farro_package_dir}")
