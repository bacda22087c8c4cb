# Recipes for just (https://just.systems). Each one calls ./dev, which CI uses too.
set positional-arguments

[private]
default:
    @just --list --unsorted

# run the server with sample objects on 127.0.0.1:8080 and, as S3, on :9000
run *OPTIONS:
    @./dev run "$@"

# run all tests: unit, end to end, with a real S3 server
test:
    @./dev test

# build the server (build/release/cachey), or TARGETS: store_tests, tested, benches; --preset asan
build *TARGETS:
    @./dev build "$@"

# make the container image, without Docker: build/image
image *OPTIONS:
    @./dev image "$@"

# build the Debian package: build/deb/cachey_*.deb; with arm64 for 64-bit ARM
deb *ARCH:
    @./dev deb "$@"

# format the sources; `just fmt --check` only checks
fmt *CHECK:
    @./dev fmt "$@"

# check format, layers and clang-tidy
lint:
    @./dev lint

# the tests of the Python client alone; `just client -k placement`
client *ARGUMENTS:
    @./dev client "$@"

# play attacks beside honest clients; --list names the attacks
hostile *ATTACKS:
    @./dev hostile "$@"

# run the tests under AddressSanitizer and UBSan
asan:
    @./dev asan

# run the tests with shared state under ThreadSanitizer
tsan:
    @./dev tsan

# build for 64-bit ARM and run tests under qemu-user, of ROOMS (base store) or of some rooms and the server
arm64 *ROOMS:
    @./dev arm64 "$@"

# run each fuzz target for SECONDS (30)
fuzz *SECONDS:
    @./dev fuzz "$@"

# benchmarks: compare (default), disk, replay, s3, sparse, day, s3_day, fleet_day, hot_objects, proxies, client, warm, tails, walks, cores, hit_profile, micro
bench *WHAT:
    @./dev bench "$@"

# count instructions per request; --update writes the baseline
instructions *UPDATE:
    @./dev instructions "$@"
