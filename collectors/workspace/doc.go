// Package workspace collects from Google Workspace what Google's APIs tell of an account and of the organisation around
// it: each answer as an exhibit, its bytes as received.
//
// It sends nothing but GET, what asks for an access token, and the search of Drive's activity, which Google offers by POST
// only; its transport refuses all else, so that nothing can be changed by mistake. A service account with domain-wide
// delegation speaks for the user to Gmail, and for an administrator to the Directory: by its key, or by a signature that
// Google makes for who may ask for it (signed.go). Or the user himself consents, to what is his own (consent.go);
// access.go is what these have in common. Each source asks for one scope, so that a scope that was not delegated costs the
// sources that need it and no other. All scopes are read-only but admin.directory.user.security, apps.groups.settings and
// apps.alerts, of which Google has no read-only form. Keys and tokens stay in memory, but for a TokenCache that the caller
// gives. Preflight asks each row's source once and says what stands in the way.
//
// The life of an answer: the sources that change or vanish first, a dozen, are asked side by side. A request that meets
// a quota, a busy server or a broken line is sent again with growing pauses, or after the time that the server names.
// What came is read whole, must be the JSON that was asked for, and is kept as it came. Lists are read page by page; a
// page that names itself or an earlier one as the next is a gap, and so is what a page that cannot be had leaves unread.
// An empty list is an exhibit too, and its row says so: nothing is taken for empty that no answer says is empty.
//
// Requests flow at the pace of Google's quotas, one bucket for each limit and those who share it (limiter.go, quota.go); limits
// that Google does not name are found while asking. Accounts are read side
// by side by one Collector, in parts where what vanishes first is to be sealed before the rest is read (parts.go); who there
// is to be read, the Directory says (accounts.go).
//
// What is refused is a gap that tells apart a scope that was not delegated, an API that is off, an administrator
// without the right, a user who is not there and a mailbox that Google does not open (suspended), with what to do about
// each. A user of whom the Directory says that he has no mailbox has rows that say "not offered". The answer that says no
// is an exhibit too, of "workspace/refusals" (refusals.go): five different ones of a row at the most.
//
// A collection is a list of stages (stages.go), each of sources that are asked side by side. A stage that is a fan-out asks
// about each thing that a list names: members of each group, access rules of each calendar. What a list named in an
// earlier run is read again, and not kept twice; a list of the tenant of which each account needs a part is read once for
// all accounts. A sweep is a fan-out over all users, asked for each user himself. What the first part of an account did not
// get, the second asks for again (parts.go). What is asked of a tenant is asked of the customer that the account belongs to
// (customer.go), and of each customer once.
//
// Resources (rows of the coverage ledger) are named after the API and what is asked of it, as in docs/WORKSPACE.md. The item
// of an exhibit is empty, of a fan-out the name of the thing, of gmail/messages, drafts and labelDetails the id. A list of
// several pages has items "ATTEMPT/PAGE" for all but the last one, so that a resumed collection knows whether a list is
// whole; one that is not is read anew, as the next attempt. What is of the whole tenant is under the account that
// TenantAccount gives.
//
// Exhibits with an attribute "derived" are of our own making: which users were made in the window, which answers of a
// sweep name an account, which holds of Vault are for it, the list of what no API tells. Each says what it was made from, and points at it.
//
// Logs are "reports/APPLICATION", of what an account did, and where others may have done something to it, of the whole tenant
// too (see Tenant and applications). A log is read in spans of time, side by side, each of them page by page from its newest
// activity on; a span of which much seems to be left is cut behind a page. The item of a page is its span's times and, but
// for the span's last page, the page's number: attributes of the same exhibit say how to go on behind it, so that a sink that
// can be read back (collectors.Recaller) is all that a later run needs. The window's end is taken once. Spans overlap at
// their edges; the attribute "activities" counts each activity for one of them. What cannot be read is a gap that names its
// times. Of several accounts, a span in which nobody of the customer has anything is asked for once, and the answer kept with
// each of them (lognobody.go). "reports-usage" has what Google counted day by day.
//
// With Config.Again the logs of an earlier bundle are read once more, and Compare puts into "reports-again" which activities
// came late and which are missing.
//
// Backup codes are passwords: of directory/verificationCodes the answer is not kept, but a description with their number
// and, where there are enough of them that nobody can guess, a salted digest.
//
// History is read right after the dozen, because Gmail forgets it after a week or sooner: from the oldest history id that
// it still answers, which is looked for (history.go). The row says from where on, and which id is gone.
//
// The life of a message (messages.go): messages.list is read to its end, its pages are exhibits, and of each id eight bytes
// are remembered; the sink hears how many there are; each is asked for by messages.get, in the format "metadata" or "raw",
// the newest first, some at once. The exhibit is the answer as it came, also of a whole message: the bytes of the message
// are the answer's "raw" with base64url undone, the attribute raw.sha256 is their digest, and package evidence/mailexport
// takes them out. A second exhibit of the same bytes would double what is kept and prove nothing more. An answer that no
// message can be read from is kept and leaves a gap with the item "ID/message"; a message that was listed and is gone
// (404) is a gap "vanished" with its id. After 30 in a row that are not to be had the rest is one gap. A collection that
// is taken up again reads the list again, and keeps of it the pages that name something which the sink lacks.
// threads.get is not used: it has no format "raw", one answer is several messages, which the ledger could not count one
// by one, and no page of Google's says that it gives the same messages as the list.
//
// Where the scope has an earlier bundle (since.go), messages that it holds are not asked for, and what became of them is an
// exhibit, derived from the list and from the history since then.
//
// Where messages are read over IMAP (Config.MessagesOverIMAP), their row says so; IMAPToken then logs in there.
//
// Who wants another source, or only reads bundles, need not read on.
package workspace
