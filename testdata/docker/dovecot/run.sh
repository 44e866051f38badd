#!/bin/bash
# run.sh DIR: becomes the Dovecot that prepare.sh DIR made ready, in the foreground. What Dovecot logs is sorted by
# splitlog.sh into DIR/log.
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
exec dovecot -F -c "$1/dovecot.conf" > >(exec "$here/splitlog.sh" "$1/log") 2>&1
