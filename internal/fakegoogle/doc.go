// Package fakegoogle is a Google Workspace tenant on the loopback interface that behaves like Google's where a mailbox
// auditor touches it, so that what reads and what contains can be tested over real HTTP without Google. Only tests and
// the demo import it; who works on neither need not read on.
//
// New makes a tenant of any size from a seed: the cast of a story (Victim is taken over on 12 October 2026, by the same
// story that seedmail.Compromised tells; others only look suspicious), and as many ordinary users as wanted, each of
// whom comes into being when he is first asked for. Start serves it; Server.Client reaches it under Google's own host
// names and Server.KeyFile is a service account key for it, so that a program under test needs nothing but another
// HTTP client. Requests is what was asked of it, Fail makes things go wrong, State and the other accessors are the
// truth to compare with.
//
// Routes, parameters, request bodies and scopes are those of Google's discovery documents: discovery.json is taken from
// them, and the tests hold it and every answer to the documents in the module cache. What no document says is written
// by hand, from Google's help pages (support.google.com/a/answer/2984349 on suspending, 6328616 on passwords and grants,
// 9565376 on signing out), the quota pages of the APIs and what people report:
//
//   - Tokens come from JWT assertions of the service account, for one subject and for delegated scopes, for an hour.
//   - They come too from what stands for other credentials (credentials.go): a signature by signJwt, a workload identity
//     pool, a metadata server, the login of gcloud, and a page where a user consents as SetConsent says.
//   - Gmail answers for the subject alone, Directory and Reports for administrators alone.
//   - Suspended users have no Gmail (400 failedPrecondition), cannot be signed out, and their backup codes and second
//     steps cannot be removed; tokens and app passwords can. Who was suspended by Google stays so (412).
//   - A new password ends the grants that have mail scopes, and nothing else: not sessions, not app passwords, not
//     other grants. Google's pages do not agree on app passwords; here they stay, which is the worse case.
//   - While a session of the intruder lives he consents again after his grant is deleted. signOut ends it. With
//     Config.Intruder he comes back for his filters, forwarding, delegate, app password, second step and recovery
//     address too, and signs in again while a password, a recovery address or an identity provider lets him. What Google
//     logs of that is logged. IntruderAccess and IntruderLeft say what is left of him.
//   - Turning two steps off removes all of them, and fails where they are enforced or absent, and for users in Advanced
//     Protection. Nobody can suspend or delete himself. Who is deleted can be brought back for 20 days.
//   - Forwarding goes to verified addresses only; deleting an address ends auto-forwarding to it, not filters.
//   - Activities show after a lag, newest first; one in a hundred is hours late, and is then among those that a reader
//     of pages has passed. They go after 180 days (gmail: 30). Creating filters and delegates leaves no line.
//   - All 42 applications of the Reports API have activities. Several may have the same time, and some the same time and
//     qualifier; every activity of user_accounts stands in login too; machines and the people at Google have no address.
//   - History records go after a week: an older startHistoryId is 404.
//   - Quotas are counted as each API counts them, by the minute, the second or the day, for a user or for the project, in
//     calls or in units, and refused as each API refuses: Gmail and Directory with 403, Reports and Alert Center with 503,
//     others with 429. Quotas has Gmail's other ways to refuse, and Retry-After. activities.list has a quota of its own
//     where it asks for a user.
//   - What the edition does not include (Config.Unlicensed), an API that is not enabled, a role without the privilege and
//     a scope that is not delegated are each refused in their own way. How Google refuses the log of an edition that
//     has none is not documented: it is taken for 401 as to whoever may not read logs, and Denial says otherwise.
//
// A parameter that the tenant cannot honour is refused with 501, never ignored. A path that no method served here has
// is 404 in HTML, as at Google, and stands in Requests without a method.
//
//	tenant := fakegoogle.New(fakegoogle.Config{Users: 2000})
//	server := tenant.Start(t)
//	key, err := server.KeyFile(server.URL) // for google.JWTConfigFromJSON
//	client := server.Client()              // as oauth2.HTTPClient in the context
//	tenant.Fail(fakegoogle.Fault{Method: "reports.activities.list", Path: "/login$", Page: 3, Times: 2, Status: 503})
//
// # Benchmarks
//
// With Config.Volume every user does so many things a day in each application; a day is made when a page asks for it,
// equal for equal seeds, and forgotten when some hundred thousand activities are kept. Held says what a reader of
// everything should get, user by user and application by application, and Served what was sent. Quotas go by the
// tenant's clock: with Config.Now nil that is one that runs, and Quotas.Minute shortens the minute, so that a run that
// would take an hour takes three minutes with the same refusals. LowerBound is the time that the quotas alone cost the
// requests of a run (Bounds has each quota's); what a reader took beyond that is his own. BenchmarkSmall and
// BenchmarkVolume measure what the tenant can do itself, read by somebody who does nothing with it.
package fakegoogle
