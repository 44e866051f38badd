#!/bin/bash
# cyrus.sh start|stop|status [modern] [--dir DIR] [--with PID]: a Cyrus for tests, on free ports of the loopback interface.
# Its folders are named as Debian's package sets it up: INBOX.Sent, user.bob.Projets. With the word modern they are
# named by Cyrus' own defaults since version 3: Sent, Other Users/bob/Projets.
# Works as root (Cyrus then runs as the user mail) and as any other user. Cyrus logs to syslog only.
# Needs openssl and Debian's cyrus-imapd, unpacked by install.sh into /usr/local/lib/mbaudit-cyrus: as a package it would
# push out Dovecot's.
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PATH=$PATH:/usr/sbin:/sbin
# shellcheck source=testdata/servers/lib.sh
. "$here/lib.sh"
tree=/usr/local/lib/mbaudit-cyrus
bin=$tree/usr/lib/cyrus/bin
password="correct horse"

# missing says that a program is not there, by the status that tests know.
missing() {
	printf '%s: %s\n' "$(basename "$0")" "$*" >&2
	exit 3
}

# write_config IMAP IMAPS STRICT SIEVE
write_config() {
	local modern=no
	[ "$naming" = modern ] && modern=yes
	cat >"$dir/imapd.conf" <<EOF
# Written by cyrus.sh.
configdirectory: $dir/conf
partition-default: $dir/mail
sievedir: $dir/sieve
proc_path: $dir/run/proc
mboxname_lockpath: $dir/run/lock
lmtpsocket: $dir/run/lmtp
idlesocket: $dir/run/idle
notifysocket: $dir/run/notify
defaultpartition: default
hashimapspool: yes
altnamespace: $modern
unixhierarchysep: $modern
servername: localhost
syslog_prefix: mbaudit-test

cyrus_user: $user
cyrus_group: $group
admins: cyrus
proxyservers: auditor
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: $dir/sasldb2
sasl_mech_list: PLAIN LOGIN
failedloginpause: 0
allowanonymouslogin: no
# LOGIN in clear passes on the plain port, and is refused (LOGINDISABLED) on the strict one.
allowplaintext: yes
imapstrict_allowplaintext: no

tls_server_cert: $dir/server.pem
tls_server_key: $dir/server.key
tls_versions: tls1_2 tls1_3

conversations: yes
specialusealways: yes
expunge_mode: delayed
delete_mode: delayed
auditlog: yes
annotation_allow_undefined: yes
serverinfo: on
# Messages stay as they were handed over, 8-bit header fields too.
munge8bit: no
EOF
	cat >"$dir/cyrus.conf" <<EOF
# Written by cyrus.sh.
START {
	recover cmd="$bin/ctl_cyrusdb -C $dir/imapd.conf -r"
}
SERVICES {
	imap cmd="$bin/imapd -C $dir/imapd.conf -U 30" listen="127.0.0.1:$1" proto="tcp4" prefork=0 maxchild=100
	imaps cmd="$bin/imapd -C $dir/imapd.conf -s -U 30" listen="127.0.0.1:$2" proto="tcp4" prefork=0 maxchild=100
	imapstrict cmd="$bin/imapd -C $dir/imapd.conf -U 30" listen="127.0.0.2:$3" proto="tcp4" prefork=0 maxchild=100
	sieve cmd="$bin/timsieved -C $dir/imapd.conf" listen="127.0.0.1:$4" proto="tcp4" prefork=0 maxchild=100
}
EVENTS {
	checkpoint cmd="$bin/ctl_cyrusdb -C $dir/imapd.conf -c" period=30
}
EOF
}

prepare() {
	local name
	mkdir -p "$dir"/{conf/socket,mail,sieve,run,log}
	chmod 711 "$dir"
	"$here/../docker/certs.sh" "$dir"
	write_config "$@"
	for name in cyrus alice bob auditor; do
		printf '%s\n' "$password" | "$tree/usr/sbin/saslpasswd2" -p -c -f "$dir/sasldb2" -u localhost "$name"
	done
	: >"$dir/log/start.log"
	if [ "$(id -u)" = 0 ]; then
		chown -R "$user:$group" "$dir"/{conf,mail,sieve,run,log,sasldb2,server.key}
	fi
}

# talk USER COMMAND…: logs in on the plain port and sends one command after the other; each must be answered with OK.
talk() {
	local user=$1 line n=0
	shift
	exec 3<>"/dev/tcp/127.0.0.1/$imap_port" || return 1
	read -r -t 30 line <&3
	for line in "LOGIN $user \"$password\"" "$@" LOGOUT; do
		n=$((n + 1))
		printf 'a%d %s\r\n' "$n" "$line" >&3
		answered "a$n" "$line" || return 1
	done
	exec 3>&-
}

