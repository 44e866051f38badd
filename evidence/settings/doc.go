// Package settings describes the rights and settings of an account as documents: who may do what in which mailbox,
// what the account may do in mailboxes of others, annotations, quota, the list of mailboxes. A collector writes such a
// document beside the answers that it was read from; each statement names the bytes of the answer that it comes from.
// The answers are the evidence, the document is a reading of them.
//
// A document never says more than was read: null stands for what is not known (a refusal, a lost connection, which is a
// gap of the bundle too) and an empty list for a server that said that there is nothing. [Compare] says in words what
// became different between two documents, and only where both know; [Document.Sentences] says in words what is in one.
// Names and values in them are a stranger's: whoever prints them makes them visible first.
//
// Who only collects messages need not read on.
package settings
