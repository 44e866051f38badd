// Package content reads the body of a message for what an inquiry into a taken-over mailbox asks: account numbers for
// payments (IBAN), passwords and other secrets, card and social security numbers, and the attachments by name, type and
// digest. It decides nothing; findings/facts calls it where somebody asked for it (mbaudit qualify --content), and never for a
// message that is marked personal. Who does not look into bodies need not read on.
//
// # What is read
//
// text/plain and text/html, in whatever they are packed in; of HTML what a reader would see. Text that a message quotes (lines
// with ">", blockquote, what stands below "Le … a écrit :") is told apart from its own, because an answer repeats the other
// side's account number. Of all else only the name, the declared type, the size and the SHA-256 of the decoded bytes are
// taken: no PDF and no document is opened.
//
// # What is given
//
// Numbers of accounts are given, since a bank needs them, and where links lead, without a password that stands in one. Of secrets, cards and social security numbers there is a count of
// each sort and never the value. Own is the beginning of the message's own words, for who looks for topics; it is not
// meant to be kept.
//
// # Bounds
//
// A message is read as a stream, once. Of its text MaxText bytes are looked at, of all of it MaxBytes are read, parts nest
// MaxDepth deep and there are MaxParts of them, the header of a part has MaxPartHeader bytes. What is beyond, and what cannot
// be decoded, is named in Unread and is no emptiness. No input makes it fail.
package content
