#!/bin/sh
# Checks this disclosure with the system's own tools: sha256sum, find, awk, sed, xxd, base64, ssh-keygen, openssl, date, unzip.
# usage: sh verify.sh [SHA256:FINGERPRINT]   the fingerprint of the sealing key, as it was written down elsewhere
# Exit status: 0 all is as it was sealed and disclosed, 1 something is not, 2 a tool is missing.
set -u
cd "$(dirname "$0")" || exit 2
for tool in sha256sum find awk sed xxd base64 ssh-keygen openssl date unzip; do
  command -v "$tool" >/dev/null || { echo "verify.sh: $tool is not installed" >&2; exit 2; }
done
bad=0
check() { # check WHAT STATUS
  # Not echo, which in some shells reads backslashes in what it prints.
  if [ "$2" -eq 0 ]; then printf 'ok      %s\n' "$1"; else printf 'FAILED  %s\n' "$1"; bad=1; fi
}

sha256sum -c --quiet --strict tagmanifest-sha256.txt; check "tag files have the digests of tagmanifest-sha256.txt" $?
sha256sum -c --quiet --strict manifest-sha256.txt; check "payload files have the digests of manifest-sha256.txt" $?

extra=$(find . ! -type d -print | awk '
  FILENAME != "-" { known["./" substr($0, 67)] = 1; next }
  !($0 in known) && $0 != "./tagmanifest-sha256.txt"' manifest-sha256.txt tagmanifest-sha256.txt -)
[ -z "$extra" ] || printf 'not in any manifest: %s\n' "$extra" | cat -v # a name may hold anything
[ -z "$extra" ]; check "no file was added" $?

torn=0
for zip in data/segments/*.zip; do
  [ -e "$zip" ] || continue
  unzip -tqq "$zip" || torn=1
done
check "the segments unpack" $torn

count=0
for proof in data/proofs/*.tlog-proof; do
  id=${proof#data/proofs/}; id=${id%.tlog-proof}
  said=$(sh verify-proof.sh "$id" 2>&1); check "$said" $?
  count=$((count + 1))
done
[ "$(awk 'END { print NR }' data/index/000001.jsonl)" = $count ]; check "each of the $count lines has its proof" $?

who=$(awk 'NR == 1 { print $1 }' original/sig/allowed_signers)
key=$(ssh-keygen -l -f original/sig/signer.pub | awk '{ print $2 }')
ssh-keygen -Y verify -f original/sig/allowed_signers -I "$who" -n mbaudit-evidence-v1 \
  -s original/sig/tagmanifest-sha256.txt.sig < original/tagmanifest-sha256.txt >/dev/null
check "the bundle was signed by $who with the key $key" $?
if [ $# -gt 0 ]; then [ "$key" = "$1" ]; check "the key is $1" $?; fi

stamps=0
for tsr in original/sig/tagmanifest-sha256.txt.*.tsr; do
  [ -e "$tsr" ] || continue
  when=$(openssl ts -reply -in "$tsr" -text 2>/dev/null | sed -n 's/^Time stamp: //p' | sed 's/\.[0-9]* / /')
  at=$(date -u -d "$when" +%s 2>/dev/null) # a certificate may have expired since: it is judged at the time it stamped
  openssl ts -verify -data original/tagmanifest-sha256.txt -in "$tsr" -CAfile "${tsr%.tsr}.pem" -partial_chain -attime "${at:-0}" >/dev/null 2>&1
  check "the bundle was there on $when, says ${tsr#original/sig/}" $?
  stamps=$((stamps + 1))
done
[ $stamps -gt 0 ] || echo "note    no timestamp of the bundle is here"

echo
echo "SHA-256 of the bundle's tagmanifest-sha256.txt, to compare with the record:"
sha256sum < original/tagmanifest-sha256.txt | cut -d' ' -f1
[ $# -gt 0 ] || echo "Compare the key's fingerprint $key with the one that was written down elsewhere."
exit $bad
