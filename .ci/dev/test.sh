# test and lint: every check leaves lines "pass|fail|skip<TAB>where<TAB>test" in .dev/test/results, what failed also lines
# "why<TAB>where<TAB>test<TAB>text"; the last line counts them.

T=${ROLLCALL_TEST_STATE:-$DEV/test}
RESULTS=$T/results
: "${TEST_BUILD:=$DEV/build-test}"

verb_test() {
	long= under=
	while :; do
		case ${1:-} in
		--long) long=yes ;;
		--under) under_known "${2:-}"; under=$2; shift ;;
		*) break ;;
		esac
		shift
	done
	names=$*
	[ -z "$under" ] || test_under
	mkdir -p "$T"
	: >"$RESULTS"
	export ROLLCALL_TEST_LONG=$long
	# shellcheck disable=SC2086
	packages_step 1/3 $PACKAGES_BUILD $PACKAGES_PACKAGE $PACKAGES_RUN $PACKAGES_TEST
	test_build_step 2/3
	test_database_place
	test_database_step 3/3
	trap test_end EXIT
	trap 'exit 130' INT TERM
	echo
	besides=
	if [ -z "$under" ]; then
		beside 19 test_lint
		beside 19 test_fuzz_corpora
		beside 5 test_first_minutes
		test_layers
		test_docs
		test_openapi
		test_cover
	fi
	test_units
	test_without_memory
	[ -z "$under" ] || test_fuzz_corpora
	test_scenarios
	test_besides
	[ -n "$under" ] || test_rows
	test_summary
}

# test --under address|thread|valgrind|nothing: unit tests, fuzz targets and scenarios, watched by that, in a state of their own.
test_under() {
	T=$DEV/test-$under TEST_BUILD=$(under_directory "$under") RESULTS=$DEV/test-$under/results
	export TEST_BUILD ROLLCALL_TEST_STATE="$T" # for the steps, which are shells of their own
	under_environment "$under"
}

# wanted NAME…: no names were given, or one of these was.
wanted() {
	[ -n "$names" ] || return 0
	for name in "$@"; do
		case " $names " in *" $name "*) return 0 ;; esac
	done
	return 1
}

# beside NICENESS FUNCTION: while the others run, which mostly wait, this one gets what they leave of the processors. The
# niceness is that of a session of its own too, for the kernel shares processors among sessions (sched_autogroup), and each
# server of the tests has one.
beside() {
	names=$names long=$long under=$under setsid "$ROOT/dev" in_step test_beside "$@" >"$T/$2.log" 2>&1 </dev/null &
	besides="$besides $2:$!"
}
test_beside() {
	{ echo "$1" >/proc/self/autogroup; } 2>/dev/null || true # a kernel without that
	renice -n "$1" -p $$ >/dev/null 2>&1 || true
	"$2"
}
test_besides() {
	for job in $besides; do
		wait "${job#*:}" || true
		cat "$T/${job%%:*}.log"
	done
	besides=
}
test_end() {
	for job in $besides; do
		kill -- "-${job#*:}" 2>/dev/null || true
	done
	test_database_stop
}

# record pass|fail|skip WHERE TEST
record() {
	printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$RESULTS"
	printf '%s %s: %s\n' "$1" "$2" "$3"
}
# check WHERE TEST COMMAND…: passes when the command does; prints its output when it does not.
check() {
	where=$1 test=$2
	shift 2
	output=$(mktemp "$T/output.XXXXXX")
	if "$@" >"$output" 2>&1 </dev/null; then
		record pass "$where" "$test"
	else
		record fail "$where" "$test"
		sed 's/^/  | /' "$output"
		tail -n 12 "$output" | cut -c 1-400 | sed "s|^|why\t$where\t$test\t|" >>"$RESULTS"
	fi
	rm -f "$output"
}

test_build_step() {
	step "$1" build "$(under_words "${under:-address}"), and clang; both with -Werror"
	quietly under_build "${under:-address}" || fail "gcc does not build it without warnings" "read the first error above"
	quietly build_clang || fail "clang does not build it without warnings" "read the first error above"
	! wanted scenarios package test_package hardening test_hardening || quietly build_package || fail "the Debian package was not built" "read the first error above"
	step_done
}

