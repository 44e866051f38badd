// Package selection says which exhibits of a bundle are meant: by number, by folder, day, sender, kind or account, and
// which of them are marked personal by whoever wrote or filed them. What is disclosed, shown and exported is chosen
// here, by one rule. It reads the headers of strange messages and survives whatever they hold; it proves nothing.
package selection
