# shellcheck shell=bash
# lib.sh: what dovecot.sh, cyrus.sh, s3.sh and tsa.sh have in common. Sourced by them.
#
# A server lives in one directory. Where start makes that directory itself, stop removes it. DIR/server.pid holds the
# one process that stop ends, and DIR/settings what start and status print.

usage() {
	cat >&2 <<EOF
usage: $0 start|stop|status [--dir DIR] [--with PID]$1
start prints KEY='value' lines: eval "\$($0 start)", later: $0 stop --dir "\$$2"
--with PID stops the server, too, when the process PID is gone.
EOF
	exit 2
}

fail() {
	printf '%s: %s\n' "$(basename "$0")" "$*" >&2
	exit 1
}

# has_left PID: the process is gone, or dead and waiting for its parent to notice.
has_left() {
	local state
	kill -0 "$1" 2>/dev/null || return 0
	state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null) || return 0
	[ "$state" = Z ] || [ "$state" = X ]
}

# random_port prints a port that nobody listens on, below the range that outgoing connections take theirs from.
random_port() {
	local port
	while :; do
		port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
		if ! (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
			printf '%d\n' "$port"
			return
		fi
	done
}

# answers_tls PORT CA: a TLS server whose certificate CA signed answers on the port, which tells it from a stranger who
# took the port first.
answers_tls() {
	timeout 5 openssl s_client -connect "127.0.0.1:$1" -CAfile "$2" -verify_return_error -verify_ip 127.0.0.1 \
		</dev/null >/dev/null 2>&1
}

# wait_for PID COMMAND…: until the command succeeds, at most 30 s and no longer than the process lives.
wait_for() {
	local pid=$1 end=$((SECONDS + 30))
	shift
	until "$@"; do
		if has_left "$pid" || [ "$SECONDS" -ge "$end" ]; then
			return 1
		fi
		sleep 0.05
	done
	! has_left "$pid"
}

# make_dir NAME DIR: sets dir to DIR, or to a new directory when DIR is empty.
make_dir() {
	if [ -z "$2" ]; then
		dir=$(mktemp -d "${TMPDIR:-/tmp}/mbaudit-$1.XXXXXX")
		: >"$dir/remove-at-stop"
	else
		[ -d "$2" ] || {
			mkdir -p "$2"
			: >"$2/remove-at-stop"
		}
		dir=$(cd "$2" && pwd)
		if is_running; then
			fail "a server is running in $dir already"
		fi
	fi
}

is_running() {
	[ -s "$dir/server.pid" ] && ! has_left "$(cat "$dir/server.pid")"
}

# end_process PID asks the process to end, and after 10 s makes it.
end_process() {
	local end=$((SECONDS + 10))
	kill "$1" 2>/dev/null || return 0
	until has_left "$1"; do
		if [ "$SECONDS" -ge "$end" ]; then
			kill -KILL "$1" 2>/dev/null || return 0
		fi
		sleep 0.05
	done
}

# stop_server ends the server in $dir and removes the directory if start made it.
stop_server() {
	if [ -s "$dir/server.pid" ]; then
		end_process "$(cat "$dir/server.pid")"
		rm -f "$dir/server.pid" "$dir/settings"
	fi
	if [ -e "$dir/remove-at-stop" ]; then
		rm -rf "$dir"
	fi
}

# watch_over stops the server when the process that start got by --with is gone, so that a test that is killed leaves
# nothing behind.
watch_over() {
	[ -n "$with_pid" ] || return 0
	(
		trap '' HUP INT
		until has_left "$with_pid"; do
			is_running || exit 0
			sleep 1
		done
		stop_server
	) </dev/null >/dev/null 2>&1 &
}

# show_settings prints what start recorded, or says that nothing runs and returns 1.
show_settings() {
	is_running || fail "no server is running in $dir"
	cat "$dir/settings"
}

# give_up LOG…: shows the logs of a server that did not start, and cleans up.
give_up() {
	local log
	for log; do
		[ -s "$log" ] && tail -n 40 "$log" >&2
	done
	stop_server
	exit 1
}

# parse_arguments NAME EXTRA "$@": sets action, dir_wanted, with_pid and extra (the words that are neither).
parse_arguments() {
	local name=$1 synopsis=$2
	shift 2
	action=${1:-} dir_wanted='' with_pid='' extra=()
	[ $# -gt 0 ] && shift
	while [ $# -gt 0 ]; do
		case $1 in
		--dir)
			[ $# -ge 2 ] || usage "$synopsis" "${name}_DIR"
			dir_wanted=$2
			shift 2
			;;
		--with)
			[ $# -ge 2 ] || usage "$synopsis" "${name}_DIR"
			with_pid=$2
			shift 2
			;;
		*)
			extra+=("$1")
			shift
			;;
		esac
	done
	case $action in
	start) ;;
	stop | status)
		local exported=${name}_DIR
		dir=${dir_wanted:-${!exported:-}}
		[ -n "$dir" ] || usage "$synopsis" "${name}_DIR"
		[ -d "$dir" ] || fail "$dir: no such directory"
		;;
	*) usage "$synopsis" "${name}_DIR" ;;
	esac
}
