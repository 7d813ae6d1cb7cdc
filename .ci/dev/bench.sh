# bench: measurements on a release build and a cluster of their own; docs/benchmarks.md keeps what they showed.

verb_bench() {
	form=${1:-quick}
	[ $# -eq 0 ] || shift
	case $form in
	quick | full) set -- compare "$form" "$@" ;;
	peer) set -- workers "$@" ;;
	idle | latency | storm | scale | list) set -- "$form" "$@" ;;
	*)
		echo "usage: ./dev bench [quick | full | peer [udp] [tls] | idle [CONNECTIONS] | latency [ROUNDS] | storm [SECONDS] | scale [ROUNDS] | list [ADDRESSES]]" >&2
		exit 2
		;;
	esac
	T=$DEV/bench TEST_BUILD=$BUILD RESULTS=$DEV/bench/results
	export TEST_BUILD ROLLCALL_TEST_STATE="$T" # for the steps, which are shells of their own
	# shellcheck disable=SC2086
	packages_step 1/3 $PACKAGES_BUILD $PACKAGES_RUN $PACKAGES_BENCH
	build_step 2/3
	test_database_step 3/3
	trap test_database_stop EXIT
	trap 'exit 130' INT TERM
	echo
	"$ROOT/tests/bench/$@"
}
