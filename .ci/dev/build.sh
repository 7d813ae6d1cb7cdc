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
	"$DEV/build-fuzz/tests/$1_fuzz" "-dict=$ROOT/tests/fuzz/sip.dict" -max_total_time="${2:-60}" -timeout=5 \
		"$DEV/fuzz/$1" "$ROOT/tests/fuzz/corpus/$1"
}
build_fuzz() {
	build_configure "$DEV/build-fuzz" -DCMAKE_C_COMPILER=clang -DROLLCALL_SANITIZE=ON -DROLLCALL_FUZZ=ON &&
		ninja -C "$DEV/build-fuzz" "$1_fuzz"
}
fuzz_targets() {
	for source in "$ROOT"/tests/fuzz/*_fuzz.c; do
		[ ! -f "$source" ] || basename "$source" _fuzz.c
	done | tr '\n' ' '
}

# cover: gcov over the unit tests, worst files first; a file that no test enters counts as well.
verb_cover() {
	packages_step 1/3 $PACKAGES_BUILD $PACKAGES_RUN $PACKAGES_TEST
	step 2/3 build "gcc with --coverage"
	quietly build_cover || fail "gcc stopped" "read the first error above"
	step_done
	export TEST_BUILD="$DEV/build-cover"
	test_database_step 3/3
	trap test_database_stop EXIT
	for binary in "$TEST_BUILD"/tests/*_test; do
		(cd "$ROOT" && "$binary") >"$step_log" 2>&1 || echo "some tests of $(basename "$binary") failed" >&2
	done
	cd "$TEST_BUILD"
	find . -path '*/src/*.gcno' -print0 | xargs -0 gcov -n -r -s "$ROOT" 2>/dev/null |
		awk -F"[':%]" '/^File/ { file = $2 } /^Lines executed/ && $2 >= best[file] { best[file] = $2 }
			END { for (file in best) if (file ~ /^src/) printf "%6.2f%%  %s\n", best[file], file }' |
		sort -n
}
build_cover() {
	build_configure "$DEV/build-cover" -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS=--coverage &&
		ninja -C "$DEV/build-cover" && find "$DEV/build-cover" -name '*.gcda' -delete
}
