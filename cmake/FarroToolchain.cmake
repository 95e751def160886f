# Compiler settings of the project's own targets. Nothing here touches a consumer's variables.
if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

find_program(FARRO_CCACHE ccache)
if(FARRO_CCACHE AND PROJECT_IS_TOP_LEVEL)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${FARRO_CCACHE}")
endif()

# Flags of every C++ file of the project. -fno-math-errno and -fno-trapping-math let loops with sqrt and comparisons
# vectorise and change no value; -ffast-math is never used.
add_library(farro_flags INTERFACE)
target_compile_features(farro_flags INTERFACE cxx_std_20)
target_compile_options(farro_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:
  -Wall;-Wextra;-Wpedantic;-Wshadow;-Wnon-virtual-dtor;$<$<BOOL:${PROJECT_IS_TOP_LEVEL}>:-Werror>;-fno-math-errno;-fno-trapping-math
  $<$<CXX_COMPILER_ID:GNU>:-Wno-psabi>>)

if(FARRO_SANITIZE)
  set(farro_sanitize_flags -fsanitize=${FARRO_SANITIZE} -fno-omit-frame-pointer)
  if(FARRO_SANITIZE MATCHES "undefined")
    list(APPEND farro_sanitize_flags -fno-sanitize-recover=all)
  endif()
  add_compile_options(${farro_sanitize_flags})
  add_link_options(${farro_sanitize_flags})
endif()

# Headers are included as <farro/...> in the tree and after installation: links to the folders stand beside the generated
# <farro/farro.h>.
set(farro_folders core autograd kernels nn optim data distributed train)
if(IS_SYMLINK "${PROJECT_BINARY_DIR}/include/farro")  # of an older build tree
  file(REMOVE "${PROJECT_BINARY_DIR}/include/farro")
endif()
file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/include/farro")
foreach(folder IN ITEMS ${farro_folders} tests tools examples)
  if(EXISTS "${PROJECT_SOURCE_DIR}/${folder}")
    file(CREATE_LINK "${PROJECT_SOURCE_DIR}/${folder}" "${PROJECT_BINARY_DIR}/include/farro/${folder}" SYMBOLIC)
  endif()
endforeach()

# Objects of a library: what it exports is marked (core/api.h). Programs hide nothing: tests replace system calls and
# set options of sanitizers by functions that other libraries find.
function(farro_library_objects target)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON
    CXX_VISIBILITY_PRESET hidden CUDA_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
endfunction()

function(farro_program target)
  # A program need not be linked again because libfarro was: that made a dozen links of an edit of one op.
  set_target_properties(${target} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin" LINK_DEPENDS_NO_SHARED ON)
  target_link_libraries(${target} PRIVATE farro farro_flags)
endfunction()
