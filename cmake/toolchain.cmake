# The compiler, its flags, and the libraries that every room may use.

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  message(FATAL_ERROR
    "g++ ${CMAKE_CXX_COMPILER_VERSION} miscompiles coroutines: an aggregate or lambda temporary in a "
    "co_await statement is destroyed twice (a double free under AddressSanitizer). "
    "Use clang-19: cmake --preset release, or ./dev build.")
endif()
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
  message(FATAL_ERROR "Cachey is built by clang 19 or newer, not by "
    "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}. Use ./dev build or a preset.")
endif()

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_LINKER_TYPE LLD)
add_link_options(-fuse-ld=lld-19)

set(CACHEY_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them (address,undefined or thread)")
option(CACHEY_FUZZ "Build the libFuzzer targets" OFF)
option(CACHEY_WERROR "Warnings are errors" ON)
option(CACHEY_PCH "Read the libraries' headers once for all sources" ON)
option(CACHEY_UNITY "Compile all sources of a room as one" ON)

add_compile_options(-Wall -Wextra -Wshadow -Wconversion -Wthread-safety -Wno-sign-conversion)
if(CACHEY_WERROR)
  add_compile_options(-Werror)
endif()
if(CACHEY_SANITIZE)
  add_compile_options(-fsanitize=${CACHEY_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${CACHEY_SANITIZE})
endif()
if(CACHEY_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_program(CCACHE ccache)
if(CCACHE)
  # ccache requires these settings for precompiled headers.
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env CCACHE_SLOPPINESS=pch_defines,time_macros "${CCACHE}")
endif()

# Definitions must be the same in every source, because precompiled headers are shared.
# Asio recycles this number of coroutine frames per thread: more than a request has.
add_compile_definitions(BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_NO_TYPEID FMT_SHARED
  BOOST_ASIO_RECYCLING_ALLOCATOR_CACHE_SIZE=16)
if(CACHEY_PCH)
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:SHELL:-Xclang -fno-pch-timestamp>")
endif()

find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(fmt REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(pugixml REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(Python3 REQUIRED COMPONENTS Interpreter)
pkg_check_modules(prometheus REQUIRED IMPORTED_TARGET prometheus-cpp-core)
find_path(TOMLPLUSPLUS_INCLUDE_DIR toml++/toml.h REQUIRED)  # headers only
pkg_check_modules(jemalloc REQUIRED IMPORTED_TARGET jemalloc>=5.3)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(nghttp2 REQUIRED IMPORTED_TARGET libnghttp2>=1.52)
find_package(GTest REQUIRED)
find_package(benchmark REQUIRED)
