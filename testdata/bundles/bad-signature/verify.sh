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
  # Not echo, which in some shells reads backslashes in what it prints.
  if [ "$2" -eq 0 ]; then printf 'ok      %s\n' "$1"; else printf 'FAILED  %s\n' "$1"; bad=1; fi
}

sha256sum -c --quiet --strict tagmanifest-sha256.txt; check "tag files have the digests of tagmanifest-sha256.txt" $?
sha256sum -c --quiet --strict manifest-sha256.txt; check "payload files have the digests of manifest-sha256.txt" $?

extra=$(find . -path ./sig -prune -o ! -type d -print | awk '
  FILENAME != "-" { known["./" substr($0, 67)] = 1; next }
  !($0 in known) && $0 != "./tagmanifest-sha256.txt"' manifest-sha256.txt tagmanifest-sha256.txt -)
[ -z "$extra" ] || printf 'not in any manifest: %s\n' "$extra" | cat -v # a name may hold anything
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

# Further signatures. What lies beside them in sig/ only serves to check them: whose they are is known from elsewhere.
if [ -e sig/tagmanifest-sha256.txt.minisig ] || [ -e sig/minisign.pub ]; then
  if command -v minisign >/dev/null; then
    minisign -V -q -p sig/minisign.pub -m tagmanifest-sha256.txt -x sig/tagmanifest-sha256.txt.minisig >/dev/null 2>&1
    check "signed with the minisign key $(sed -n 2p sig/minisign.pub 2>/dev/null)" $?
  else
    echo "note    minisign is not installed: its signature was not checked"
  fi
fi
if [ -e sig/tagmanifest-sha256.txt.p7s ] || [ -e sig/signer-chain.pem ]; then
  if openssl cms -help >/dev/null 2>&1; then
    openssl cms -verify -binary -inform DER -in sig/tagmanifest-sha256.txt.p7s -content tagmanifest-sha256.txt \
      -CAfile sig/signer-chain.pem -partial_chain -no_check_time -purpose any -out /dev/null >/dev/null 2>&1
    check "sealed with the certificate of $(openssl x509 -in sig/signer-chain.pem -noout -subject 2>/dev/null)" $?
    openssl x509 -in sig/signer-chain.pem -noout -issuer -dates -fingerprint -sha256 2>/dev/null | sed 's/^/        /'
  else
    echo "note    this openssl has no cms command: the certificate's signature was not checked"
  fi
fi

stamps=0
for tsr in sig/*.tsr; do
  [ -e "$tsr" ] || continue
  case $tsr in
    sig/opening.json.*) data=opening.json ;;
    sig/renewal-*) data=$(printf '%s\n' "$tsr" | sed 's/\.sha256\..*/.sha256/') ;;
    *) data=tagmanifest-sha256.txt ;;
  esac
  text=$(openssl ts -reply -in "$tsr" -text 2>/dev/null)
  when=$(printf '%s\n' "$text" | sed -n 's/^Time stamp: //p' | sed 's/\.[0-9]* / /')
  at=$(date -u -d "$when" +%s 2>/dev/null) # a certificate may have expired since: it is judged at the time it stamped
  at=${at:-0} pem=${tsr%.tsr}.pem crl=${tsr%.tsr}.crl.pem
  case $text in *"NOT a third party"*) local=" (local: not a third party)" ;; *) local= ;; esac
  openssl ts -verify -data "$data" -in "$tsr" -CAfile "$pem" -partial_chain -attime "$at" >/dev/null 2>&1
  check "$data was there on $when, says ${tsr#sig/}$local" $?
  stamps=$((stamps + 1))

  # A list of revoked certificates is looked at where the signer's issuer made it: it then comes first in its file.
  [ -e "$crl" ] && [ "$(openssl crl -in "$crl" -noout -issuer 2>&1)" = "$(openssl x509 -in "$pem" -noout -issuer 2>&1)" ] || continue
  serial=$(openssl x509 -in "$pem" -noout -serial | cut -d= -f2)
  revoked=$(openssl crl -in "$crl" -noout -text | awk -v serial="$serial" '
    /Serial Number:/ { here = $3 == serial } here && sub(/.*Revocation Date: /, "") { print }')
  if [ -n "$revoked" ] && [ "$(date -u -d "$revoked" +%s)" -gt "$at" ]; then
    echo "note    its certificate was revoked on $revoked, after the timestamp: see VERIFY.txt"
    continue
  fi
  asof=$(date -u -d "$(openssl crl -in "$crl" -noout -lastupdate | cut -d= -f2)" +%s)
  [ "${asof:-0}" -gt "$at" ] || asof=$at
  cat "$pem" "$crl" | openssl ts -verify -data "$data" -in "$tsr" -CAfile /dev/stdin -partial_chain -crl_check \
    -attime "$asof" >/dev/null 2>&1
  check "its certificate was not revoked, says ${crl#sig/}" $?
done
[ $stamps -gt 0 ] || echo "note    no timestamp is in this bundle"

for list in sig/renewal-*.sha256; do
  [ -e "$list" ] || continue
  sha256sum -c --quiet --strict "$list"; check "what $list renews is what it was" $?
done

torn=0
for zip in data/segments/*.zip; do
  [ -e "$zip" ] || continue
  unzip -tqq "$zip" || torn=1
done
check "the segments unpack" $torn
for file in data/segments/*.age; do
  [ -e "$file" ] || continue
  echo "note    the payload is encrypted; to read it: age -d -i KEY $file > segment.zip"
  break
done

echo
echo "SHA-256 of tagmanifest-sha256.txt, to compare with the record:"
sha256sum < tagmanifest-sha256.txt | cut -d' ' -f1
[ $# -gt 0 ] || echo "Compare the key's fingerprint $key with the one that was written down elsewhere."
exit $bad
