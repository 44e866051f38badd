// Package googlelog reads Google Workspace audit logs that were exported: activities as the Reports API gives them, one
// after the other, in an array, or in pages of activities.list; rows of the BigQuery export; CSV of the Admin console and of
// GAM. It promises that memory does not grow with the file, that every event of an activity is there and not only the first,
// that nothing of a record is lost between its fields, and that each record which cannot be read is told with its place and
// the reason. It opens nothing and knows of no mailbox; who does not read such logs need not read on.
//
// Forms of JSON are told by what comes, not by a file's name, and may be mixed: every object with an array "items" is a page,
// whose items are read one by one, every other one a record. A record is bounded by Options.MaxRecord. Where a line breaks
// off in the middle of a record (a download that was cut and went on with the next line), reading goes on with the next
// line.
//
// Offsets are those of the text after decompression and, where it is UTF-16, after conversion to UTF-8; a byte order mark
// counts.
package googlelog
