#!/bin/sh
# prepare.sh DIR: makes in DIR a root (ca.pem; its key is not kept) and the certificate of a timestamping authority
# (tsa.pem, tsa.key), with tsa.cnf as openssl's configuration. What is there already stays.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=$1
TSA_DIR=$dir
export TSA_DIR
cp "$here/tsa.cnf" "$dir/tsa.cnf"
[ -s "$dir/ca.pem" ] && exit 0
umask 077
work=$(mktemp -d "$dir/certs.XXXXXX")
trap 'rm -rf "$work"' EXIT
{
	openssl ecparam -name prime256v1 -genkey -noout -out "$work/ca.key"
	openssl req -new -x509 -key "$work/ca.key" -sha256 -days 3650 -config "$dir/tsa.cnf" -extensions v3_ca \
		-subj "/O=mbaudit test/CN=mbaudit test TSA root" -out "$work/ca.pem"
	openssl ecparam -name prime256v1 -genkey -noout -out "$dir/tsa.key"
	openssl req -new -key "$dir/tsa.key" -config "$dir/tsa.cnf" -subj "/O=mbaudit test/CN=mbaudit test TSA" -out "$work/tsa.csr"
	openssl x509 -req -in "$work/tsa.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" -CAcreateserial -days 1825 -sha256 \
		-extfile "$dir/tsa.cnf" -extensions v3_tsa -out "$dir/tsa.pem"
} >"$work/log" 2>&1 || {
	cat "$work/log" >&2
	exit 1
}
echo 01 >"$dir/serial"
mv "$work/ca.pem" "$dir/ca.pem"
chmod 644 "$dir/ca.pem" "$dir/tsa.pem"
