// Package facts turns the exhibits of sealed bundles into facts: flat, typed statements, each of which says which exhibit
// it was read from and where in it. What reads mail, sessions or rules in exhibits builds on facts and never on the forms
// of the sources; who only collects need not read on.
//
// # A fact
//
// Kind says what it is about (Kinds lists them all), Fields have lower-case names with dots: a text, a number, true or
// false, or a list of texts. Times are UTC; Zone is what the source wrote. A fact without a time is a state: the source
// tells that it is so, and not since when. Collected is when it was read.
//
// Google's things keep Google's names in lower case (emailaddress, isenrolledin2sv, email_forwarding_destination_address).
// Names of our own are derived in Go and documented in fields.go.
//
// # What is promised
//
// An exhibit of a known form that cannot be read gives a fact of the kind "unreadable" with the reason, and so does a part of
// one; Coverage counts it, so that no rule takes it for emptiness. An exhibit of no known form gives no fact; what
// the collectors wrote about a collection (listings, examinations, protocol answers) is such.
//
// All goes through the bundles once, spills what it reads in sorted runs into a temporary file, and gives the facts back in the
// order of their times, states first. Fields that need to know of others (first seen, sessions, duplicates, habits) are
// made on that way: they know the past of an account and never its future, so that an intruder's deeds do not become
// habits in the judgement of what he did before. Memory grows with the number of distinct sources of sign-ins and of
// Message-IDs (8 bytes each), of settings and of account numbers, and with the first 100,000 subjects, all bounded, and not with the number of events or messages.
//
// # Duplicates
//
// An event that is there already, from the same customer, time, qualifier, actor and with the same name, is a fact too,
// with the field duplicate and the place of the first one in duplicate_of: Google writes every event of user_accounts
// into login once more, and bundles overlap. Rules pass over duplicates. The qualifier alone does not tell events apart.
//
// # Bundles of one account
//
// Settings that two bundles of an account read as a whole are compared: what came and what went is a fact (setting_change) with both
// exhibits, dated between the two. Events that the collections of the case left in Google's logs themselves, known by the
// OAuth client that exhibits name, are facts with own_trace, and rules pass over them.
//
// # Whole tenants
//
// What is of a whole tenant is under "@" and a domain; Coverage.Concerns says for which accounts it holds (tenants.go). An event that
// names several accounts is a fact of each. What cannot be read of a bundle as such is in Coverage.Unread, and whatever was not
// found of its accounts is unknown then.
//
// # What is left out
//
// Of messages that are marked personal the subject, names and names of attachments are left out; personal is true. Bodies are
// read only with Options.Content, of those messages never, and of what they hold account numbers, topics, digests of
// attachments and counts are told, of sent ones where their links lead, no words. Passwords and backup codes are in no exhibit, and so in no fact.
package facts
