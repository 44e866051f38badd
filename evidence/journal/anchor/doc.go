// Package anchor keeps time-stamps on the heads of a journal: a third party's word that the journal had come so far.
//
// The chain of a journal cannot show by itself that its last lines were cut off, or that all of it was written anew. An
// anchor does: CASE/anchors/000042.tsr is a time-stamp (RFC 3161, the authority's whole answer) on line 42 of the
// journal, LF included, and 000042.pem the certificates that it needs; what further authorities answered is in
// 000042-2.tsr and so on. Each line names the line before it, so that one anchor stands for all lines up to its own.
// A stranger checks one with
//
//	sed -n 42p journal.jsonl | openssl ts -verify -data /dev/stdin -in anchors/000042.tsr -CAfile ca.pem
//
// An anchor proves nothing to who suspects the operator of having removed it: the head is also to be noted elsewhere.
//
// Who only writes and reads a journal need not read on.
package anchor
