// Package workspace collects from Google Workspace what Google's APIs tell of an account and of the organisation around
// it: each answer as an exhibit, its bytes as received.
//
// It sends nothing but GET, the POST that asks for an access token and the search of Drive's activity, which Google offers
// by POST only; its transport refuses all else, so that nothing can be changed by mistake. A service account with domain-wide delegation speaks for the user to Gmail, and for an
// administrator to the Directory. Each source asks for one scope, so that a scope that was not delegated costs the
// sources that need it and no other. All scopes are read-only but admin.directory.user.security, apps.groups.settings and
// apps.alerts, of which Google has no read-only form. Keys and tokens stay in memory.
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
// A collection is a list of stages (stages.go), each of sources that are asked side by side. A stage that is a fan-out asks
// about each thing that a list names: members of each group, access rules of each calendar. What a list named in an
// earlier run is read again, and not kept twice; a list of the tenant of which each account needs a part is read once for
// all accounts. A sweep is a fan-out over all users, asked for each user himself.
//
// Resources (rows of the coverage ledger) are named after the API and what is asked of it, as in docs/WORKSPACE.md. The item
// of an exhibit is empty, or of a fan-out the name of the thing. A list of several pages has items "ATTEMPT/PAGE" for all
// but the last one, so that a resumed collection knows whether a list is whole; one that is not is read anew, as the next
// attempt. What is of the whole tenant is under the account that TenantAccount gives.
//
// Exhibits with an attribute "derived" are of our own making: which users were made in the window, which answers of a
// sweep name an account, the list of what no API tells. Each says what it was made from, and points at it.
//
// Backup codes are passwords: of directory/verificationCodes the answer is not kept, but a description with their number
// and, where there are enough of them that nobody can guess, a salted digest.
//
// Not read are messages, drafts, history, and the logs of Reports.
//
// Who wants another source, or only reads bundles, need not read on.
package workspace
