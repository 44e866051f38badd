// Package workspace collects from Google Workspace what Gmail and the Directory tell of an account: each answer as an
// exhibit, its bytes as received.
//
// It sends nothing but GET, and what asks for an access token; its transport refuses all else, so that nothing can be
// changed by mistake. A service account with domain-wide delegation speaks for the user to Gmail, and for an
// administrator to the Directory: by its key, or by a signature that Google makes for who may ask for it (signed.go). Or
// the user himself consents, to what is his own (consent.go); access.go is what these have in common. Each source asks
// for one scope, so that a scope that was not delegated costs the sources that need it and no other. All scopes are
// read-only but admin.directory.user.security, of which Google has no read-only form. Keys and tokens stay in memory, but
// for a TokenCache that the caller gives. Preflight asks each row's source once and says what stands in the way.
//
// The life of an answer: the sources that change or vanish first, a dozen, are asked side by side. A request that meets
// a quota, a busy server or a broken line is sent again with growing pauses, or after the time that the server names.
// What came is read whole, must be the JSON that was asked for, and is kept as it came. Lists are read page by page; a
// page that names itself or an earlier one as the next is a gap, and so is what a page that cannot be had leaves unread.
// An empty list is an exhibit too, and its row says so: nothing is taken for empty that no answer says is empty.
//
// What is refused is a gap that tells apart a scope that was not delegated, an API that is off, an administrator
// without the right, a user who is not there and a mailbox that Google does not open (suspended), with what to do about
// each. A user of whom the Directory says that he has no mailbox has rows that say "not offered".
//
// Resources (rows of the coverage ledger) are "gmail/…" and "directory/…", as listed in sources.go. The item of an
// exhibit is empty, and of gmail/smimeInfo the address. A list of several pages has items "ATTEMPT/PAGE" for all but the
// last one, so that a resumed collection knows whether a list is whole; one that is not is read anew, as the next attempt.
//
// Backup codes are passwords: of directory/verificationCodes the answer is not kept, but a description with their number
// and, where there are enough of them that nobody can guess, a salted digest.
//
// Not read are messages, drafts, history, logs (Reports, Alert Center), Cloud Identity, Drive and Calendar.
//
// Who wants another source, or only reads bundles, need not read on.
package workspace
