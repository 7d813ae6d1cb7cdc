# up, down, reset, status, logs, ctl, psql: a private rollcall for whoever wants to see it work.
#
#   .dev/database/   the PostgreSQL cluster          .dev/rollcall.conf   what the daemon was started with
#   .dev/tls/        CA and server certificate       .dev/users           the development accounts and their passwords
#   .dev/token       may read the admin API over TCP
#   .dev/sockets     names the short directory in /tmp that holds the sockets of PostgreSQL and of the admin API

DOMAINS="rollcall.test legacy.rollcall.test"
USERS="alice bob carol"
CONF=$DEV/rollcall.conf
PIDFILE=$DEV/rollcalld.pid
DAEMON_LOG=$DEV/logs/rollcalld.log

verb_up() {
	mkdir -p "$DEV"
	# shellcheck disable=SC2086
	packages_step 1/7 $PACKAGES_BUILD $PACKAGES_RUN
	build_step 2/7
	database_step 3/7
	certificates_step 4/7
	start_step 5/7
	users_step 6/7
	proof_step 7/7
	up_summary
}

# --- database ---

pgpass_user() { printf '*:*:*:%s:%s\n' "$1" "$(cat "$DEV/database/$1.password")"; }
database_url() { echo "postgresql://$1@/rollcall?host=$(cat "$DEV/sockets")/pg"; }
as_superuser() {
	PGPASSWORD=$(cat "$DEV/database/superuser.password") psql -X -q -v ON_ERROR_STOP=1 \
		-h "$(cat "$DEV/sockets")/pg" -U postgres -d postgres
}

# Two log-ins: rollcall_owner migrates and owns the tables, rollcall is the daemon's and may only use them.
database_create() {
	rm -f "$DEV/users.added"
	"$ROOT/.ci/dev/cluster" create "$DEV/database"
	"$ROOT/.ci/dev/cluster" start "$DEV/database" "$sockets/pg"
	for role in rollcall_owner rollcall; do
		random_password | tr -d '\n' | secret_file "$DEV/database/$role.password"
	done
	as_superuser <<-END
		create role rollcall_owner login createrole password '$(cat "$DEV/database/rollcall_owner.password")';
		create role rollcall login password '$(cat "$DEV/database/rollcall.password")';
		alter role rollcall set log_parameter_max_length = 0;
		create database rollcall owner rollcall_owner;
	END
	{ pgpass_user rollcall_owner; pgpass_user rollcall; } | secret_file "$DEV/database/pgpass"
}
database_migrate() {
	PGPASSFILE=$DEV/database/pgpass "$BUILD/rollcallctl" db migrate --url "$(database_url rollcall_owner)"
	echo 'grant rollcall_daemon to rollcall' | as_superuser
}

# A data directory without a pgpass is what an interrupted first start left behind.
database_up() {
	sockets=$(socket_directory "$DEV/sockets")
	[ -s "$DEV/database/pgpass" ] || "$ROOT/.ci/dev/cluster" remove "$DEV/database"
	if [ ! -s "$DEV/database/pgpass" ] || [ ! -e "$DEV/database/data/" ]; then
		database_create
	elif ! "$ROOT/.ci/dev/cluster" lives "$DEV/database" || [ ! -S "$sockets/pg/.s.PGSQL.5432" ]; then
		"$ROOT/.ci/dev/cluster" stop "$DEV/database"
		"$ROOT/.ci/dev/cluster" start "$DEV/database" "$sockets/pg"
	fi
	database_migrate
}

database_step() {
	owner=$(id -un)
	! is_root || owner=postgres
	step "$1" database "private PostgreSQL 15, socket only, as user $owner"
	quietly database_up || fail "PostgreSQL did not start or the migration failed" \
		"see the lines above and .dev/database/data/server.log; ./dev reset starts over"
	step_done
}

certificates_step() {
	step "$1" certificates "local CA and server certificate for rollcall.test and localhost"
	quietly "$ROOT/certs/make" "$DEV/tls" || fail "openssl could not make the certificates" "remove .dev/tls and try again"
	cp "$DEV/tls/ca.pem" "$DEV/ca.pem"
	step_done
}

# --- daemon ---

