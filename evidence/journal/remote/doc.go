// Package remote keeps a copy of a journal in a store, one object for each entry, so that nobody who reaches the case
// directory can cut off, change or rewrite what was written down before.
//
// The object journal/CASE/0000000042.json is line 42 of the journal, byte for byte, LF included. Create never replaces an
// object, so the store gives out each number once: of two operators who go on with two copies of one case, the second to
// send a line of the same number is told that the journals went different ways (a *ForkError) and with which lines.
// What was written down while the store could not be reached is sent by the next Push, in order.
//
// Push has to read what is there: a key that may write only cannot tell a fork, and is refused.
//
// Who only keeps or reads a journal on this machine need not read on.
package remote