answered() {
	local reply
	while read -r -t 30 reply <&3; do
		case $reply in
		"$1 OK"*) return 0 ;;
		"$1 "*) break ;;
		esac
	done
	printf '%s: %s\n' "$2" "${reply:-no answer}" >>"$dir/log/start.log"
	return 1
}

# fill makes the mailboxes: alice's and bob's with the usual folders, and one of bob's that alice may read.
fill() {
	local name
	for name in alice bob; do
		talk cyrus "CREATE user$sep$name" "SETQUOTA user$sep$name (STORAGE 2000000)" || return 1
		talk "$name" "CREATE ${box}Drafts (USE (\\Drafts))" "CREATE ${box}Sent (USE (\\Sent))" \
			"CREATE ${box}Trash (USE (\\Trash))" "CREATE ${box}Junk (USE (\\Junk))" \
			"CREATE ${box}Archive (USE (\\Archive))" || return 1
	done
	talk bob "CREATE ${box}Projets" "SETACL ${box}Projets alice lr"
}

start_once() {
	local port ports=()
	while [ ${#ports[@]} -lt 4 ]; do
		port=$(random_port)
		case " ${ports[*]:-} " in
		*" $port "*) ;;
		*) ports+=("$port") ;;
		esac
	done
	imap_port=${ports[0]}
	prepare "${ports[@]}"
	setsid "${as_user[@]}" "$bin/master" -D -C "$dir/imapd.conf" -M "$dir/cyrus.conf" -p "$dir/run/master.pid" \
		</dev/null >>"$dir/log/start.log" 2>&1 &
	echo $! >"$dir/server.pid"
	wait_for $! answers_tls "${ports[1]}" "$dir/ca.pem" || return 1
	fill || return 1
	cat >"$dir/settings" <<EOF
CYRUS_DIR='$dir'
CYRUS_HOST='localhost'
CYRUS_IMAP_PORT='${ports[0]}'
CYRUS_IMAPS_PORT='${ports[1]}'
CYRUS_STRICT_HOST='127.0.0.2'
CYRUS_STRICT_PORT='${ports[2]}'
CYRUS_SIEVE_PORT='${ports[3]}'
CYRUS_CA_FILE='$dir/ca.pem'
CYRUS_USERS='alice bob'
CYRUS_PASSWORD='$password'
CYRUS_ADMIN='cyrus'
CYRUS_PROXY_USER='auditor'
CYRUS_SEPARATOR='$sep'
CYRUS_PREFIX='$box'
CYRUS_OTHER_USERS='$others'
CYRUS_MAIL_ROOT='$dir/mail'
CYRUS_CONF='$dir/imapd.conf'
CYRUS_USER='$user'
CYRUS_PROGRAMS='$bin'
CYRUS_LIBRARIES='$LD_LIBRARY_PATH'
EOF
}

start() {
	local try
	[ -x "$bin/imapd" ] || missing "Cyrus is not installed: testdata/servers/install.sh installs it"
	LD_LIBRARY_PATH=$(echo "$tree"/usr/lib/*-linux-gnu*)
	export LD_LIBRARY_PATH
	user=$(id -un) group=$(id -gn) as_user=()
	if [ "$(id -u)" = 0 ]; then
		user=mail group=mail as_user=(setpriv --reuid mail --regid mail --clear-groups)
	fi
	# Cyrus has the disk write down every change before it answers; in memory that takes no time.
	if [ -z "${TMPDIR:-}" ] && [ -w /dev/shm ] && [ "$(df --output=avail /dev/shm | tail -n 1)" -gt 262144 ]; then
		TMPDIR=/dev/shm
	fi
	make_dir cyrus "$dir_wanted"
	for try in 1 2 3 4 5; do
		if start_once; then
			watch_over
			cat "$dir/settings"
			return
		fi
		end_process "$(cat "$dir/server.pid")"
		# Somebody may have taken one of the ports in between; anything else will not get better.
		[ "$try" -lt 5 ] || break
		grep -qs 'Address already in use' "$dir/log/start.log" || break
	done
	give_up "$dir/log/start.log"
}

parse_arguments CYRUS ' [modern]' "$@"
naming=${extra[0]:-debian}
case $naming in
debian) sep=. box=INBOX. others=user. ;;
modern) sep=/ box='' others='Other Users/' ;;
*) usage ' [modern]' CYRUS_DIR ;;
esac
case $action in
start) start ;;
stop) stop_server ;;
status) show_settings ;;
esac
