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
		-DROLLCALL_SANITIZE=address,undefined -DROLLCALL_WERROR=ON && ninja -C "$DEV/build-test"
}
build_thread() {
	build_configure "$DEV/build-thread" -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=Debug \
		-DROLLCALL_SANITIZE=thread -DROLLCALL_WERROR=ON && ninja -C "$DEV/build-thread"
}
# As it is shipped, with the tests; also for Debian 12's valgrind, which does not read what its clang says about a program.
build_gcc() {
	build_configure "$DEV/build-gcc" -DCMAKE_C_COMPILER=gcc -DROLLCALL_WERROR=ON && ninja -C "$DEV/build-gcc"
}
build_clang() {
	build_configure "$DEV/build-clang" -DCMAKE_C_COMPILER=clang -DROLLCALL_WERROR=ON &&
		ninja -C "$DEV/build-clang"
}

# The Debian package, in .dev/build-package. The time in it is that of the commit, so that it can be built again to the octet.
build_package() {
	SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$ROOT" log -1 --format=%ct 2>/dev/null || date +%s)}
	export SOURCE_DATE_EPOCH
	build_configure "$DEV/build-package" -DROLLCALL_TESTS=OFF -DCMAKE_INSTALL_PREFIX=/usr && ninja -C "$DEV/build-package" &&
		cd "$DEV/build-package" && rm -f rollcall_*.deb && cpack
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

verb_package() {
	packages_step 1/2 $PACKAGES_BUILD $PACKAGES_PACKAGE
	step 2/2 package "rollcall as a Debian package"
	quietly build_package || fail "the package was not built" "read the first error above"
	step_done
	echo "$DEV"/build-package/rollcall_*.deb
}

# fuzz NAME [SECONDS]: grows the corpus in .dev/fuzz, starting from the one in the repository.
verb_fuzz() {
	[ $# -ge 1 ] && [ -f "$ROOT/tests/fuzz/$1_fuzz.c" ] || {
		echo "usage: ./dev fuzz NAME [SECONDS]; names: $(fuzz_targets)" >&2
		exit 2
	}
	packages_step 1/2 $PACKAGES_BUILD $PACKAGES_TEST
	step 2/2 build "$1 with clang and libFuzzer"
	quietly build_fuzz "$1" || fail "clang stopped" "read the first error above"
	step_done
	mkdir -p "$DEV/fuzz/$1"
	cd "$DEV/fuzz"
	fuzz_status=0
	# What a run costs beside the target itself is halved by these.
	export ASAN_OPTIONS=quarantine_size_mb=8:malloc_context_size=4:max_malloc_fill_size=0 UBSAN_OPTIONS=print_stacktrace=1
	"$DEV/build-fuzz/tests/$1_fuzz" "-dict=$ROOT/tests/fuzz/$(fuzz_dictionary "$1").dict" -max_total_time="${2:-60}" -timeout=5 \
		-rss_limit_mb=1024 -entropic=0 -print_final_stats=1 "$DEV/fuzz/$1" "$ROOT/tests/fuzz/corpus/$1" 2>"$1.log" || fuzz_status=$?
	[ $fuzz_status -eq 0 ] || cat "$1.log"
	tail -n 8 "$1.log"
	sed -n "s/^stat::number_of_executed_units: */$1 /p" "$1.log" >>executions
	awk -v name="$1" '{ all += $2; here += $1 == name ? $2 : 0 } END { printf "%s: %d executions in this tree, all targets: %d\n", name, here, all }' executions
	return $fuzz_status
}
fuzz_dictionary() {
	[ ! -f "$ROOT/tests/fuzz/$1.dict" ] && echo sip || echo "$1"
}
build_fuzz() {
	build_configure "$DEV/build-fuzz" -DCMAKE_C_COMPILER=clang -DROLLCALL_SANITIZE=address,undefined -DROLLCALL_FUZZ=ON &&
		ninja -C "$DEV/build-fuzz" "$1_fuzz"
}
fuzz_targets() {
	for source in "$ROOT"/tests/fuzz/*_fuzz.c; do
		[ ! -f "$source" ] || basename "$source" _fuzz.c
	done | tr '\n' ' '
}

# cover [MODULE|FILE…]: gcov over the unit tests, a file that no test enters counted as well; named ones with
# their gaps. Fails when sip, auth or registrar fall below 95 % of lines or 90 % of branches.
verb_cover() {
	packages_step 1/3 $PACKAGES_BUILD $PACKAGES_RUN $PACKAGES_TEST
	step 2/3 build "gcc with --coverage"
	quietly build_cover || fail "gcc stopped" "read the first error above"
	step_done
	export TEST_BUILD="$DEV/build-cover"
	test_database_step 3/3
	trap test_database_stop EXIT
	cover_status=0
	for binary in "$TEST_BUILD"/tests/*_test; do
		(cd "$ROOT" && "$binary") >"$step_log" 2>&1 || {
			echo "some tests of $(basename "$binary") failed" >&2
			cover_status=1
		}
	done
	"$ROOT/tests/cover" "$TEST_BUILD" "$@" || cover_status=1
	return $cover_status
}
build_cover() {
	build_configure "$DEV/build-cover" -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS=--coverage &&
		ninja -C "$DEV/build-cover" && find "$DEV/build-cover" -name '*.gcda' -delete
}

# mutate [--count N | --all] [FILE…]: see tests/mutate.
verb_mutate() {
	packages_step 1/1 $PACKAGES_BUILD $PACKAGES_TEST
	mkdir -p "$DEV/mutate"
	"$ROOT/tests/mutate" "$@"
}
