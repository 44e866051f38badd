// Package imap collects from IMAP servers: what a server says of itself and of an account, and the messages, all as
// the server sent it.
//
// It opens folders with EXAMINE, fetches with PEEK and sends nothing that package imapwire does not know to be
// read-only, so that flags, \Recent, UIDNEXT and MODSEQ stay as they are. What a server does not offer is written as
// not offered, what it refuses is a gap with the server's words, and one odd message or response never ends a
// collection. A lost connection is taken up again at the messages that are missing.
//
// The life of a message: EXAMINE says how many there are and under which UIDVALIDITY; UID SEARCH names them and the
// sink hears how many to expect; UID FETCH asks for some thousand at once, the next such command under way before the
// answer to the last is complete; each body goes from the connection's buffer to the sink. What was asked for and did
// not come is asked for once more by itself, and then it is a gap. A second EXAMINE says whether the folder changed
// meanwhile.
//
// Sieve scripts are read over ManageSieve (package managesieve) with the same login, before the folders, each script
// active or not. Whatever goes wrong with that is a gap or a "not offered" of the row "sieve", which is always there, and
// never ends the collection.
//
// What goes wrong: a connection that is lost is opened again with growing pauses, a server that is busy is waited for
// as long as it says, and both have an end; a password that was refused is never sent again. faulttable_test.go is the
// table of misbehaviour and of what the sealed bundle then says. Before the first folder is opened all are announced to
// the sink, so that a collection that ends early does not read as complete.
//
// Resources (rows of the coverage ledger): "greeting", "tls", "capability", "id", "namespace", "list", "lsub",
// "status", "mailboxes", "acl", "metadata", "quota", "examine", and "messages/<folder>" for each folder. Messages have the
// item "<UIDVALIDITY>/<UID>".
// Of Sieve: "sieve" (an exhibit for each script; the attribute "active" says whether it is the one at work), "sieve-list"
// (LISTSCRIPTS before and after), "sieve-session" (capabilities before and after encryption and login), "sieve-tls".
//
// Rights and settings ("mailboxes", "acl", "metadata", "quota") are read before the messages and of all mailboxes. A
// kind of settings has two exhibits, whatever the number of mailboxes: "answers", all that the server sent to the
// commands of that kind, as received, and "settings", a document of package evidence/settings that is read from it
// and says for each command which bytes are its answer. Commands are pipelined; an answer counts for the mailbox that
// it names, not for the place in which it came.
//
// Who wants another source, or only reads bundles, need not read on.
package imap
