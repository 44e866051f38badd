// Package mailheader reads the raw header block of any message, as kept in .eml and .hdr exhibits, and gives typed views
// of it: text, addresses, dates, the way through servers, results of authentication. Who only moves messages need not
// read on.
//
// Header finds fields by name: Text gives any of them decoded (Subject, X-Mailer, X-Sieve), Addresses, Date, IDs, Media,
// Received, Authentications, Signatures, ReceivedSPF, Origins, List read the structured ones, WithPrefix goes through a
// family (X-GM-), Duplicates and Oddities say what is suspicious about the block.
//
// # Promises
//
// No input stops it: there is no error but the reader's. What cannot be read is a value (an unparsable date, a field of
// Kind NoColon, an address with Problems), never an absence. Fields keep their raw bytes and offsets; one after the other
// they are the block, byte for byte.
//
// Time is linear in the input and memory is bounded by it and by these limits, beyond which a view says that it was cut
// (Truncated, ProblemCut): MaxBlock bytes of a block are read, MaxFields fields are told apart (what follows is one
// field of Kind Rest), MaxValue bytes of one field are looked at by views, MaxItems addresses, identifiers, parameters,
// tags or results are kept of one field, MaxViews fields of a repeated kind (Received, DKIM-Signature) are read.
//
// Every string of a view is valid UTF-8. It is NOT safe to show: it may hold controls, characters of direction and of no
// width, NUL. internal/visible makes it so at the moment of display, not before, since findings compare what is there.
//
// Nothing here is verified: a DKIM-Signature is tags, an Authentication-Results field is what somebody wrote. Only the
// fields that the examined server put on top can be trusted as far as that server; views carry the index of their field,
// so that their place among the Received fields can be seen.
//
// # Where standards leave room
//
// Lines end with LF, with any number of CR before it. CR alone ends lines only where an empty line made of CR comes
// before the first LF, or where there is no LF at all; else it is a character of the value. A byte order mark and an mbox
// "From " line in front are fields of their own Kind. A line without a colon does not end the header. Of the character
// sets, names are those of the WHATWG encoding standard, then of the IANA registry.
package mailheader
