// Package demo runs the servers that mbaudit demo examines: an IMAP server with a mailbox that was taken over, a
// tenant that stands for a Google Workspace in which the same account was, and a time-stamping authority, all on loopback
// and gone with the program. The product itself uses nothing of it.
package demo
