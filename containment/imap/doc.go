// Package imap takes an account of an IMAP server back, as far as its owner, a master user and doveadm's HTTP API may:
// [Client.Plan] looks and proposes, the actions of [Client.Actions] are what package containment applies, verifies and
// undoes. For everything else [NewRunbook] writes what a person does by hand, in the words of the server that was found.
//
// What it can change is this and no more: which Sieve script runs (SETACTIVE; PUTSCRIPT only to put a saved script back under
// a free name), entries of access control lists (SETACL, DELETEACL), sessions and the cache of logins (doveadm's kick and
// authCacheFlush), one new folder (CREATE), and in which folder a message lies (UID MOVE). DELETE, EXPUNGE, STORE and
// DELETESCRIPT are sent by nothing here, so that no mail, no flag and no script can be lost.
//
// The caller gives connections that are logged in; how, and with which secret, is not known here. A client that plans has
// connections that refuse to send anything but reads.
//
// Names of folders, scripts and identifiers are kept as the server has them, in quotes and in ASCII ([Quoted]): they may hold
// any bytes, and stand in files and on screens.
//
// Nothing here knows a bundle or a terminal, and nothing is shared with what collects but the protocols' readers.
package imap
