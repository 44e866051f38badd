// Package imapbench has the limit that collecting is measured against: a reader that asks an IMAP server for the same
// and does nothing with what comes. Only `make bench` uses it.
package imapbench
