#!/bin/sh
# Checks the chain of a journal: sh verify-log.sh journal.jsonl
# Line n must begin with version 1, its number n and the SHA-256 of the line before it (LF included).
# The last line printed is the head: compare it with the one that was read out, written down or timestamped.
export LC_ALL=C
f=$1
[ -r "$f" ] || { echo "cannot read $f" >&2; exit 2; }
tr -d '\000' <"$f" | cmp -s - "$f" || { echo "BROKEN: the file holds NUL bytes"; exit 1; }
n=0
prev=0000000000000000000000000000000000000000000000000000000000000000
while IFS= read -r line || { [ -n "$line" ] && echo "BROKEN at line $((n + 1)): no line end" && exit 1; }; do
	n=$((n + 1))
	case $line in
	'{"v":1,"seq":'"$n"',"prev":"'"$prev"'",'*) ;;
	*) echo "BROKEN at line $n"; exit 1 ;;
	esac
	prev=$(printf '%s\n' "$line" | sha256sum | cut -d' ' -f1)
done <"$f"
[ "$n" -gt 0 ] || { echo "BROKEN: the file is empty"; exit 1; }
echo "OK $n entries, head $prev"
