# chaos: clients at work, faults at random, and a checker of what they saw; docs/reliability.md tells about it.

# CHAOS_SANITIZE=1: the build of the tests, with ASan and UBSan, instead of the release build.
verb_chaos() {
	if [ -n "${CHAOS_SANITIZE:-}" ]; then chaos_build=$DEV/build-test; else chaos_build=$BUILD; fi
	T=$DEV/chaos TEST_BUILD=$chaos_build RESULTS=$DEV/chaos/results
	export TEST_BUILD ROLLCALL_TEST_STATE="$T" # for the steps, which are shells of their own
	# shellcheck disable=SC2086
	packages_step 1/3 $PACKAGES_BUILD $PACKAGES_RUN python3 ${CHAOS_SANITIZE:+$PACKAGES_TEST}
	chaos_build_step 2/3
	test_database_step 3/3
	trap test_database_stop EXIT
	trap 'exit 130' INT TERM
	echo
	"$ROOT/tests/chaos/run" "$@"
}
chaos_build_step() {
	if [ -z "${CHAOS_SANITIZE:-}" ]; then
		build_step "$1"
		return
	fi
	step "$1" build "gcc with ASan and UBSan"
	quietly build_tested || fail "gcc does not build it without warnings" "read the first error above"
	step_done
}
