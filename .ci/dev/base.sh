# Steps, failures, secrets and processes: what every verb needs.

now() { date +%s.%N; }
seconds_since() { echo "$1 $(now)" | awk '{ s = $2 - $1; printf s < 0.95 ? "%.1fs" : "%.0fs", s }'; }

# step 3/7 database "what happens": starts a line of the summary; step_done ends it with the time it took.
step() {
	step_name=$2
	step_log=$DEV/logs/$2.log
	step_start=$(now)
	mkdir -p "$DEV/logs"
	: >"$step_log"
	printf '[%s] %-13s %-68s ' "$1" "$2" "$3"
}
step_done() { printf '%6s\n' "$(seconds_since "$step_start")"; }

# quietly FUNCTION-OR-COMMAND…: its output goes to the log of the step. A shell of its own, because `set -e` is void inside
# `… || fail`, and a function must end at its first failure.
quietly() { "$ROOT/dev" in_step "$@" >>"$step_log" 2>&1 </dev/null; }

# fail CAUSE FIX [STATUS]: ends the step with the tail of its log.
fail() {
	printf ' failed\n\n'
	[ ! -s "$step_log" ] || tail -n 25 "$step_log" | sed 's/^/  | /'
	printf '\n%s failed: %s\n  fix: %s\n  log: %s\n' "$step_name" "$1" "$2" "$step_log"
	exit "${3:-1}"
} >&2

is_root() { [ "$(id -u)" -eq 0 ]; }

# kR7v-Tq9m-Xe2p: 71 bits, without letters that are easily confused.
random_password() {
	tr -dc 'a-km-zA-HJ-NP-Z2-9' </dev/urandom | head -c 12 | sed 's/\(....\)\(....\)/\1-\2-/'
}

# secret_file PATH: stdin into a file that only its owner can read.
secret_file() {
	(
		umask 077
		rm -f "$1"
		cat >"$1"
	)
}

# A short directory for sockets (their paths may not exceed 107 octets), made once and remembered in $1.
socket_directory() {
	directory=$(cat "$1" 2>/dev/null || true)
	if [ -z "$directory" ] || [ ! -O "$directory" ]; then
		directory=$(mktemp -d /tmp/rollcall.XXXXXX)
		chmod 0755 "$directory"
		echo "$directory" >"$1"
	fi
	echo "$directory"
}

# process_lives PIDFILE WORD: the process is there and has WORD on its command line, so it is ours.
process_lives() {
	[ -s "$1" ] && tr '\0' '\n' 2>/dev/null <"/proc/$(cat "$1")/cmdline" | grep -qxF -- "$2"
}

# process_stop PIDFILE WORD: asks it to end, waits up to ten seconds, then insists.
process_stop() {
	if process_lives "$1" "$2"; then
		process_pid=$(cat "$1")
		kill -TERM "$process_pid"
		tries=0
		while process_lives "$1" "$2" && [ $tries -lt 100 ]; do
			sleep 0.1
			tries=$((tries + 1))
		done
		! process_lives "$1" "$2" || kill -KILL "$process_pid"
	fi
	rm -f "$1"
}

# The listening and bound ports of this host, one a line, from the kernel's own tables.
ports_in_use() {
	awk 'FNR > 1 && (FILENAME ~ /udp/ || $4 == "0A") { n = split($2, a, ":"); print a[n] }' \
		/proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6 2>/dev/null |
		while read -r hex; do echo $((0x$hex)); done | sort -u
}
has_ipv6() { grep -q '^00000000000000000000000000000001 ' /proc/net/if_inet6 2>/dev/null; }
