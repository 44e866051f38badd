#!/bin/bash
# prepare.sh DIR: makes DIR ready for a Dovecot that reads DIR/dovecot.conf: that file (a link to the one beside this
# script), local.conf, certificates, users, the master user, a bearer token, mail folders, ACL. Used by the container and
# by testdata/servers/dovecot.sh. Takes from the environment:
#   LISTEN, STRICT_LISTEN     addresses of the ports and of the port without LOGIN in clear (127.0.0.1, 127.0.0.2)
#   IMAP_PORT IMAPS_PORT STRICT_PORT SIEVE_PORT
#   DOVEADM_PORT              port of doveadm's HTTP API, in clear, with the key in DIR/doveadm.key; none without
#   SERVER_NAME               a further name for the certificate (localhost)
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
dir=$1
password="correct horse"
users=(alice@example.test bob@example.test carol@example.test)

rm -rf "$dir/run"
mkdir -p "$dir"/run "$dir"/state "$dir"/log "$dir"/oauth2/keys/default/HS256
chmod 711 "$dir"
"$here/../certs.sh" "$dir" "${SERVER_NAME:-localhost}"
ln -sf "$here/dovecot.conf" "$dir/dovecot.conf"

if [ "$(id -u)" = 0 ]; then
	internal=dovecot internal_group=dovecot login=dovenull mail_uid=mail mail_gid=mail
else
	internal=$(id -un) internal_group=$(id -gn) login=$(id -un) mail_uid=$(id -u) mail_gid=$(id -g)
fi

cat >"$dir/local.conf" <<EOF
# Written by prepare.sh.
import_environment = \$import_environment MBAUDIT_DIR=$dir
base_dir = $dir/run
state_dir = $dir/state
log_path = /dev/stderr
ssl_cert = <$dir/server.pem
ssl_key = <$dir/server.key
default_internal_user = $internal
default_internal_group = $internal_group
default_login_user = $login
mail_uid = $mail_uid
mail_gid = $mail_gid
listen = ${LISTEN:-127.0.0.1}
service imap-login {
  inet_listener imap {
    port = $IMAP_PORT
  }
  inet_listener imaps {
    port = $IMAPS_PORT
  }
  inet_listener imap_strict {
    address = ${STRICT_LISTEN:-127.0.0.2}
    port = $STRICT_PORT
  }
}
service managesieve-login {
  inet_listener sieve {
    port = $SIEVE_PORT
  }
  inet_listener sieve_deprecated {
    port = 0
  }
}
passdb {
  driver = oauth2
  mechanisms = oauthbearer xoauth2
  args = $dir/oauth2/oauth2.conf
}
EOF

if [ -n "${DOVEADM_PORT:-}" ]; then
	[ -s "$dir/doveadm.key" ] || openssl rand -hex 24 >"$dir/doveadm.key"
	cat >>"$dir/local.conf" <<EOF
doveadm_api_key = $(cat "$dir/doveadm.key")
service doveadm {
  inet_listener http {
    port = $DOVEADM_PORT
  }
}
EOF
fi

: >"$dir/users"
for user in "${users[@]}"; do
	printf '%s:{PLAIN}%s::::::\n' "$user" "$password" >>"$dir/users"
done
printf 'auditor:{PLAIN}battery staple\n' >"$dir/masters"

# Bearer tokens are JSON Web Tokens (RFC 7519) that Dovecot checks itself, with the key in the dictionary.
cat >"$dir/oauth2/oauth2.conf" <<EOF
introspection_mode = local
local_validation_key_dict = fs:posix:prefix=$dir/oauth2/keys/
username_attribute = email
EOF
if [ ! -s "$dir/oauth2/token" ]; then
	base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
	key=$(openssl rand -hex 32)
	printf '%s' "$key" | openssl base64 -A >"$dir/oauth2/keys/default/HS256/default"
	unsigned=$(printf '{"alg":"HS256","typ":"JWT"}' | base64url).$(printf \
		'{"sub":"%s","email":"%s","iss":"mbaudit-test","iat":1767225600,"exp":4102444800}' "${users[0]}" "${users[0]}" | base64url)
	printf '%s.%s\n' "$unsigned" "$(printf '%s' "$unsigned" | openssl dgst -sha256 -mac HMAC -macopt "key:$key" -binary | base64url)" \
		>"$dir/oauth2/token"
fi

# bob lets alice read his folder Projets. Mail that is there already stays as it is.
if [ ! -d "$dir/mail" ]; then
	for user in "${users[@]}"; do
		mkdir -p "$dir/mail/$user/Maildir"/{cur,new,tmp} "$dir/mail/$user/sieve"
	done
	bob=$dir/mail/bob@example.test/Maildir
	mkdir -p "$bob/.Projets"/{cur,new,tmp}
	: >"$bob/.Projets/maildirfolder"
	printf 'user=alice@example.test lr\n' >"$bob/.Projets/dovecot-acl"
	printf 'Projets\n' >"$bob/subscriptions"
	printf 'shared/shared-boxes/user/alice@example.test/bob@example.test\n1\n' >"$dir/mail/shared-mailboxes"
fi

if [ "$(id -u)" = 0 ]; then
	chown -R "$mail_uid:$mail_gid" "$dir/mail"
	chown -R "$internal:$internal_group" "$dir/oauth2"
fi