# The first block of four ports that is free: 5060 5061 8080 8081, then 1000 higher, and so on.
ports_choose() {
	used=" $(ports_in_use | tr '\n' ' ') "
	offset=0
	while [ $offset -le 50000 ]; do
		free=yes
		for port in 5060 5061 8080 8081; do
			case $used in *" $((port + offset)) "*) free=no ;; esac
		done
		[ $free = no ] || break
		offset=$((offset + 1000))
	done
	echo $offset >"$DEV/ports"
}
port() { echo $(($1 + $(cat "$DEV/ports"))); }
binds() { # binds PORT: the loopback addresses that exist, as a list of the configuration
	if has_ipv6; then echo "{\"127.0.0.1:$1\", \"[::1]:$1\"}"; else echo "{\"127.0.0.1:$1\"}"; fi
}

configuration() {
	cat <<END
# Written by ./dev up at each start; changes here are lost.
server {
	name = "dev"
	workers = 2
}
domain "rollcall.test" {
	algorithms = {"SHA-256", "MD5"}
}
# For phones that stop at a SHA-256 challenge, and for those that must resolve their domain.
domain "legacy.rollcall.test" {
	aliases = {"localhost", "127.0.0.1"}
	algorithms = {"MD5"}
}
listener "sip" {
	bind = $(binds "$(port 5060)")
	transport = {"udp", "tcp"}
}
listener "tls" {
	bind = $(binds "$(port 5061)")
	transport = {"tls"}
}
# What is asked for is granted to the second, so that scripts can compare.
registration {
	expires_jitter = "0%"
}
certificate "main" {
	chain = "$DEV/tls/server.pem"
	key = "$DEV/tls/server.key"
}
database {
	url = "$(database_url rollcall)"
	password_file = "$DEV/database/rollcall.password"
}
admin {
	socket = "$(cat "$DEV/sockets")/admin.sock"
	listen = "127.0.0.1:$(port 8080)"
	tokens_file = "$DEV/tokens"
}
health {
	listen = {"127.0.0.1:$(port 8081)"}
	drain_delay = 0s
	drain_spread = 0s
}
log {
	level = info
	format = text
}
END
}

# Of what the running daemon was made; another sum means that it has to be started again.
daemon_sum() { cat "$BUILD/rollcalld" "$DEV/tls/server.pem" "$DEV/tokens" "$CONF" | cksum; }
daemon_lives() { process_lives "$PIDFILE" "$CONF"; }

# Over TCP the admin API wants a token. This one may read; the daemon is given its hash alone.
token_make() {
	[ ! -s "$DEV/token" ] || return 0
	token=$(tr -dc 'a-zA-Z0-9' </dev/urandom | head -c 40)
	printf '%s' "$token" | openssl dgst -sha256 -r | sed 's/^\([0-9a-f]*\).*/read \1/' | secret_file "$DEV/tokens"
	echo "$token" | secret_file "$DEV/token"
}

daemon_start() {
	token_make
	if daemon_lives && [ -f "$DEV/ports" ]; then
		configuration >"$CONF"
		[ "$(daemon_sum)" != "$(cat "$DEV/rollcalld.sum")" ] || return 0
	fi
	process_stop "$PIDFILE" "$CONF"
	ports_choose
	configuration >"$CONF"
	daemon_sum >"$DEV/rollcalld.sum"
	setsid "$BUILD/rollcalld" -c "$CONF" >>"$DAEMON_LOG" 2>&1 </dev/null &
	echo $! >"$PIDFILE"
}
daemon_ready() {
	tries=0
	until curl -fsS -m 2 "http://127.0.0.1:$(port 8081)/readyz"; do
		daemon_lives && [ $tries -lt 150 ] || return 1
		sleep 0.1
		tries=$((tries + 1))
	done
}

start_step() {
	step "$1" start "rollcalld, until it says that it is ready"
	if ! daemon_start || ! quietly daemon_ready; then
		tail -n 15 "$DAEMON_LOG" >>"$step_log"
		fail "rollcalld did not become ready on port $(port 8081)" "the log above names the reason; then ./dev up again"
	fi
	step_done
}

# --- users and proof ---

ctl() { "$BUILD/rollcallctl" "$@" -c "$CONF"; }
password_of() { awk -v user="$1" '$1 == user { print $2 }' "$DEV/users"; }

