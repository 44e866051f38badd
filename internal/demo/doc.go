// Package demo runs the servers that mbaudit demo examines: an IMAP server with a mailbox that was taken over, and a
// time-stamping authority, both on loopback and gone with the program. The product itself uses nothing of it.
package demo
