#!/bin/sh
# certs.sh DIR [NAME]: makes a throw-away certification authority and one server certificate in DIR, for localhost,
# 127.0.0.1, 127.0.0.2 and NAME: ca.pem, server.pem, server.key. The authority's key is not kept. What is there
# already stays.
set -eu
dir=$1
name=${2:-localhost}
[ -s "$dir/server.pem" ] && [ -s "$dir/server.key" ] && [ -s "$dir/ca.pem" ] && exit 0
umask 077
work=$(mktemp -d "$dir/certs.XXXXXX")
trap 'rm -rf "$work"' EXIT
cat >"$work/x509.cnf" <<EOF
[req]
distinguished_name = dn
prompt = no
[dn]
CN = mbaudit test authority
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost,DNS:$name,IP:127.0.0.1,IP:127.0.0.2
EOF
{
	openssl ecparam -name prime256v1 -genkey -noout -out "$work/ca.key"
	openssl req -new -x509 -key "$work/ca.key" -sha256 -days 3650 -config "$work/x509.cnf" -extensions ca -out "$work/ca.pem"
	openssl ecparam -name prime256v1 -genkey -noout -out "$work/server.key"
	openssl req -new -key "$work/server.key" -config "$work/x509.cnf" -subj "/CN=localhost" -out "$work/server.csr"
	openssl x509 -req -in "$work/server.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" -CAcreateserial -days 825 -sha256 \
		-extfile "$work/x509.cnf" -extensions server -out "$work/server.pem"
} >"$work/log" 2>&1 || {
	cat "$work/log" >&2
	exit 1
}
mv "$work/server.key" "$dir/server.key"
mv "$work/server.pem" "$dir/server.pem"
mv "$work/ca.pem" "$dir/ca.pem"
chmod 644 "$dir/ca.pem" "$dir/server.pem"
