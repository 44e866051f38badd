// Package selection says which exhibits of a bundle are meant: by number, by folder, day, sender, kind or account, and
// which of them are marked personal by whoever wrote or filed them. What is disclosed, shown and exported is chosen
// here, by one rule. It proves nothing. The headers of strange messages are read by internal/mailheader, which survives
// whatever they hold.
package selection
