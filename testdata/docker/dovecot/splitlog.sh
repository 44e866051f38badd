#!/bin/bash
# splitlog.sh DIR: sorts Dovecot's log from standard input: DIR/dovecot.log gets everything, DIR/auth.log what was said
# of logins, DIR/events.log the JSON line of each IMAP command. Dovecot 2.3 itself can part its log by severity only.
set -eu
exec 3>>"$1/dovecot.log" 4>>"$1/auth.log" 5>>"$1/events.log"
while IFS= read -r line; do
	printf '%s\n' "$line" >&3
	case $line in
	*' stats: Info: {'*) printf '%s\n' "{${line#* stats: Info: \{}" >&5 ;;
	*' auth: '* | *' auth('*'): '* | *' auth-worker'* | *'-login: '*) printf '%s\n' "$line" >&4 ;;
	esac
done
