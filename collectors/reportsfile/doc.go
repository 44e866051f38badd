// Package reportsfile collects Google Workspace audit logs that somebody else exported (an administrator from the console, GAM,
// a script, BigQuery) from files that the operator has: one file, the files of a directory, or those that a pattern matches;
// plain, in a zip, or compressed by gzip, bzip2, xz or zstd. What is read in them, and in which forms, package googlelog
// says. Files are opened for reading only and, where the system allows it, without touching their access time. Whoever reads the
// logs from Google itself need not read on.
//
// Resources (rows of the coverage ledger), each with the path that was asked for behind the colon, items are paths:
//
//	reports:PATH          the files, byte for byte as they were found, compressed ones too
//	report-events:PATH    derived: the events in each file, JSON Lines, one line for each event of each activity
//	report-summary:PATH   derived: of each file, how many records and events there are, from when to when, of which
//	                      applications, what was not read and why
//
// # Events
//
// A line has the path ("source", and "member" of a zip), the offset of its record in the text after decompression (of UTF-16:
// after conversion to UTF-8), the record's number, of a table its row, and which of the activity's events it is ("event" of
// "events"), so that each can be held against the exhibit. "time" is UTC; "time_text" and "zone" are what the source wrote where
// that is something else, and "inferred" says what of the time is not the source's own. A time whose zone nobody knows is
// written without one. "parameters" has Google's parameters by name: "value" as a string, intValue as a number, boolValue as
// true or false, multiValue as an array, messageValue as an object; those that have no name, several values, or a name that
// was there already are in "parameters_odd" as they came. Fields of the activity without a place of their own are in "other",
// those of the event in "event_other".
//
// "about" says which of Config.Accounts the event concerns: as "actor" (its address), as "target" (its address is a parameter's
// or a resource's value), or because it is "mentioned" in a longer text; "own_domain" that the actor is another of the same
// domain. What an address that the account had earlier did is not told here: join on actor_profile_id.
//
// # Duplicates
//
// Exports overlap. An event that was in this collection already is marked "duplicate":"event" (same customer, application,
// time, qualifier, actor, name and parameters; within an activity the same thing may stand twice) and, where there is no
// qualifier, as in the console's tables, "duplicate":"identical", which may also be two events in one second. None is
// left out. The same event in another form (table and JSON) or in another application (user_accounts in login) is not marked.
// After 8 million events no new ones are remembered, and the summary says so.
//
// # Derived exhibits
//
// Events could be made again from the files, by whoever has this program. They are in the bundle nevertheless: signed and
// timestamped with the files, they show what this version read in them, to readers without it. They are named as derived by
// the attributes "derived" and "derived-from" and have the digest of what they were made from in "source-sha256".
//
// # Limits
//
// A record has 16 MiB at the most, a table's row one; an activity 10,000 events. Texts such as addresses are cut at 4096
// bytes, with "cut":true. What an activity says of all its events is repeated on each line as long as the lines
// together do not exceed four times the record and a MiB; further lines have "context":"first event". Memory does not grow with
// the file but for 8 to 24 bytes for each event, to know duplicates by.
//
// # Gaps
//
// What is not a regular file, cannot be opened, is a link that leads out of the directory, changes while it is read, ends broken,
// unpacks beyond the limits, or is in no form that is known. Records that cannot be read are one gap for each file, with
// how many there are for which reason and where the first one is. An activities.list page that announces another one, where
// none comes behind it, is a gap: the file says that there is more. If nothing at all matches, Collect returns an error
// that wraps ErrNothing.
package reportsfile