# --- database: a cluster of the tests' own, beside that of a running ./dev up ---

# In memory where there is enough of it: hundreds of databases are made and dropped, and their checkpoints would keep the
# disk busy for a minute at times, while everybody else waits.
test_database_place() {
	[ -z "${ROLLCALL_CLUSTER_PLACE:-}" ] && [ "$(stat -f -c %T /dev/shm 2>/dev/null)" = tmpfs ] || return 0
	room=$(df -Pk /dev/shm | awk 'NR == 2 { print $4 }') memory=$(awk '/^MemAvailable/ { print $2 }' /proc/meminfo)
	if [ "${room:-0}" -gt 4000000 ] && [ "${memory:-0}" -gt 8000000 ]; then
		export ROLLCALL_CLUSTER_PLACE=/dev/shm
	fi
}
test_database_up() {
	mkdir -p "$T"
	sockets=$(socket_directory "$T/sockets")
	test_database_stop
	"$ROOT/.ci/dev/cluster" create "$T/database"
	"$ROOT/.ci/dev/cluster" start "$T/database" "$sockets/pg"
	test_environment
	# as PostgreSQL 15 and later are made, and docs/operations.md wants of older ones
	psql -X -q -v ON_ERROR_STOP=1 -c 'revoke create on schema public from public' "$ROLLCALL_TEST_SUPERUSER/template1"
	psql -X -q -v ON_ERROR_STOP=1 -c 'create database rollcall_template' -c 'create database rollcall_unit' \
		-c "create role rollcall login password 'rollcall-of-the-tests'" "$ROLLCALL_TEST_SUPERUSER/postgres"
	for database in rollcall_template rollcall_unit; do
		"$TEST_BUILD/rollcallctl" db migrate --url "postgresql://postgres@/$database"
	done
	psql -X -q -c 'grant rollcall_daemon to rollcall' "$ROLLCALL_TEST_SUPERUSER/postgres"
}
# What unit tests and scenarios are told. libpq takes the rest (socket, password) from its own variables.
test_environment() {
	export PGHOST="$(cat "$T/sockets")/pg" PGUSER=postgres
	PGPASSWORD=$(cat "$T/database/superuser.password")
	export PGPASSWORD
	export ROLLCALL_TEST_SUPERUSER="postgresql://postgres:$PGPASSWORD@"
	export ROLLCALL_TEST_DATABASE="postgresql://postgres:$PGPASSWORD@/rollcall_unit?host=$PGHOST"
	export ROLLCALL_TEST_BUILD="$TEST_BUILD" ROLLCALL_TEST_PLAIN="$DEV/build-clang" ROLLCALL_TEST_STATE="$T" ROLLCALL_TEST_RESULTS="$RESULTS"
	export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
}
test_database_step() {
	step "$1" database "a cluster of the tests' own, migrated"
	quietly test_database_up || fail "PostgreSQL did not start or the migration failed" "see the lines above"
	test_environment
	step_done
}
test_database_stop() {
	for cluster in "$T/database" "$T/prepared"; do # the second: what clusters of a test's own are copies of
		"$ROOT/.ci/dev/cluster" remove "$cluster" >/dev/null 2>&1 || true
	done
}

# --- the checks ---

test_layers() { ! wanted layers || check tests/layers "who includes whom" "$ROOT/tests/layers"; }

test_docs() { ! wanted docs || check tests/docs "documents agree with the program" "$ROOT/tests/docs/check" "$TEST_BUILD/rollcalld"; }

# The linter needs a newer node than Debian 12 has, so it is not among the packages: whoever has one uses it.
test_openapi() {
	wanted openapi docs || return 0
	if ! command -v npm >/dev/null; then
		record skip tests/openapi "the OpenAPI document lints clean (no npm here)"
	elif ! node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'; then
		record skip tests/openapi "the OpenAPI document lints clean (node is older than 20)"
	else
		mkdir -p "$DEV/tools"
		check tests/openapi "the OpenAPI document lints clean" "$ROOT/tests/openapi" "$DEV/tools"
	fi
}

