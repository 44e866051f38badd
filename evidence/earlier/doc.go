// Package earlier reads from sealed bundles what an earlier collection of an account knew: which messages of which folders,
// with which flags, and how far the server's counters were. collect --since asks it what need not be fetched again, and
// what has vanished or was re-flagged since. It verifies nothing: that is for mbaudit verify.
//
// Memory: some 40 bytes for each message.
package earlier
