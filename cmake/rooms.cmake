# A room is a folder under src/: one static library, one test program, whose tests ctest runs one by one, and one program
# of micro-benchmarks for ./dev bench micro. The folder gives the name: src/store/disk is the library room::store_disk
# and the programs store_disk_tests and store_disk_benches.
#
#   add_room(
#     HEADERS memory_tier.h SOURCES memory_tier.cc TESTS memory_tier_test.cc BENCHES memory_tier_bench.cc
#     LINKS room::rt TEST_LINKS room::store_testing)
#
# A folder testing/ holds what tests of several rooms share: add_testing() makes it a library of its own.
#
# Every .h and .cc in the tree is named by some CMakeLists.txt; configuring fails on one that is not,
# so that no test can be forgotten.

include(GoogleTest)

define_property(GLOBAL PROPERTY CACHEY_LISTED_FILES)

add_custom_target(fuzzers)  # all of them, where CACHEY_FUZZ is on

# The headers of libraries that take most of a compilation, read once for all rooms (CACHEY_PCH). Sources include
# what they use all the same: the debug preset builds without. A room below rt says NO_PCH: it has no Asio to link.
set(PRECOMPILED_HEADERS
  <algorithm> <array> <atomic> <charconv> <chrono> <coroutine> <cstdint> <cstring> <deque> <expected> <filesystem>
  <functional> <future> <map> <memory> <mutex> <optional> <random> <span> <string> <string_view> <thread>
  <unordered_map> <utility> <variant> <vector>
  <boost/asio.hpp> <boost/asio/experimental/awaitable_operators.hpp> <boost/intrusive/list.hpp> <fmt/format.h>)

# Tests are compiled more often than they are run.
set(TEST_OPTIONS -O0 -g1)

function(precompile target)
  if(CACHEY_PCH AND NOT ROOM_NO_PCH)
    target_precompile_headers(${target} ${ARGN})
  endif()
endfunction()

function(add_precompiled_headers)
  file(WRITE "${CMAKE_BINARY_DIR}/empty.cc" "")
  foreach(kind rooms tests)
    add_library(precompiled_${kind} OBJECT "${CMAKE_BINARY_DIR}/empty.cc")
    precompile(precompiled_${kind} PRIVATE ${PRECOMPILED_HEADERS})
  endforeach()
  target_link_libraries(precompiled_tests PRIVATE GTest::gmock)
  target_compile_options(precompiled_tests PRIVATE ${TEST_OPTIONS})
  precompile(precompiled_tests PRIVATE <gmock/gmock.h> <gtest/gtest.h>)
endfunction()

# The server's heap, for it and for what measures its parts. Sanitizers bring their own.
function(use_server_heap target)
  if(NOT CACHEY_SANITIZE)
    target_sources(${target} PRIVATE "${CMAKE_SOURCE_DIR}/src/app/allocator.cc")
    target_link_libraries(${target} PRIVATE PkgConfig::jemalloc)
  endif()
endfunction()

function(list_files)
  foreach(file IN LISTS ARGN)
    set_property(GLOBAL APPEND PROPERTY CACHEY_LISTED_FILES "${CMAKE_CURRENT_SOURCE_DIR}/${file}")
  endforeach()
endfunction()

# NAME: src/store/disk -> store_disk.
function(room_name out)
  file(RELATIVE_PATH path "${CMAKE_SOURCE_DIR}/src" "${CMAKE_CURRENT_SOURCE_DIR}")
  string(REPLACE "/" "_" name "${path}")
  set(${out} "${name}" PARENT_SCOPE)
endfunction()

