// Package files collects from files that a provider or an administrator hands over, or that lie on a server's disk:
// messages one by one (.eml, also in .zip, .tar and .gz), mbox files, Maildirs, Sieve scripts. They become exhibits of the
// same kind as those read from IMAP: a message is message/rfc822, its folder and flags are attributes, what could not be
// read is a gap.
//
// Nothing below the paths is changed: files are opened for reading only, without moving their time of last access where
// the system allows that (O_NOATIME), nothing is renamed, no lock is taken. Symbolic links that lie below a path are not
// followed, nor are pipes and devices opened: who filled the directory must not choose what else is read. The bytes of a
// message are those of the file: line ends and the ">" before "From " in an mbox stay as they are.
//
// The life of a message: the listing of what was found is kept first (item "found" of the resource "import/…"), with type,
// size and time of each file. An mbox or an archive is then hashed as a whole and its description is kept with its SHA-256
// (item "origin/…"), before the first message is cut out of it; if on resuming it is not the same any more, that is a
// gap and nothing more is read of it. A file that holds one message is an exhibit as it is, its path, size and time among
// the attributes. One that changes while it is read is read once more, and then it is a gap.
//
// Resources: "import/<kind>:<path>" for listings and descriptions, "messages/<kind>:<path>" for the messages of one
// directory, mbox, archive or folder of a Maildir, "scripts/sieve:<path>", and "derived/<kind>:<path>" for copies whose
// escaping was taken off because the operator named the form (mboxo, mboxrd): these are marked, and are not what was
// received. Memory grows with the number of files in a directory (some 300 bytes each), never with their size or the
// number of messages in an mbox or an archive.
//
// The kind raw keeps any file as it is ("files/raw:<path>") and reads nothing in it; the kind attached does so with one file that
// somebody took to show what no program reads, for the row that Config.Attachment names, with what is said of it as attributes.
//
// Outlook's PST and OST files are not read: convert them first. Who reads from a server need not read on.
package files
