#!/bin/sh
# run.sh DIR: becomes a versitygw over TLS that keeps everything in DIR, with the credentials that S3_ACCESS_KEY and
# S3_SECRET_KEY give, or new ones, which it writes to DIR/credentials.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=$1
mkdir -p "$dir/data" "$dir/versions"
"$here/../certs.sh" "$dir" "${SERVER_NAME:-s3}"
if [ ! -s "$dir/credentials" ]; then
	umask 077
	printf "S3_ACCESS_KEY='%s'\nS3_SECRET_KEY='%s'\n" "${S3_ACCESS_KEY:-$(openssl rand -hex 10)}" "${S3_SECRET_KEY:-$(openssl rand -hex 20)}" \
		>"$dir/credentials"
fi
# shellcheck disable=SC1091
. "$dir/credentials"
ROOT_ACCESS_KEY=$S3_ACCESS_KEY ROOT_SECRET_KEY=$S3_SECRET_KEY
export ROOT_ACCESS_KEY ROOT_SECRET_KEY
exec versitygw --port "${S3_LISTEN:-:7070}" --region us-east-1 --cert "$dir/server.pem" --key "$dir/server.key" --health /health --quiet \
	posix --versioning-dir "$dir/versions" "$dir/data"
