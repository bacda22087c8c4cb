# A room is a folder under src/: one static library, one test program (ctest runs its tests one by one), and one program
# of micro-benchmarks for ./dev bench micro. The folder gives the name: src/store/disk is the library room::store_disk
# and the programs store_disk_tests and store_disk_benches.
#
#   add_room(
#     HEADERS memory_tier.h SOURCES memory_tier.cc TESTS memory_tier_test.cc BENCHES memory_tier_bench.cc
#     LINKS room::rt TEST_LINKS room::store_testing)
#
# A folder testing/ holds test helpers shared by several rooms: add_testing() makes a separate library of it.
#
# Every .h and .cc in the tree must be listed in a CMakeLists.txt, so that no test is forgotten. Configuring fails on an
# unlisted file.

include(GoogleTest)

define_property(GLOBAL PROPERTY CACHEY_LISTED_FILES)

# Targets of ./dev: what the tests need, all benchmarks, all fuzzers (objects only unless CACHEY_FUZZ is on).
add_custom_target(tested)
add_custom_target(benches)
add_custom_target(fuzzers)

# The headers that take most of the compile time, precompiled once for all rooms (CACHEY_PCH). Sources still include what
# they use, because the debug preset builds without. The low set is for rooms below rt: they do not link Asio.
set(LOW_HEADERS
  <algorithm> <array> <atomic> <charconv> <chrono> <cstdint> <cstring> <deque> <expected> <filesystem> <functional> <map>
  <memory> <mutex> <optional> <random> <set> <span> <string> <string_view> <thread> <unordered_map> <utility> <variant>
  <vector> <fmt/format.h>)
set(HIGH_HEADERS ${LOW_HEADERS}
  <coroutine> <future> <boost/asio.hpp> <boost/asio/experimental/awaitable_operators.hpp> <boost/intrusive/list.hpp>
  <boost/unordered/unordered_flat_map.hpp> <openssl/ssl.h>
  "${CMAKE_SOURCE_DIR}/src/base/error.h" "${CMAKE_SOURCE_DIR}/src/base/log.h" "${CMAKE_SOURCE_DIR}/src/rt/worker.h")

# Fast to compile: tests are compiled more often than they are run. Only sanitizer reports need line numbers.
set(TEST_OPTIONS -O0)
if(CACHEY_SANITIZE)
  list(APPEND TEST_OPTIONS -g1)
else()
  list(APPEND TEST_OPTIONS -g0)
endif()

# Makes the precompiled headers low, low_tests, high and high_tests.
function(add_precompiled_headers)
  file(WRITE "${CMAKE_BINARY_DIR}/empty.cc" "")
  foreach(set low high)
    string(TOUPPER ${set} upper)
    foreach(kind ${set} ${set}_tests)
      add_library(precompiled_${kind} OBJECT "${CMAKE_BINARY_DIR}/empty.cc")
      target_include_directories(precompiled_${kind} PRIVATE "${CMAKE_SOURCE_DIR}/src")
      if(CACHEY_PCH)
        target_precompile_headers(precompiled_${kind} PRIVATE ${${upper}_HEADERS})
      endif()
    endforeach()
    use_short_paths(precompiled_${set})
    target_link_libraries(precompiled_${set}_tests PRIVATE GTest::gmock)
    target_compile_options(precompiled_${set}_tests PRIVATE ${TEST_OPTIONS})
    if(CACHEY_PCH)
      target_precompile_headers(precompiled_${set}_tests PRIVATE <gmock/gmock.h> <gtest/gtest.h>)
    endif()
  endforeach()
endfunction()

# Lets a target use one of them: high (default), high_tests, low or low_tests.
function(precompile target)
  set(kind high)
  if(ARGN)
    set(kind ${ARGN})
  endif()
  if(CACHEY_PCH)
    target_precompile_headers(${target} REUSE_FROM precompiled_${kind})
  endif()
endfunction()

# Compiles all sources of a target as one (CACHEY_UNITY): headers and templates take most of the time of a single
# source. Names of a room's sources are therefore distinct, those in anonymous namespaces too.
function(compile_as_one target)
  if(CACHEY_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 0)
  endif()
endfunction()

# Compiles a target with the options of tests.
function(compile_as_test target set)
  target_link_libraries(${target} PRIVATE GTest::gmock)
  target_compile_options(${target} PRIVATE ${TEST_OPTIONS})
  precompile(${target} ${set}_tests)
endfunction()

# Links the server's heap: into the server and into the benchmarks. Sanitizers have their own heap.
function(use_server_heap target)
  if(NOT CACHEY_SANITIZE)
    target_sources(${target} PRIVATE "${CMAKE_SOURCE_DIR}/src/app/allocator.cc")
    target_link_libraries(${target} PRIVATE PkgConfig::jemalloc)
  endif()
endfunction()

# The server and its debug symbols name sources from the root of the repository (src/base/log.cc), so that a package does
# not depend on the folder in which it was built. Reports of sanitizers keep full paths.
function(use_short_paths target)
  if(NOT CACHEY_SANITIZE AND NOT CACHEY_FUZZ)
    target_compile_options(${target} PRIVATE "-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=")
  endif()
endfunction()

function(list_files)
  foreach(file IN LISTS ARGN)
    set_property(GLOBAL APPEND PROPERTY CACHEY_LISTED_FILES "${CMAKE_CURRENT_SOURCE_DIR}/${file}")
  endforeach()
endfunction()

