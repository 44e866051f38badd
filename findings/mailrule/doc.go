// Package mailrule says what a mail rule does, from its text alone: Gmail's filters and automatic forwarding, and Sieve
// scripts (RFC 5228). It runs nothing and asks nobody. Who only shows findings reads Rule.Explains and need not read on.
//
// # One form for both
//
// ParseGmailFilters, ParseGmailForwarding and ParseSieve return a Set of rules: conditions as a tree of tests, actions,
// and a sentence in English and in French. In Sieve a rule is what one block does; its conditions are those of all blocks
// around it, and that earlier branches did not apply. In Gmail all filters apply; in Sieve order counts, and a rule
// behind a stop is Unreachable. What other rules do to the same messages is in Rule.Also: where all their conditions are
// among the rule's own, they certainly apply too.
//
// What is not understood is never passed over: it is a Note, with its place, and makes Signals.Incomplete true.
// Signals gives facts with the words they come from and where in the source these stand, as byte offsets; a rules engine
// grades them. Signals.Score is one number, for sorting and for measuring this package.
//
// # Values
//
// Variables (RFC 5229) are followed through all branches: a value is constant, or one of up to sixteen, or stated as
// known only when a message is there. Encoded characters are decoded. The vocabulary is French, English, German, Spanish
// and Italian; texts are compared without case, accents, characters that do not show, and with letters of other
// scripts taken for the Latin ones they look like. Patterns and expressions are tried on the vocabulary: "inv?ice" and
// "fact(u|v)re" are known for what they find.
//
// # How much mail
//
// Signals.Reach comes from asking the condition about twenty ordinary messages that have nothing in common. This finds
// empty texts, "*", "@", lone letters, sizes over 0, and exclusions of words that no message has, however they are put
// together, and needs no list of tricks.
//
// # Why a parser of our own
//
// github.com/foxcpp/go-sieve, the one Go implementation known to us (MIT), is made to run scripts: it refuses to load a
// script that requires an extension it does not have (notify, editheader, body, the vendors'), keeps no byte offsets, and
// stops at the first error, all of which an examiner needs otherwise; and no version of it is to be had from the module
// proxy. The grammar is small, and the tests compare this reader with Pigeonhole's compiler and its sieve-test.
//
// # Bounds
//
// A source is read up to 1 MiB, 32 levels, 10,000 commands or terms and 1,000 rules; beyond that a note says so. Time and
// memory grow with the size of the source; no expression backtracks.
package mailrule
