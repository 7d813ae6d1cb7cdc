# Debian packages: only the missing ones are installed, and without missing ones nothing touches the network.

PACKAGES_BUILD="build-essential cmake ninja-build pkg-config libssl-dev libpq-dev libmicrohttpd-dev libconfuse-dev
	libjansson-dev libcurl4-openssl-dev uthash-dev libxxhash-dev libc-ares-dev"
PACKAGES_RUN="postgresql-15 openssl curl"
PACKAGES_TEST="check clang clang-format clang-tidy libclang-rt-14-dev python3 sip-tester sipsak baresip-core linphone-cli jq git
	fail2ban"

packages_missing() {
	for package in "$@"; do
		[ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s ' "$package"
	done
}

# What root has to do, in one line. Without its first part Debian makes and starts a system-wide cluster as soon as the
# server is installed.
packages_line() {
	settings=/etc/postgresql-common/createcluster.d
	case " $1 " in
	*" postgresql-15 "*)
		printf '%s && ' "mkdir -p $settings" "echo create_main_cluster = false >$settings/rollcall.conf"
		;;
	esac
	echo "apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $1"
}
packages_install() {
	if is_root; then
		sh -c "$1"
	else
		sudo sh -c "$1"
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
	quietly packages_install "$line" || fail "packages could not be installed" "as root, run: $line" 3
	step_done
}
