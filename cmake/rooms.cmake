# A room is a folder under src/: one static library, one test program, whose tests ctest runs one by one, and one program
# of micro-benchmarks, ROOM_benches, for ./dev bench micro.
#
#   add_room(NAME store
#     HEADERS memory_tier.h SOURCES memory_tier.cc TESTS memory_tier_test.cc BENCHES memory_tier_bench.cc
#     LINKS room::rt)
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

function(add_room)
  cmake_parse_arguments(ROOM "NO_PCH" "NAME" "HEADERS;SOURCES;TESTS;TEST_SUPPORT;BENCHES;FUZZERS;LINKS;TEST_LINKS" ${ARGN})
  list_files(${ROOM_HEADERS} ${ROOM_SOURCES} ${ROOM_TESTS} ${ROOM_TEST_SUPPORT}
    ${ROOM_BENCHES} ${ROOM_FUZZERS})

  add_library(cachey_${ROOM_NAME} STATIC ${ROOM_SOURCES} ${ROOM_HEADERS})
  add_library(room::${ROOM_NAME} ALIAS cachey_${ROOM_NAME})
  target_include_directories(cachey_${ROOM_NAME} PUBLIC "${CMAKE_SOURCE_DIR}/src")
  target_link_libraries(cachey_${ROOM_NAME} PUBLIC ${ROOM_LINKS})
  precompile(cachey_${ROOM_NAME} REUSE_FROM precompiled_rooms)

  if(ROOM_TESTS)
    add_executable(${ROOM_NAME}_tests ${ROOM_TESTS} ${ROOM_TEST_SUPPORT})
    target_link_libraries(${ROOM_NAME}_tests PRIVATE room::${ROOM_NAME} ${ROOM_TEST_LINKS}
      GTest::gmock GTest::gtest_main)
    target_compile_options(${ROOM_NAME}_tests PRIVATE ${TEST_OPTIONS})
    precompile(${ROOM_NAME}_tests REUSE_FROM precompiled_tests)
    target_compile_definitions(${ROOM_NAME}_tests PRIVATE CACHEY_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    gtest_discover_tests(${ROOM_NAME}_tests TEST_PREFIX ${ROOM_NAME}. DISCOVERY_MODE PRE_TEST
      PROPERTIES LABELS unit TIMEOUT 120)
  endif()

  # What a sanitizer's code costs is not what is asked.
  if(ROOM_BENCHES AND NOT CACHEY_SANITIZE AND NOT CACHEY_FUZZ)
    add_executable(${ROOM_NAME}_benches ${ROOM_BENCHES})
    target_link_libraries(${ROOM_NAME}_benches PRIVATE room::${ROOM_NAME} benchmark::benchmark_main)
    use_server_heap(${ROOM_NAME}_benches)
    precompile(${ROOM_NAME}_benches REUSE_FROM precompiled_rooms)
  endif()

  foreach(fuzzer IN LISTS ROOM_FUZZERS)
    get_filename_component(name "${fuzzer}" NAME_WE)
    if(CACHEY_FUZZ)
      add_executable(${name} ${fuzzer})
      target_link_options(${name} PRIVATE -fsanitize=fuzzer)
      add_dependencies(fuzzers ${name})
    elseif(NOT CACHEY_SANITIZE)
      add_library(${name} OBJECT ${fuzzer})  # so that it always compiles
    else()
      continue()
    endif()
    target_link_libraries(${name} PRIVATE room::${ROOM_NAME})
  endforeach()
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
