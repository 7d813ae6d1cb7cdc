# soak: whether anything grows in half an hour, and what many idle connections cost; docs/reliability.md holds what they showed.

verb_soak() {
	form=run
	[ "${1:-}" != connections ] || { form=connections; shift; }
	T=$DEV/soak TEST_BUILD=$BUILD RESULTS=$DEV/soak/results
	export TEST_BUILD ROLLCALL_TEST_STATE="$T" # for the steps, which are shells of their own
	# shellcheck disable=SC2086
	packages_step 1/3 $PACKAGES_BUILD $PACKAGES_RUN python3
	build_step 2/3
	test_database_step 3/3
	trap test_database_stop EXIT
	trap 'exit 130' INT TERM
	echo
	"$ROOT/tests/soak/$form" "$@"
}
