# Debian packages: only the missing ones are installed, and without missing ones nothing touches the network.

PACKAGES_BUILD="build-essential cmake ninja-build pkg-config libssl-dev libpq-dev libmicrohttpd-dev libconfuse-dev
	libjansson-dev libcurl4-openssl-dev uthash-dev libxxhash-dev libc-ares-dev"
PACKAGES_RUN="postgresql-15 openssl curl"
PACKAGES_TEST="check clang clang-format clang-tidy libclang-rt-14-dev python3 sip-tester sipsak baresip-core linphone-cli jq git"

packages_missing() {
	for package in "$@"; do
		[ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s ' "$package"
	done
}

# Without this, Debian makes and starts a system-wide cluster as soon as the server is installed.
packages_keep_system_cluster_away() {
	case " $1 " in
	*" postgresql-15 "*)
		$privileged mkdir -p /etc/postgresql-common/createcluster.d
		echo 'create_main_cluster = false' |
			$privileged tee /etc/postgresql-common/createcluster.d/rollcall.conf >/dev/null
		;;
	esac
}

packages_install() {
	privileged=
	is_root || privileged=sudo
	packages_keep_system_cluster_away "$1" &&
		quietly $privileged apt-get update &&
		# shellcheck disable=SC2086
		quietly $privileged env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $1
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
	line="apt-get update && apt-get install -y --no-install-recommends $missing"
	is_root || command -v sudo >/dev/null ||
		fail "$count packages are missing and there is no sudo" "as root, run: $line" 3
	packages_install "$missing" || fail "packages could not be installed" "as root, run: $line" 3
	step_done
}
