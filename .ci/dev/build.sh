# Building: CMake and Ninja do the work; these functions only name the flavours.

BUILD=$DEV/build
# ccache speeds up contributors who have it; its place is the home directory only where that can be written.
[ -w "${HOME:-/nowhere}" ] || export CCACHE_DIR="$DEV/ccache"

# build_configure DIRECTORY OPTION…: runs CMake only when there is no build for this place of the checkout yet.
build_configure() {
	directory=$1
	shift
	if [ -f "$directory/build.ninja" ] &&
		grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$ROOT" "$directory/CMakeCache.txt"; then
		return
	fi
	rm -rf "$directory"
	launcher=
	! command -v ccache >/dev/null || launcher=-DCMAKE_C_COMPILER_LAUNCHER=ccache
	cmake -S "$ROOT" -B "$directory" -G Ninja $launcher "$@"
}

build_product() {
	build_configure "$BUILD" -DROLLCALL_TESTS=OFF && ninja -C "$BUILD"
}
build_tested() {
	build_configure "$DEV/build-test" -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=Debug \
		-DROLLCALL_SANITIZE=ON -DROLLCALL_WERROR=ON && ninja -C "$DEV/build-test"
}
build_clang() {
	build_configure "$DEV/build-clang" -DCMAKE_C_COMPILER=clang -DROLLCALL_WERROR=ON &&
		ninja -C "$DEV/build-clang"
}

build_step() {
	step "$1" build "rollcalld, rollcallctl"
	quietly build_product || fail "the compiler or CMake stopped" "read the first error above; ./dev reset removes a stale build"
	step_done
}

verb_build() {
	packages_step 1/2 $PACKAGES_BUILD
	build_step 2/2
}

# fuzz NAME [SECONDS]: grows the corpus in .dev/fuzz, starting from the one in the repository.
verb_fuzz() {
	[ $# -ge 1 ] || { echo "usage: ./dev fuzz NAME [SECONDS]; targets: $(fuzz_targets)" >&2; exit 2; }
	build_configure "$DEV/build-fuzz" -DCMAKE_C_COMPILER=clang -DROLLCALL_SANITIZE=ON -DROLLCALL_FUZZ=ON
	ninja -C "$DEV/build-fuzz" "$1_fuzz"
	mkdir -p "$DEV/fuzz/$1" "$ROOT/tests/fuzz/corpus/$1"
	dictionary=
	[ ! -f "$ROOT/tests/fuzz/sip.dict" ] || dictionary=-dict=$ROOT/tests/fuzz/sip.dict
	cd "$DEV/fuzz"
	"$DEV/build-fuzz/tests/$1_fuzz" ${dictionary:+"$dictionary"} -max_total_time="${2:-60}" -timeout=5 \
		"$DEV/fuzz/$1" "$ROOT/tests/fuzz/corpus/$1"
}
fuzz_targets() {
	for source in "$ROOT"/tests/fuzz/*_fuzz.c; do
		[ ! -f "$source" ] || basename "$source" _fuzz.c
	done | tr '\n' ' '
}

# cover: gcov over the unit tests, worst files first.
verb_cover() {
	build_configure "$DEV/build-cover" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS=--coverage
	ninja -C "$DEV/build-cover"
	find "$DEV/build-cover" -name '*.gcda' -delete
	for binary in "$DEV"/build-cover/tests/*_test; do
		"$binary" >/dev/null || echo "some tests of $(basename "$binary") failed" >&2
	done
	cd "$DEV/build-cover"
	find . -path './CMakeFiles/*/src/*.gcda' -print0 | xargs -0 -r gcov -n -r -s "$ROOT" 2>/dev/null |
		awk -F"[':%]" '/^File/ { file = $2 } /^Lines executed/ && file ~ /src\// { printf "%6.2f%%  %s\n", $2, file; file = "" }' |
		sort -n
}