# Sets `out` to the name of the room: src/store/disk -> store_disk. A room without a README fails the configuration.
function(room_name out)
  if(NOT EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/README.md")
    message(FATAL_ERROR "${CMAKE_CURRENT_SOURCE_DIR} has no README.md: say why the room exists and what goes there")
  endif()
  file(RELATIVE_PATH path "${CMAKE_SOURCE_DIR}/src" "${CMAKE_CURRENT_SOURCE_DIR}")
  string(REPLACE "/" "_" name "${path}")
  set(${out} "${name}" PARENT_SCOPE)
endfunction()

# BELOW_RT, here and below: the room does not link Asio.
# ONE_THREAD: no test of the room starts a thread. ThreadSanitizer has nothing to find there, so its build leaves these
# tests out. In the release build, a test that starts a thread aborts (cmake/one_thread.cc).
function(add_room)
  cmake_parse_arguments(ROOM "BELOW_RT;ONE_THREAD" "" "HEADERS;SOURCES;TESTS;BENCHES;FUZZERS;LINKS;TEST_LINKS" ${ARGN})
  room_name(name)
  set(set high)
  if(ROOM_BELOW_RT)
    set(set low)
  endif()
  list_files(${ROOM_HEADERS} ${ROOM_SOURCES} ${ROOM_TESTS} ${ROOM_BENCHES} ${ROOM_FUZZERS})

  add_library(cachey_${name} STATIC ${ROOM_SOURCES} ${ROOM_HEADERS})
  add_library(room::${name} ALIAS cachey_${name})
  target_include_directories(cachey_${name} PUBLIC "${CMAKE_SOURCE_DIR}/src")
  target_link_libraries(cachey_${name} PUBLIC ${ROOM_LINKS})
  precompile(cachey_${name} ${set})
  compile_as_one(cachey_${name})
  use_short_paths(cachey_${name})

  if(ROOM_TESTS AND NOT (ROOM_ONE_THREAD AND CACHEY_SANITIZE MATCHES thread))
    add_executable(${name}_tests ${ROOM_TESTS})
    target_link_libraries(${name}_tests PRIVATE room::${name} ${ROOM_TEST_LINKS} GTest::gtest_main)
    compile_as_test(${name}_tests ${set})
    compile_as_one(${name}_tests)
    target_compile_definitions(${name}_tests PRIVATE CACHEY_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    if(ROOM_ONE_THREAD AND NOT CACHEY_SANITIZE) # the sanitizers have their own pthread_create
      target_sources(${name}_tests PRIVATE "${CMAKE_SOURCE_DIR}/cmake/one_thread.cc")
      set_source_files_properties("${CMAKE_SOURCE_DIR}/cmake/one_thread.cc" PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    endif()
    add_dependencies(tested ${name}_tests)
    gtest_discover_tests(${name}_tests TEST_PREFIX ${name}. DISCOVERY_MODE PRE_TEST
      PROPERTIES LABELS unit TIMEOUT 120)
  endif()

  # Benchmarks of code with a sanitizer are useless.
  if(ROOM_BENCHES AND NOT CACHEY_SANITIZE AND NOT CACHEY_FUZZ)
    add_executable(${name}_benches ${ROOM_BENCHES})
    target_link_libraries(${name}_benches PRIVATE room::${name} ${ROOM_TEST_LINKS} benchmark::benchmark_main)
    use_server_heap(${name}_benches)
    precompile(${name}_benches ${set})
    add_dependencies(benches ${name}_benches)
  endif()

  foreach(fuzzer IN LISTS ROOM_FUZZERS)
    get_filename_component(file "${fuzzer}" NAME_WE)
    set(fuzzer_name ${name}_${file})
    if(CACHEY_FUZZ)
      add_executable(${fuzzer_name} ${fuzzer})
      target_link_options(${fuzzer_name} PRIVATE -fsanitize=fuzzer)
      add_dependencies(fuzzers ${fuzzer_name})
    elseif(NOT CACHEY_SANITIZE)
      add_library(${fuzzer_name} OBJECT ${fuzzer})  # checks that the fuzzer compiles
      compile_as_test(${fuzzer_name} ${set})
      add_dependencies(fuzzers ${fuzzer_name})
    else()
      continue()
    endif()
    target_link_libraries(${fuzzer_name} PRIVATE room::${name} ${ROOM_TEST_LINKS})
  endforeach()
endfunction()

function(add_testing)
  cmake_parse_arguments(TESTING "BELOW_RT" "" "HEADERS;SOURCES;LINKS" ${ARGN})
  room_name(name)
  set(set high)
  if(TESTING_BELOW_RT)
    set(set low)
  endif()
  list_files(${TESTING_HEADERS} ${TESTING_SOURCES})
  if(TESTING_SOURCES)
    add_library(cachey_${name} STATIC ${TESTING_SOURCES} ${TESTING_HEADERS})
    target_link_libraries(cachey_${name} PUBLIC ${TESTING_LINKS})
    compile_as_test(cachey_${name} ${set})
  else()
    add_library(cachey_${name} INTERFACE)
    target_link_libraries(cachey_${name} INTERFACE ${TESTING_LINKS})
  endif()
  add_library(room::${name} ALIAS cachey_${name})
endfunction()

# A benchmark program under bench/.
function(add_bench name)
  cmake_parse_arguments(BENCH "" "" "SOURCES;HEADERS;LINKS" ${ARGN})
  list_files(${BENCH_SOURCES} ${BENCH_HEADERS})
  add_executable(${name} ${BENCH_SOURCES})
  target_include_directories(${name} PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}")
  if(BENCH_LINKS)
    target_link_libraries(${name} PRIVATE ${BENCH_LINKS})
    precompile(${name})
  endif()
  add_dependencies(benches ${name})
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
