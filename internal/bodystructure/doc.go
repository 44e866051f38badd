// Package bodystructure reads what an IMAP server says of a message's parts (BODYSTRUCTURE, RFC 3501 section 7.4.2), as kept
// beside the header of a message whose body was not collected: types, names and sizes of attachments.
//
// Servers differ and senders choose most of the text, so nothing is an error: what is missing or in the wrong place is
// left empty and noted in Problems, what nests deeper than MaxDepth or is more than MaxValues is not read, and said. Time
// is linear. Strings are valid UTF-8 and not safe to show (internal/visible); sizes are those that the server gives, of
// the encoded part, and are not checked. Who has the whole message reads that instead.
package bodystructure
