#!/bin/bash
# dovecot.sh start|stop|status [--dir DIR] [--with PID]: a Dovecot for tests, on free ports of the loopback interface, with the same
# configuration as the container (../docker/dovecot). Works as root and as any other user.
# Needs Debian's dovecot-core dovecot-imapd dovecot-managesieved dovecot-sieve openssl (install.sh).
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PATH=$PATH:/usr/sbin:/sbin
# shellcheck source=testdata/servers/lib.sh
. "$here/lib.sh"
recipe=$here/../docker/dovecot

start_once() {
	local port ports=()
	while [ ${#ports[@]} -lt 5 ]; do
		port=$(random_port)
		case " ${ports[*]:-} " in
		*" $port "*) ;;
		*) ports+=("$port") ;;
		esac
	done
	IMAP_PORT=${ports[0]} IMAPS_PORT=${ports[1]} STRICT_PORT=${ports[2]} SIEVE_PORT=${ports[3]} DOVEADM_PORT=${ports[4]} "$recipe/prepare.sh" "$dir"
	: >"$dir/log/start.log"
	setsid "$recipe/run.sh" "$dir" </dev/null >>"$dir/log/start.log" 2>&1 &
	echo $! >"$dir/server.pid"
	wait_for $! answers_tls "${ports[1]}" "$dir/ca.pem" || return 1
	cat >"$dir/settings" <<EOF
DOVECOT_DIR='$dir'
DOVECOT_HOST='localhost'
DOVECOT_IMAP_PORT='${ports[0]}'
DOVECOT_IMAPS_PORT='${ports[1]}'
DOVECOT_STRICT_HOST='127.0.0.2'
DOVECOT_STRICT_PORT='${ports[2]}'
DOVECOT_SIEVE_PORT='${ports[3]}'
DOVECOT_DOVEADM_URL='http://127.0.0.1:${ports[4]}'
DOVECOT_DOVEADM_KEY_FILE='$dir/doveadm.key'
DOVECOT_CA_FILE='$dir/ca.pem'
DOVECOT_USERS='alice@example.test bob@example.test carol@example.test'
DOVECOT_PASSWORD='correct horse'
DOVECOT_MASTER_USER='auditor'
DOVECOT_MASTER_PASSWORD='battery staple'
DOVECOT_MASTER_SEPARATOR='*'
DOVECOT_TOKEN_FILE='$dir/oauth2/token'
DOVECOT_MAIL_ROOT='$dir/mail'
DOVECOT_MAIL_OWNER='$(stat -c %u:%g "$dir/mail")'
DOVECOT_CONF='$dir/dovecot.conf'
DOVECOT_LOG='$dir/log/dovecot.log'
DOVECOT_AUTH_LOG='$dir/log/auth.log'
DOVECOT_EVENT_LOG='$dir/log/events.log'
EOF
}

start() {
	local try
	command -v dovecot >/dev/null || fail "dovecot is not installed: testdata/servers/install.sh installs it"
	make_dir dovecot "$dir_wanted"
	for try in 1 2 3 4 5; do
		if start_once; then
			watch_over
			cat "$dir/settings"
			return
		fi
		end_process "$(cat "$dir/server.pid")"
		# Somebody may have taken one of the ports in between; anything else will not get better.
		[ "$try" -lt 5 ] || break
		grep -qs 'Address already in use' "$dir/log/dovecot.log" "$dir/log/start.log" || break
		rm -f "$dir"/log/*.log
	done
	give_up "$dir/log/start.log" "$dir/log/dovecot.log"
}

parse_arguments DOVECOT '' "$@"
case $action in
start) start ;;
stop) stop_server ;;
status) show_settings ;;
esac
