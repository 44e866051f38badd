#!/bin/sh
# Checks one record of this disclosure: its bytes have the digest of its index line, the line is a leaf of the tree
# (RFC 6962) under the sealed bundle's checkpoint, and that bundle's signed tag manifest names this checkpoint.
# usage: sh verify-proof.sh P-000042      needs sha256sum, xxd, base64, awk; exit status 0 if all of this holds
export LC_ALL=C; cd "$(dirname "$0")" || exit 2
id=${1:?}; proof=data/proofs/$id.tlog-proof; o=original; n=$(awk -v id="$id" 'BEGIN { print substr(id, 3) + 0 }')
fail() { echo "verify-proof.sh: $id: $1" >&2; exit 1; }
sum() { sha256sum | awk '{ print $1 }'; }
node() { (printf '\001'; printf %s "$1" | xxd -r -p) | sum; }
line() { awk -v head="{\"v\":1,\"n\":$n," 'index($0, head) == 1' data/index/000001.jsonl; }
field() { line | awk -v re="[,{]\"$1\":\"?[0-9a-z]+" '{ match($0, re); f = substr($0, RSTART, RLENGTH); gsub(/.*:"?/, "", f); print f }'; }

[ "$(sum < $o/checkpoint)" = "$(awk '$2 == "checkpoint" { print $1 }' $o/tagmanifest-sha256.txt)" ] || fail "the checkpoint is not the bundle's"
[ "$(awk 'b; !NF { b = 1 }' "$proof" | sum)" = "$(sum < $o/checkpoint)" ] || fail "the proof is of another checkpoint"
fn=$(awk '$1 == "index" { print $2; exit }' "$proof"); [ "$fn" = $((n - 1)) ] || fail "the proof is of another record"
sn=$(awk 'NR == 2 { print $1 - 1 }' $o/checkpoint); root=$(awk 'NR == 3' $o/checkpoint | base64 -d | xxd -p -c64)
h=$( (printf '\000'; line) | sum)
for p in $(awk 'NR > 2 && !NF { exit } NR > 2' "$proof"); do
  p=$(echo "$p" | base64 -d | xxd -p -c64); [ "$sn" -gt 0 ] || fail "the proof is too long"
  if [ $((fn % 2)) -eq 1 ] || [ "$fn" -eq "$sn" ]; then h=$(node "$p$h")
    while [ $((fn % 2)) -eq 0 ] && [ "$fn" -ne 0 ]; do fn=$((fn / 2)); sn=$((sn / 2)); done
  else h=$(node "$h$p"); fi
  fn=$((fn / 2)); sn=$((sn / 2))
done
[ "$h" = "$root" ] && [ "$sn" -eq 0 ] || fail "its line is not in the sealed bundle"
[ "$(field kind)" = exhibit ] || { echo "$id: its line is in the sealed bundle"; exit 0; }
# shellcheck disable=SC2046 # three words are wanted
set -- $(awk -v id="$id" '$1 == id { print $2, $3, $4 }' data/bodies.tsv)
[ "$(xxd -p -s "$2" -l "$3" "$1" | xxd -r -p | sum)" = "$(field sha256)" ] || fail "its bytes are not those that were sealed"
echo "$id: its bytes and its line are in the sealed bundle"
