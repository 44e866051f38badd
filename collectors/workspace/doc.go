// Package workspace collects from Google Workspace what Gmail, the Directory and the logs of the Reports API tell of an account: each answer as an
// exhibit, its bytes as received.
//
// It sends nothing but GET, and the POST that asks for an access token; its transport refuses all else, so that nothing
// can be changed by mistake. A service account with domain-wide delegation speaks for the user to Gmail, and for an
// administrator to the Directory. Each source asks for one scope, so that a scope that was not delegated costs the
// sources that need it and no other. All scopes are read-only but admin.directory.user.security, of which Google has no
// read-only form. Keys and tokens stay in memory.
//
// The life of an answer: the sources that change or vanish first, a dozen, are asked side by side. A request that meets
// a quota, a busy server or a broken line is sent again with growing pauses, or after the time that the server names.
// What came is read whole, must be the JSON that was asked for, and is kept as it came. Lists are read page by page; a
// page that names itself or an earlier one as the next is a gap, and so is what a page that cannot be had leaves unread.
// An empty list is an exhibit too, and its row says so: nothing is taken for empty that no answer says is empty.
//
// Requests flow at the pace of Google's quotas, one bucket for each API and user (limiter.go, quota.go). Accounts are read side
// by side by one Collector, in parts where what vanishes first is to be sealed before the rest is read (parts.go); who there
// is to be read, the Directory says (accounts.go).
//
// What is refused is a gap that tells apart a scope that was not delegated, an API that is off, an administrator
// without the right, a user who is not there and a mailbox that Google does not open (suspended), with what to do about
// each. A user of whom the Directory says that he has no mailbox has rows that say "not offered".
//
// Resources (rows of the coverage ledger) are "gmail/…" and "directory/…", as listed in sources.go. The item of an
// exhibit is empty, and of gmail/smimeInfo the address. A list of several pages has items "ATTEMPT/PAGE" for all but the
// last one, so that a resumed collection knows whether a list is whole; one that is not is read anew, as the next attempt.
//
// Logs are "reports/APPLICATION", of what an account did, and where others may have done something to it, of the whole tenant
// too (see Tenant and applications). A log is read in spans of time, side by side, each of them page by page from its newest
// activity on; a span of which much seems to be left is cut behind a page. The item of a page is its span's times and, but
// for the span's last page, the page's number: attributes of the same exhibit say how to go on behind it, so that a sink that
// can be read back (collectors.Recaller) is all that a later run needs. The window's end is taken once. Spans overlap at
// their edges; the attribute "activities" counts each activity for one of them. What cannot be read is a gap that names its
// times. "reports-usage" has what Google counted day by day.
//
// With Config.Again the logs of an earlier bundle are read once more, and Compare puts into "reports-again" which activities
// came late and which are missing.
//
// Backup codes are passwords: of directory/verificationCodes the answer is not kept, but a description with their number
// and, where there are enough of them that nobody can guess, a salted digest.
//
// Not read are messages, drafts, history, alerts, Cloud Identity, Drive and Calendar.
//
// Who wants another source, or only reads bundles, need not read on.
package workspace
