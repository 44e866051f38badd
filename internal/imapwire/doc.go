// Package imapwire reads what an IMAP server sends (RFC 3501, RFC 9051) and keeps it as received, and writes commands
// that change nothing.
//
// A [Reader] splits the stream into responses. It understands only what it needs to find where a response ends: lines,
// quoted strings, literals of every kind. Names that it does not know, syntax that is wrong inside a response, 8-bit
// names and future extensions pass through as bytes; none of them is an error. The literal of a message body is not
// part of the response's bytes: it is handed out as a reader over the socket's own buffer, so that a message goes to
// its place without a second copy in memory. What a response says is read by a [Scanner], as far as it can be read.
//
// What ends a connection is only this: the stream ends, stalls or drips (see [Pace]; there is no
// deadline on the whole), the server says BYE, or something is larger than [Limits] allow. Each is an error of its own type.
//
// A [Conn] sends commands and matches tagged answers to them. [Check] stands before every byte that it sends: what is
// not on the list of commands that only read is refused with a [RefusedError], but for what [Conn.AllowChanges] named.
//
// The package exists because the client of github.com/emersion/go-imap/v2 loses its connection on many legal
// responses; testdata/imap/responses holds them. Who does not read or extend
// what collects from IMAP servers, or contains there, need not read on.
package imapwire
