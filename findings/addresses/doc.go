// Package addresses says whose an e-mail address or a domain is, seen from an organisation: its own, one that looks like its
// own, of a free or of a disposable mail service, the person's own elsewhere, or a stranger's. Whoever does not judge addresses need
// not read on.
//
// A domain looks like an own one if, with letters that look alike made the same (also those of other alphabets, as IDNA
// writes them), it is equal to it; if it has the same name under another public suffix; if it differs by one letter (by two
// where the name has eight or more); or if it is the name with digits or a word put to it by a hyphen. Short names of up to
// three letters are compared by letters that look alike only: too many honest domains are near them.
//
// The lists of free and of disposable services are short ones of our own, made from what the services say of themselves. A
// service that is not in them is a stranger's domain, and a rule's question to the user is the same.
package addresses
