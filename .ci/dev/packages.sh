# Debian packages: only the missing ones are installed, and without missing ones nothing touches the network.

PACKAGES_BUILD="build-essential cmake ninja-build pkg-config libssl-dev libpq-dev libmicrohttpd-dev libconfuse-dev
	libjansson-dev libcurl4-openssl-dev uthash-dev libxxhash-dev libc-ares-dev"
PACKAGES_RUN="postgresql-15 openssl curl"
PACKAGES_TEST="check clang clang-format clang-tidy libclang-rt-14-dev python3 sip-tester sipsak baresip-core linphone-cli jq git
	kamailio kamailio-postgres-modules haproxy pgbouncer valgrind fail2ban mandoc lintian iproute2"
PACKAGES_BENCH="python3 kamailio kamailio-postgres-modules kamailio-tls-modules" # the peer
PACKAGES_PACKAGE="dpkg-dev scdoc" # for the Debian package

packages_missing() {
	for package in "$@"; do
		[ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s ' "$package"
	done
}

# What root has to do, in one line that can be pasted.
packages_line() { echo "'$(printf '%s' "$ROOT" | sed "s/'/'\\\\''/g")/.ci/dev/install-packages' $1"; }
packages_install() {
	# shellcheck disable=SC2086
	if is_root; then
		"$ROOT/.ci/dev/install-packages" $1
	else
		sudo "$ROOT/.ci/dev/install-packages" $1
	fi
}

# packages_step 1/7 PACKAGE…
packages_step() {
	number=$1
	shift
	missing=$(packages_missing "$@")
	if [ -z "$missing" ]; then
		step "$number" packages "all installed"
		step_done
		return
	fi
	count=$(echo "$missing" | wc -w)
	step "$number" packages "$count missing, installing ($(echo "$missing" | cut -c 1-38)...)"
	line=$(packages_line "$missing")
	is_root || command -v sudo >/dev/null ||
		fail "$count packages are missing and there is no sudo" "as root, run: $line" 3
	quietly packages_install "$missing" || fail "packages could not be installed" "as root, run: $line" 3
	step_done
}
