// Package findings says what the facts of a case mean: which rules hold, for which account, by which exhibits, how much that is
// worth, and of which rules nobody can say whether they hold. It decides nothing: the level of an incident is made from
// findings elsewhere. Who writes rules reads findings/rules; who reads exhibits, findings/facts.
//
// Every rule has one of three states for every account: yes, it holds; no, all that it looks at was read and it does not;
// unknown, because something that it looks at was not collected, not offered, or cannot be read. What is unknown is never no.
//
// A finding keeps three things apart: what was observed (exhibit, place in it, fields), what that may mean, and what was not
// collected that could say otherwise. Its grade is that of its rule, raised by one where it is tied to a source that was new
// for the person, and to confirmed where a state and an event say the same. What the person recognises stays in
// the list and counts no more; what the person does not, counts more (Regrade).
package findings
