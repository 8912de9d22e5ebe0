# How every target of this project is made: warnings, sanitizers, ccache, precompiled headers.
#
#   drover_library(NAME SOURCES a.cc b.cc DEPS x y [PCH base|grpc|test] [LONE])
#   drover_program(NAME SOURCES main.cc DEPS x y [PCH ...])        -> bin/NAME
#   drover_test(NAME SOURCES a_test.cc DEPS x y [LABELS unit] [LOCK what])  -> bin/NAME, one ctest entry a test case;
#                                                                     with LOCK no two of the same lock at a time
#
# The sanitizer presets join source files of a target (CMAKE_UNITY_BUILD), which halves their time; LONE says
# that the files of a target can't be joined, because local names in them clash.
#
# One static library per row of the include rules (docs/ARCHITECTURE.md): a forbidden include
# usually fails to link before tests/tidy names it.

set(DROVER_SANITIZE "" CACHE STRING "comma separated: address,undefined or thread")
option(DROVER_FUZZ "libFuzzer targets (tests/fuzz) instead of tests; needs clang and DROVER_SANITIZE=fuzzer-no-link,…" OFF)

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=true ${CCACHE})
endif()

add_library(drover_flags INTERFACE)
target_compile_options(drover_flags INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor -Werror
  -Werror=switch -fno-omit-frame-pointer
  # Decisions must be the same on every machine: no fused multiply-add.
  -ffp-contract=off
  $<$<AND:$<BOOL:${CCACHE}>,$<CXX_COMPILER_ID:GNU>>:-fpch-preprocess>)
target_include_directories(drover_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_definitions(drover_flags INTERFACE DROVER_VERSION="${PROJECT_VERSION}")
if(DROVER_SANITIZE)
  target_compile_options(drover_flags INTERFACE -fsanitize=${DROVER_SANITIZE} -fno-sanitize-recover=all)
  target_compile_definitions(drover_flags INTERFACE DROVER_SANITIZED)
  target_link_options(drover_flags INTERFACE -fsanitize=${DROVER_SANITIZE})
  if(DROVER_SANITIZE STREQUAL "thread")
    # Debian's protobuf and abseil are built without the sanitizer; their headers would lay out map
    # fields otherwise than the library does.
    target_compile_options(drover_flags INTERFACE -U__SANITIZE_THREAD__)
  endif()
  # gcc 12 warns about code that only sanitizers generate.
  target_compile_options(drover_flags INTERFACE
    "$<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized;-Wno-stringop-overflow;-Wno-tsan>")
endif()
if(CMAKE_UNITY_BUILD)
  # It takes joined files for headers.
  target_compile_options(drover_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
endif()

# Precompiled header sets; a target reuses one as a whole.
function(drover_pch name)
  cmake_parse_arguments(ARG "" "" "HEADERS;DEPS" ${ARGN})
  file(WRITE ${CMAKE_BINARY_DIR}/pch/${name}.cc "")
  add_library(pch_${name} STATIC ${CMAKE_BINARY_DIR}/pch/${name}.cc)
  target_link_libraries(pch_${name} PRIVATE drover_flags ${ARG_DEPS})
  target_precompile_headers(pch_${name} PRIVATE ${ARG_HEADERS})
endfunction()

set(DROVER_STD_HEADERS <algorithm> <chrono> <cstdint> <deque> <functional> <map> <memory>
    <mutex> <optional> <set> <sstream> <string> <string_view> <thread> <utility> <variant> <vector>
    <absl/status/status.h> <absl/status/statusor.h> <absl/strings/str_cat.h>
    <absl/strings/str_format.h> <absl/strings/str_join.h> <absl/strings/str_split.h>
    <absl/time/time.h>)
drover_pch(base HEADERS ${DROVER_STD_HEADERS})

set(lone_TRUE LONE)
set(lone_FALSE)

function(drover_setup target)
  cmake_parse_arguments(ARG "LONE" "PCH" "DEPS" ${ARGN})
  target_link_libraries(${target} PUBLIC drover_flags ${ARG_DEPS})
  if(ARG_LONE)
    set_target_properties(${target} PROPERTIES UNITY_BUILD OFF)
  endif()
  if(ARG_PCH)
    target_precompile_headers(${target} REUSE_FROM pch_${ARG_PCH})
  endif()
endfunction()

function(drover_library name)
  cmake_parse_arguments(ARG "LONE" "PCH" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  drover_setup(${name} PCH "${ARG_PCH}" DEPS ${ARG_DEPS} ${lone_${ARG_LONE}})
endfunction()

function(drover_program name)
  cmake_parse_arguments(ARG "" "PCH" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  drover_setup(${name} PCH "${ARG_PCH}" DEPS ${ARG_DEPS})
endfunction()

# All tests that need nothing but themselves: what `./test.sh unit` and the sanitizer builds make.
add_custom_target(unit_tests)

function(drover_test name)
  cmake_parse_arguments(ARG "LONE" "PCH;LOCK" "SOURCES;DEPS;LABELS" ${ARGN})
  if(NOT ARG_PCH)
    set(ARG_PCH test)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  if("unit" IN_LIST ARG_LABELS OR "sim" IN_LIST ARG_LABELS)
    add_dependencies(unit_tests ${name})
  endif()
  drover_setup(${name} PCH ${ARG_PCH} DEPS ${ARG_DEPS} GTest::gmock GTest::gtest_main ${lone_${ARG_LONE}})
  if(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo" AND NOT DROVER_SANITIZE)
    target_compile_options(${name} PRIVATE -O1)  # compiled more often than run; what they test stays at -O2
  endif()
  if(ARG_LOCK)
    set(lock RESOURCE_LOCK ${ARG_LOCK})
  endif()
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST NO_PRETTY_VALUES TEST_PREFIX "${name}."
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
    PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT 120 ${lock})
endfunction()
