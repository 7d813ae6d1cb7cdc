# soak: whether anything grows in half an hour, and what many idle connections cost; docs/reliability.md holds what they showed.

# soak --under address|thread|valgrind: the same load on a build that reports what it should not do.
verb_soak() {
	form=run under=
	case ${1:-} in
	connections) form=connections; shift ;;
	--under)
		under_known "${2:-}"
		form=under under=$2
		shift 2
		set -- "$under" "$@"
		;;
	esac
	T=$DEV/soak${under:+-$under} TEST_BUILD=${under:+$(under_directory "$under")} RESULTS=$DEV/soak${under:+-$under}/results
	: "${TEST_BUILD:=$BUILD}"
	export TEST_BUILD ROLLCALL_TEST_STATE="$T" # for the steps, which are shells of their own
	# shellcheck disable=SC2086
	packages_step 1/3 $PACKAGES_BUILD $PACKAGES_RUN python3 ${under:+$PACKAGES_TEST}
	if [ -n "$under" ]; then under_step 2/3 "$under"; else build_step 2/3; fi
	test_database_step 3/3
	[ -z "$under" ] || under_environment "$under"
	trap test_database_stop EXIT
	trap 'exit 130' INT TERM
	echo
	"$ROOT/tests/soak/$form" "$@"
}
