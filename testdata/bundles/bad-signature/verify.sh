#!/bin/sh
# Checks this bundle with the system's own tools: sha256sum, find, awk, sed, ssh-keygen, openssl, date, unzip.
# usage: sh verify.sh [SHA256:FINGERPRINT]   the fingerprint of the signing key, as it was written down elsewhere
# Exit status: 0 all is as it was sealed, 1 something is not, 2 a tool is missing.
set -u
cd "$(dirname "$0")" || exit 2
for tool in sha256sum find awk sed ssh-keygen openssl date unzip; do
  command -v "$tool" >/dev/null || { echo "verify.sh: $tool is not installed" >&2; exit 2; }
done
bad=0
check() { # check WHAT STATUS
  if [ "$2" -eq 0 ]; then echo "ok      $1"; else echo "FAILED  $1"; bad=1; fi
}

sha256sum -c --quiet --strict tagmanifest-sha256.txt; check "tag files have the digests of tagmanifest-sha256.txt" $?
sha256sum -c --quiet --strict manifest-sha256.txt; check "payload files have the digests of manifest-sha256.txt" $?

extra=$(find . -path ./sig -prune -o ! -type d -print | awk '
  FILENAME != "-" { known["./" substr($0, 67)] = 1; next }
  !($0 in known) && $0 != "./tagmanifest-sha256.txt"' manifest-sha256.txt tagmanifest-sha256.txt -)
[ -z "$extra" ] || echo "not in any manifest: $extra"
[ -z "$extra" ]; check "no file was added" $?

broken=0
prev=$(sha256sum < opening.json | cut -d' ' -f1)
for seal in seals/*.json; do
  [ -e "$seal" ] || continue
  grep -q "\"prev\":\"$prev\"" "$seal" || { echo "$seal does not follow the seal before it"; broken=1; }
  prev=$(sha256sum < "$seal" | cut -d' ' -f1)
done
check "the seals form a chain from opening.json" $broken

who=$(awk 'NR == 1 { print $1 }' sig/allowed_signers)
key=$(ssh-keygen -l -f sig/signer.pub | awk '{ print $2 }')
ssh-keygen -Y verify -f sig/allowed_signers -I "$who" -n mbaudit-evidence-v1 \
  -s sig/tagmanifest-sha256.txt.sig < tagmanifest-sha256.txt >/dev/null; check "signed by $who with the key $key" $?
if [ $# -gt 0 ]; then [ "$key" = "$1" ]; check "the key is $1" $?; fi

stamps=0
for tsr in sig/*.tsr; do
  [ -e "$tsr" ] || continue
  case $tsr in sig/opening.json.*) data=opening.json ;; *) data=tagmanifest-sha256.txt ;; esac
  when=$(openssl ts -reply -in "$tsr" -text 2>/dev/null | sed -n 's/^Time stamp: //p' | sed 's/\.[0-9]* / /')
  at=$(date -u -d "$when" +%s 2>/dev/null) # a certificate may have expired since: it is judged at the time it stamped
  openssl ts -verify -data "$data" -in "$tsr" -CAfile "${tsr%.tsr}.pem" -partial_chain -attime "${at:-0}" >/dev/null 2>&1
  check "$data was there on $when, says ${tsr#sig/}" $?
  stamps=$((stamps + 1))
done
[ $stamps -gt 0 ] || echo "note    no timestamp is in this bundle"

torn=0
for zip in data/segments/*.zip; do
  [ -e "$zip" ] || continue
  unzip -tqq "$zip" || torn=1
done
check "the segments unpack" $torn

echo
echo "SHA-256 of tagmanifest-sha256.txt, to compare with the record:"
sha256sum < tagmanifest-sha256.txt | cut -d' ' -f1
[ $# -gt 0 ] || echo "Compare the key's fingerprint $key with the one that was written down elsewhere."
exit $bad
