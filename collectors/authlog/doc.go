// Package authlog collects the logs of mail servers from files that the operator has: one file, the files of a directory, or
// those that a pattern matches; plain or compressed by gzip, bzip2, xz or zstd; lines, protocol logs, journalctl -o export
// and -o json. Files are opened for reading only and, where the system allows it, without touching their access time.
//
// Resources (rows of the coverage ledger), each with the path that was asked for behind the colon, items are paths:
//
//	log:PATH           the files, byte for byte as they were found, compressed ones too
//	log-events:PATH    derived: what package maillog reads in each file, JSON Lines
//	log-summary:PATH   derived: of each file, how many lines there are, how many were read, and why others were not
//
// # Whose a log is
//
// A log holds all accounts, and what a stranger did to one is told by lines about others, so whole files are kept. They are
// exhibits of the account in scope: one Collect for one import, not one for each account. Events say in "user" who the
// line names, and in "account" and "match" which of Config.Accounts that is, if it is one: "exact", "local part" (the
// server logs no domain; another domain's user of that name would look the same), "master" (somebody logged in as the
// account with another's password), "sender" (the account stands in the envelope).
//
// # Clear passwords
//
// Servers with debugging on write passwords. A file in which maillog.Secrets finds some is not kept: its text is, with the
// secret's bytes and no others replaced by "[redacted:N bytes]". The exhibit's attributes then say so: "redacted" how
// often, "redaction-rules" why, "file-sha256" and "file-size" what the file was. A compressed one is kept decompressed. What
// could not be examined is not kept either, for passwords may be in it: of a compressed file that is broken the text up to
// there is kept and the rest is a gap; one that grows without bounds, or is in a format that is not read here, is a gap as a
// whole, with the file's SHA-256 in its reason.
//
// # Derived exhibits
//
// Events could be made again from the files, by whoever has this program. They are in the bundle nevertheless: signed and
// timestamped with the files, they show what this version read in them, to readers without it. They are named as derived
// by the attributes "derived" and "derived-from", have the digest of what they were made from in "source-sha256", and
// every event has the path, the line and the offset of the line, counted in the text after decompression and redaction, so
// that each can be held against the exhibit with dd and grep. Events are made of redacted text, and no event can hold what
// the exhibit does not.
//
// A time whose zone nobody knows is written without one, and "inferred" says that year or zone are not the line's own. The
// year of lines without one is that of the file's last change (for gzip, of the original's), of the date in its name, or
// of what the next younger file of the series begins with, whichever is earliest.
//
// # Gaps
//
// What is not a regular file, cannot be opened, is a link that leads out of the directory, is in a format that cannot be
// examined, changes while it is read, ends broken, or unpacks beyond Config's limits is a gap. If nothing at all matches,
// Collect returns an error that wraps ErrNothing.
package authlog
