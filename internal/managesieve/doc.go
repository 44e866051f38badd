// Package managesieve reads Sieve scripts from a server by RFC 5804, and sends nothing that could change one unless it is
// told to ([Conn.AllowChanges]).
//
// A [Reader] splits the server's stream into lines with the strings in them, quoted or literal, and keeps each as
// received. It never guesses where an answer ends: where the syntax does not tell, the connection is over. What a
// server can make us hold is bounded by [Limits], and how long it can make us wait by a deadline that only progress
// moves on: a complete line, or another 64 KiB of a long one.
//
// A [Conn] sends commands and returns whole answers. [Check] stands before every command: CAPABILITY, NOOP, STARTTLS,
// AUTHENTICATE, LISTSCRIPTS, GETSCRIPT and LOGOUT are all that it lets pass. A server's referral to another one (RFC 5804 section
// 1.3) is in the error that the refusal becomes; following it would send the login to a place that nobody named.
//
// The package exists because no ManageSieve client is to be had as a Go module. Who does not read or extend what
// collects from IMAP servers, or contains there, need not read on.
package managesieve
