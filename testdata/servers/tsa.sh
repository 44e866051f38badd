#!/bin/bash
# tsa.sh start|stop|status [--dir DIR] [--with PID]: a timestamping authority (RFC 3161 over HTTP) for tests, on a free loopback port.
# It is "openssl ts" behind the small program internal/servertest/cmd/tsa. Needs openssl and go.
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=testdata/servers/lib.sh
. "$here/lib.sh"

start() {
	command -v openssl >/dev/null || fail "openssl is not installed: testdata/servers/install.sh installs it"
	command -v go >/dev/null || fail "go is not installed"
	make_dir tsa "$dir_wanted"
	rm -f "$dir/address"
	"$here/../docker/tsa/prepare.sh" "$dir"
	(cd "$here/../.." && go build -buildvcs=false -o "$dir/tsa" ./internal/servertest/cmd/tsa) >"$dir/server.log" 2>&1 || give_up "$dir/server.log"
	setsid "$dir/tsa" --dir "$dir" </dev/null >"$dir/server.log" 2>&1 &
	echo $! >"$dir/server.pid"
	wait_for $! test -s "$dir/address" || give_up "$dir/server.log"
	cat >"$dir/settings" <<EOF
TSA_DIR='$dir'
TSA_URL='http://$(cat "$dir/address")/'
TSA_CA_FILE='$dir/ca.pem'
TSA_CERT_FILE='$dir/tsa.pem'
TSA_LOG='$dir/server.log'
EOF
	watch_over
	cat "$dir/settings"
}

parse_arguments TSA '' "$@"
case $action in
start) start ;;
stop) stop_server ;;
status) show_settings ;;
esac