# The modules with the largest binaries first, two at a time.
test_units() {
	modules=
	for binary in $(cd "$TEST_BUILD/tests" && ls -S ./*_test); do
		module=$(basename "$binary" _test)
		! wanted unit "$module" || modules="$modules $module"
	done
	# shellcheck disable=SC2086
	[ -z "$modules" ] || printf '%s\n' $modules | xargs -P 2 -n 1 "$ROOT/dev" in_step test_unit
}
# All tests of a module in one process, for with sanitizers a process for each takes several times as long; what fails so is run
# again one by one, and that counts: then the death of one does not hide the others. Check prints
# "file:line:P:case:test:0: Passed" for each test; a binary that dies names no test, so it fails as a whole.
test_unit() {
	module=$1 status=0
	case $module in
	store) test_unit_run CK_FORK=yes || status=$? ;; # in one process check ends with "Message string too long"
	*) test_unit_run CK_FORK=no || test_unit_one_by_one ;;
	esac
	test_unit_results "$module" >"$T/$module.results"
	cat "$T/$module.results" >>"$RESULTS"
	[ -s "$T/$module.results" ] || record fail "tests/$module" "ended without a word"
	if [ $status -ne 0 ] && ! grep -q '^fail' "$T/$module.results"; then
		record fail "tests/$module" "ended with status $status"
	elif grep -Eq 'AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|^==[0-9]+== ' "$T/$module.log"; then
		record fail "tests/$module" "sanitizer report"
	fi
	passed=$(grep -c '^pass' "$T/$module.results" || true)
	failed=$(grep -c '^fail' "$T/$module.results" || true)
	echo "unit $module: $passed passed, $failed failed"
	[ "$status$failed" = 00 ] || grep -vE ':P:' "$T/$module.log" | tail -n 60 | sed 's/^/  | /'
}
test_unit_one_by_one() {
	cp "$T/$module.log" "$T/$module.together.log"
	echo "unit $module: once more, each test in a process of its own"
	test_unit_run CK_FORK=yes || { status=$?; return; }
	record fail "tests/$module" "passes one by one, not together"
	grep -v ':P:' "$T/$module.together.log" | tail -n 60 | sed 's/^/  | /'
}
test_unit_run() {
	seconds=300
	[ -z "${ROLLCALL_TEST_PREFIX:-}" ] || seconds=3000
	# shellcheck disable=SC2086
	(cd "$ROOT" && timeout $seconds env "$1" ${ROLLCALL_TEST_PREFIX:-} "$TEST_BUILD/tests/${module}_test") >"$T/$module.log" 2>&1 </dev/null
}
# The line names the place of the last assertion, which may be a helper; the file of the suite is the one that we want.
test_unit_results() {
	(cd "$ROOT" && grep -E '^SUITE\(' "tests/$1"/*_test.c) | sed -nE 's/^([^:]*):SUITE\(([^,]*),.*/suite:\2:\1/p' |
		awk -F : -v where="tests/$1" '
			$1 == "suite" { file[$2] = $3; next }
			$1 == "skip" { sub(/_fn$/, "", $2); skipped[$2] = 1; next }
			$3 !~ /^[PFE]$/ { next }
			{
				test = substr($0, length($1 $2 $3 $4) + 5)
				test = substr(test, 1, match(test, /:[0-9]+: /) - 1)
				place = $4 ~ /[.]case$/ ? "tests/cases/" $4 : ($4 in file ? file[$4] : where)
				print test in skipped ? "skip" : $3 == "P" ? "pass" : "fail", place, test
				if ($3 != "P")
					print "why", place, test, substr($0, 1, 400)
			}' OFS='\t' - "$T/$1.log"
}

# The first allocations of each test; with --long a hundred. ASan is the judge, so only its build has these binaries.
test_without_memory() {
	most=3
	[ -z "$long" ] || most=100
	for binary in "$TEST_BUILD"/tests/*_test_failing; do
		module=$(basename "$binary" _test_failing)
		[ ! -f "$binary" ] || ! wanted faults "$module" || check tests/faults/run "unit tests of $module without an allocation" \
			"$ROOT/tests/faults/run" "$TEST_BUILD" --most $most "$module"
	done
}

# The corpus, two seconds of seeded mutations of it with what gcc has built, and thirty seconds of libFuzzer, in what the others
# leave of the processors; with --long two minutes. Under something else that watches it is about what that reports.
test_fuzz_corpora() {
	for target in $(fuzz_targets); do
		! wanted fuzz "$target" || check "tests/fuzz/${target}_fuzz.c" "corpus replay, mutations and libFuzzer" test_fuzz_one "$target"
	done
}
test_fuzz_one() {
	mkdir -p "$T/fuzz"
	[ -z "$ROLLCALL_TEST_LONG" ] && seconds=30 || seconds=120
	# shellcheck disable=SC2086
	(cd "$T/fuzz" && ${ROLLCALL_TEST_PREFIX:-} "$TEST_BUILD/tests/$1_fuzz" --seconds 2 --seed "${ROLLCALL_FUZZ_SEED:-1}" "$ROOT/tests/fuzz/corpus/$1") &&
		{ [ -n "$under" ] || "$ROOT/dev" fuzz "$1" $seconds; }
}

test_cover() {
	[ -n "$long" ] && wanted cover || return 0
	check tests/cover "lines and branches that unit tests execute" env ROLLCALL_TEST_STATE="$T/cover" "$ROOT/dev" cover
}

test_lint() {
	wanted lint || return 0
	check tests/lint "clang-format" lint_format
	check tests/lint "clang-tidy" lint_tidy
}
sources() { cd "$ROOT" && find src include tests -name '*.[ch]' | sort; }
lint_format() { sources | tr '\n' '\0' | xargs -0 clang-format --dry-run -Werror; }
# Two at a time; what was clean stays so until the file, a header or the rules change.
lint_tidy() {
	build_configure "$DEV/build-clang" -DCMAKE_C_COMPILER=clang -DROLLCALL_WERROR=ON && ninja -C "$DEV/build-clang" sql_embed &&
		"$ROOT/tests/tidy" "$DEV/build-clang" "$DEV/tidy"
}
verb_lint() {
	lint_format && lint_tidy && echo "lint is clean"
}

test_first_minutes() {
	! wanted first_minutes || check tests/first_minutes "up, down and reset in a fresh copy" "$ROOT/tests/first_minutes" "$T"
}

test_scenarios() {
	scenarios=
	for file in "$ROOT"/tests/scenarios/test_*.py; do
		scenario=$(basename "$file" .py)
		! wanted scenarios "$scenario" "${scenario#test_}" || scenarios="$scenarios $scenario"
	done
	# shellcheck disable=SC2086
	[ -z "$scenarios" ] || "$ROOT/tests/scenarios/run" $scenarios </dev/null || true
}

# Only a whole run can say that every row is proved.
test_rows() {
	[ -n "$names" ] || check tests/rfc/check "every row of docs/rfc.md is proved by a test of this run" \
		"$ROOT/tests/rfc/check" "$RESULTS"
}

# Once more at the end, for who sees the last lines of a log.
# Modules that run at the same time fail at the same time: each reason goes to its test.
test_failures() {
	echo "failed:"
	awk -F '\t' '
		$1 == "fail" { failed[++count] = $2 FS $3 }
		$1 == "why" {
			key = $2 FS $3
			sub(/^why\t[^\t]*\t[^\t]*\t/, "")
			why[key] = why[key] "    | " $0 "\n"
		}
		END {
			for (i = 1; i <= count; i++) {
				split(failed[i], part, FS)
				printf "  %s: %s\n%s", part[1], part[2], why[failed[i]]
			}
		}' "$RESULTS"
}

test_summary() {
	passed=$(grep -c '^pass' "$RESULTS" || true)
	failed=$(grep -c '^fail' "$RESULTS" || true)
	skipped=$(grep -c '^skip' "$RESULTS" || true)
	echo
	[ "$failed" -eq 0 ] || test_failures
	[ "$skipped" -eq 0 ] && skipped= || skipped=", $skipped skipped"
	[ "$((passed + failed))" -gt 0 ] || { echo "no test has such a name" >&2; exit 2; }
	echo "$passed passed, $failed failed$skipped"
	[ "$failed" -eq 0 ]
}
