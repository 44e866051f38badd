// Package decision makes one decision of the findings of a case: how bad it is, by which rule, and what nobody knows yet. It
// reads no bundle and asks no server: it takes what findings gives, the facts as they pass by, what people answered and
// what the case says, and returns a Decision, which is decision.json. Who prints it needs decision.go and nothing else.
//
// # The four axes
//
// Confirmation, scope, impact and urgency are sets of grounds. A ground is a finding, a fact or somebody's answer, with its
// exhibits, how strong it is, and what would refute it. An axis has two values: what is established by grounds that
// hold, and what is possible if every unknown and every gap is taken unfavourably. There is no sum of points.
//
// # The rules
//
//	R1  confirmed, and scope, impact and urgency all 2 or more: cyber crisis
//	R2  confirmed, and scope or impact 2 or more, or urgency 3, or a sensitive account: major incident
//	R3  confirmed: minor incident
//	R4  suspected: the same test, one level lower for what is established, unchanged for what is possible
//	R5  else routine anomaly; password, second factor and sessions are renewed all the same
//
// The first one that holds wins. A log that is missing never lowers a level: what is possible is at least what is
// established, and what was not collected raises what is possible.
//
// # What people say
//
// What is recognised stays in the list, struck, and counts no more. What is not recognised counts more (findings.Regrade). A
// level that a person sets instead stands beside the computed one, with name and reason.
package decision
