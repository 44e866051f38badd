// Package journal is the case's logbook (main courante): what happened, who said so, what was decided and done, in a
// file that only grows and in which nothing can be changed, removed or inserted unnoticed.
//
// # The file
//
// One line is one entry: a JSON object in UTF-8, ended by LF, with its fields in this order and empty ones left out:
//
//	v                  1
//	seq                1, 2, 3 … without a gap; equal to the line's number
//	prev               SHA-256 of the previous line including its LF, 64 hexadecimal digits; 64 zeros in the first line
//	recorded_time      when the entry was written, by this machine's clock: UTC, milliseconds
//	event_time         when it happened: RFC 3339 with offset
//	event_precision    "minute", "hour" or "day" when event_time is no finer than that
//	event_approximate  true for "around that time"
//	clock_offset       how far this machine's clock is from a reference, as it was last measured
//	informant          the person or service who detected or informed
//	recorder           who wrote the entry
//	type               detection, information, decision, action, collection, communication, cost, error or correction
//	auto               true when the program wrote it by itself
//	description        what happened
//	account            the mailbox or other asset that it is about
//	evidence           numbers of exhibits
//	corrects           the seq that a correction corrects; the corrected line stays as it is
//	outcome_of         the seq of the entry that announced what this one concludes
//	action_state       planned, started, done, verified or failed
//	decision_by        who decided
//	result             what came of it
//	cost               as text, for the insurer
//	confidentiality    as text
//	ref                other values by name, for machines: a bundle's id, a SHA-256
//
// Strings are kept as they were given, hostile ones too: who shows them passes them through internal/visible.
//
// # What the chain proves
//
// Whoever changes, removes, inserts or reorders lines must rewrite every line after that place, and so changes the last
// line's SHA-256, the head. The chain by itself cannot show that the last lines are missing or that all of it was
// written anew: for that the head must be known outside the file, read out by telephone, written on paper, timestamped.
// VerifyScript checks the chain with sh and sha256sum only.
//
// # The contract of a change
//
// What changes something outside is written down before it is done: Begin returns only after the entry is on the disk,
// and who gets an error from it does not act. An announced step without an outcome is one during which the program died.
//
// Who only reads bundles need not read on.
package journal
