# under: what watches a server and the unit tests while they run: address (with undefined behaviour), thread, valgrind; nothing, for
# what is shipped.

under_known() {
	case ${1:-} in
	address | thread | valgrind | nothing) ;;
	*)
		echo "--under: one of address (and undefined behaviour), thread, valgrind, nothing" >&2
		exit 2
		;;
	esac
}
under_directory() {
	case $1 in
	address) echo "$DEV/build-test" ;;
	thread) echo "$DEV/build-thread" ;;
	*) echo "$DEV/build-gcc" ;;
	esac
}
under_words() {
	case $1 in
	address) echo "gcc with ASan and UBSan" ;;
	thread) echo "gcc with TSan" ;;
	*) echo "gcc, as it is shipped" ;;
	esac
}
under_build() {
	case $1 in
	address) build_tested ;;
	thread) build_thread ;;
	*) build_gcc ;;
	esac
}
# Nothing may be lost that no pointer leads to; what is still held at the end is the business of the soak. Without the door for
# gdb, whose files a server that was root and is another user cannot remove.
under_environment() {
	[ "$1" != valgrind ] || export ROLLCALL_TEST_PREFIX=valgrind \
		VALGRIND_OPTS="--quiet --vgdb=no --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite --error-exitcode=99"
}
# The generator of load is that of the release build.
under_step() {
	export ROLLCALL_LOAD_BUILD="$BUILD"
	step "$1" build "$(under_words "$2")"
	quietly build_product && quietly under_build "$2" || fail "gcc does not build it without warnings" "read the first error above"
	step_done
}