users_add() {
	[ ! -f "$DEV/users.added" ] || return 0
	for user in $USERS; do
		for domain in $DOMAINS; do echo "$user@$domain $(random_password)"; done
	done | secret_file "$DEV/users"
	while read -r user password; do
		! ctl user show "$user" >/dev/null 2>&1 || ctl user delete "$user" --yes
		printf '%s\n' "$password" | ctl user add "$user" --password-stdin
	done <"$DEV/users"
	: >"$DEV/users.added"
}

users_step() {
	step "$1" users "alice, bob, carol @ rollcall.test and @ legacy.rollcall.test (MD5)"
	quietly users_add || fail "rollcallctl could not add an account" "./dev logs; ./dev reset starts over"
	step_done
}

# register USER TRANSPORT PORT [OPTION…]: our own small phone, with the stored password.
register() {
	user=$1 transport=$2 port=$3
	shift 3
	password_of "$user" | "$BUILD/phone" register --transport "$transport" --server "127.0.0.1:$port" --ca "$DEV/ca.pem" \
		--user "$user" --password-file - --expires 3600 "$@"
}
# The contacts are always the same, so that a second proof refreshes them.
proof() {
	register alice@rollcall.test tls "$(port 5061)" --sips --contact sips:alice@phone.rollcall.test
	register bob@rollcall.test udp "$(port 5060)" --contact sip:bob@phone.rollcall.test
	ctl binding list >"$DEV/logs/bindings"
	cat "$DEV/logs/bindings"
	grep -q 'alice@rollcall.test' "$DEV/logs/bindings"
	grep -q 'bob@rollcall.test' "$DEV/logs/bindings"
}
proof_step() {
	step "$1" proof "alice registers over tls, bob over udp, both are listed"
	quietly proof || fail "a registration failed or is not listed" "the answers are above, the daemon's view is in ./dev logs"
	step_done
}

up_summary() {
	cat <<-END

	rollcall is running.
	  Phone      sips 127.0.0.1:$(port 5061), sip 127.0.0.1:$(port 5060)
	$(sed 's/^\([^ ]*\) \(.*\)$/             \1 \/ \2/' "$DEV/users")
	  CA file    .dev/ca.pem
	  Health     http://127.0.0.1:$(port 8081)/readyz
	  Admin API  http://127.0.0.1:$(port 8080)/api/v1/bindings      token in .dev/token
	  Next       ./dev ctl binding list · ./dev logs · ./dev test · ./dev down
	END
}

# --- the other verbs ---

not_running() {
	echo "rollcall is not running here; start it with ./dev up" >&2
	exit 5
}

verb_down() {
	process_stop "$PIDFILE" "$CONF"
	[ ! -d "$DEV/database" ] || "$ROOT/.ci/dev/cluster" stop "$DEV/database" >/dev/null
	echo "rollcall is stopped; accounts and bindings are kept until ./dev reset"
}

verb_reset() {
	verb_down >/dev/null
	for cluster in database test/database test/prepared; do
		[ ! -d "$DEV/$cluster" ] || "$ROOT/.ci/dev/cluster" remove "$DEV/$cluster" >/dev/null
	done
	for file in "$DEV/sockets" "$DEV/test/sockets"; do
		directory=$(cat "$file" 2>/dev/null || true)
		case $directory in /tmp/rollcall.*) rm -rf "$directory" ;; esac
	done
	rm -rf "$DEV"
	echo "everything in .dev is removed"
}

verb_status() {
	if daemon_lives; then
		echo "daemon     running, pid $(cat "$PIDFILE"), sip $(port 5060), sips $(port 5061), health $(port 8081)"
	else
		echo "daemon     stopped"
	fi
	if [ -d "$DEV/database" ] && "$ROOT/.ci/dev/cluster" lives "$DEV/database"; then
		echo "database   running, socket in $(cat "$DEV/sockets")/pg"
	else
		echo "database   stopped"
	fi
	! daemon_lives || ctl status
}

verb_logs() {
	[ -f "$DAEMON_LOG" ] || { echo "no log yet; ./dev up starts the daemon" >&2; exit 5; }
	exec tail -n 100 -F "$DAEMON_LOG"
}

verb_ctl() {
	[ -f "$DEV/ports" ] && daemon_lives || not_running
	ctl "$@"
}

verb_psql() {
	"$ROOT/.ci/dev/cluster" lives "$DEV/database" || not_running
	PGPASSFILE=$DEV/database/pgpass exec psql "$(database_url rollcall_owner)" "$@"
}
