#!/bin/bash
# s3.sh start|stop|status [--dir DIR] [--with PID] [--minio]: an S3 server for tests, over TLS on a free loopback port, with
# versioning and Object Lock. It is versitygw v1.8.0, or with --minio the pinned MinIO as a second opinion; start exits 3
# where MinIO is not installed. Credentials are new at each start.
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=testdata/servers/lib.sh
. "$here/lib.sh"

# find_program NAME prints where the program is: in PATH or where go install puts it.
find_program() {
	command -v "$1" && return
	local bin
	bin=$(go env GOBIN 2>/dev/null)
	[ -n "$bin" ] || bin=$(go env GOPATH 2>/dev/null)/bin
	[ -x "$bin/$1" ] && printf '%s\n' "$bin/$1"
}

start_once() {
	local port command
	port=$(random_port)
	if [ "$kind" = minio ]; then
		mkdir -p "$dir/minio-certs"
		cp "$dir/server.pem" "$dir/minio-certs/public.crt"
		cp "$dir/server.key" "$dir/minio-certs/private.key"
		command=("$program" server --quiet --certs-dir "$dir/minio-certs" --address "127.0.0.1:$port" --console-address "127.0.0.1:0" "$dir/data")
	else
		command=("$program" --port "127.0.0.1:$port" --region us-east-1 --cert "$dir/server.pem" --key "$dir/server.key"
			--health /health --quiet posix --versioning-dir "$dir/versions")
		[ "$sidecar" = no ] || command+=(--sidecar "$dir/sidecar")
		command+=("$dir/data")
	fi
	ROOT_ACCESS_KEY=$access_key ROOT_SECRET_KEY=$secret_key MINIO_ROOT_USER=$access_key MINIO_ROOT_PASSWORD=$secret_key \
		setsid "${command[@]}" </dev/null >"$dir/server.log" 2>&1 &
	echo $! >"$dir/server.pid"
	wait_for $! answers_tls "$port" "$dir/ca.pem" || return 1
	cat >"$dir/settings" <<EOF
S3_DIR='$dir'
S3_KIND='$kind'
S3_ENDPOINT='127.0.0.1:$port'
S3_URL='https://127.0.0.1:$port'
S3_REGION='us-east-1'
S3_ACCESS_KEY='$access_key'
S3_SECRET_KEY='$secret_key'
S3_CA_FILE='$dir/ca.pem'
S3_LOG='$dir/server.log'
EOF
	chmod 600 "$dir/settings"
}

start() {
	local try
	if [ "$kind" = minio ]; then
		program=$(find_program minio) || {
			echo "s3.sh: minio is not installed: testdata/servers/install.sh --minio installs it" >&2
			exit 3
		}
	else
		program=$(find_program versitygw) || fail "versitygw is not installed: testdata/servers/install.sh installs it"
	fi
	make_dir s3 "$dir_wanted"
	mkdir -p "$dir/data" "$dir/versions" "$dir/sidecar"
	"$here/../docker/certs.sh" "$dir"
	access_key=$(openssl rand -hex 10)
	secret_key=$(openssl rand -hex 20)
	for try in 1 2 3 4 5; do
		if start_once; then
			watch_over
			cat "$dir/settings"
			return
		fi
		end_process "$(cat "$dir/server.pid")"
		[ "$try" -lt 5 ] || break
		if grep -qs 'xattr' "$dir/server.log" && [ "$sidecar" = no ]; then
			# The file system keeps no extended attributes; then what is known of an object goes into files beside it.
			sidecar=yes
		else
			grep -qs 'address already in use' "$dir/server.log" || break
		fi
	done
	give_up "$dir/server.log"
}

kind=versitygw
sidecar=no
parse_arguments S3 ' [--minio]' "$@"
for word in "${extra[@]}"; do
	[ "$word" = --minio ] || usage ' [--minio]' S3_DIR
	kind=minio
done
case $action in
start) start ;;
stop) stop_server ;;
status) show_settings ;;
esac