function(add_room)
  cmake_parse_arguments(ROOM "NO_PCH" "" "HEADERS;SOURCES;TESTS;BENCHES;FUZZERS;LINKS;TEST_LINKS" ${ARGN})
  room_name(name)
  list_files(${ROOM_HEADERS} ${ROOM_SOURCES} ${ROOM_TESTS} ${ROOM_BENCHES} ${ROOM_FUZZERS})

  add_library(cachey_${name} STATIC ${ROOM_SOURCES} ${ROOM_HEADERS})
  add_library(room::${name} ALIAS cachey_${name})
  target_include_directories(cachey_${name} PUBLIC "${CMAKE_SOURCE_DIR}/src")
  target_link_libraries(cachey_${name} PUBLIC ${ROOM_LINKS})
  precompile(cachey_${name} REUSE_FROM precompiled_rooms)

  if(ROOM_TESTS)
    add_executable(${name}_tests ${ROOM_TESTS})
    target_link_libraries(${name}_tests PRIVATE room::${name} ${ROOM_TEST_LINKS} GTest::gmock GTest::gtest_main)
    target_compile_options(${name}_tests PRIVATE ${TEST_OPTIONS})
    precompile(${name}_tests REUSE_FROM precompiled_tests)
    target_compile_definitions(${name}_tests PRIVATE CACHEY_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    gtest_discover_tests(${name}_tests TEST_PREFIX ${name}. DISCOVERY_MODE PRE_TEST
      PROPERTIES LABELS unit TIMEOUT 120)
  endif()

  # What a sanitizer's code costs is not what is asked.
  if(ROOM_BENCHES AND NOT CACHEY_SANITIZE AND NOT CACHEY_FUZZ)
    add_executable(${name}_benches ${ROOM_BENCHES})
    target_link_libraries(${name}_benches PRIVATE room::${name} ${ROOM_TEST_LINKS} benchmark::benchmark_main)
    use_server_heap(${name}_benches)
    precompile(${name}_benches REUSE_FROM precompiled_rooms)
  endif()

  foreach(fuzzer IN LISTS ROOM_FUZZERS)
    get_filename_component(file "${fuzzer}" NAME_WE)
    set(fuzzer_name ${name}_${file})
    if(CACHEY_FUZZ)
      add_executable(${fuzzer_name} ${fuzzer})
      target_link_options(${fuzzer_name} PRIVATE -fsanitize=fuzzer)
      add_dependencies(fuzzers ${fuzzer_name})
    elseif(NOT CACHEY_SANITIZE)
      add_library(${fuzzer_name} OBJECT ${fuzzer})  # so that it always compiles
    else()
      continue()
    endif()
    target_link_libraries(${fuzzer_name} PRIVATE room::${name} ${ROOM_TEST_LINKS})
  endforeach()
endfunction()

function(add_testing)
  cmake_parse_arguments(TESTING "" "" "HEADERS;SOURCES;LINKS" ${ARGN})
  room_name(name)
  list_files(${TESTING_HEADERS} ${TESTING_SOURCES})
  if(TESTING_SOURCES)
    add_library(cachey_${name} STATIC ${TESTING_SOURCES} ${TESTING_HEADERS})
    target_link_libraries(cachey_${name} PUBLIC ${TESTING_LINKS} GTest::gmock)
    target_compile_options(cachey_${name} PRIVATE ${TEST_OPTIONS})
    precompile(cachey_${name} REUSE_FROM precompiled_tests)
  else()
    add_library(cachey_${name} INTERFACE)
    target_link_libraries(cachey_${name} INTERFACE ${TESTING_LINKS})
  endif()
  add_library(room::${name} ALIAS cachey_${name})
endfunction()

function(check_every_file_is_listed)
  get_property(listed GLOBAL PROPERTY CACHEY_LISTED_FILES)
  file(GLOB_RECURSE present CONFIGURE_DEPENDS
    "${CMAKE_SOURCE_DIR}/src/*.h" "${CMAKE_SOURCE_DIR}/src/*.cc"
    "${CMAKE_SOURCE_DIR}/bench/*.h" "${CMAKE_SOURCE_DIR}/bench/*.cc"
    "${CMAKE_SOURCE_DIR}/tests/*.h" "${CMAKE_SOURCE_DIR}/tests/*.cc")
  foreach(file IN LISTS present)
    if(NOT file IN_LIST listed)
      message(FATAL_ERROR "${file} is listed in no CMakeLists.txt: it would never be built or run")
    endif()
  endforeach()
endfunction()
