// Package suspects says what of a case was the intruder's, and who is to be warned: the addresses, domains, applications and
// messages that findings name, and who got a fraudulent message. Reports and exports read the same List, so that they never
// disagree.
//
// A Builder is given the findings, the decision and then each fact once. Only what a finding names is an indicator: a source that
// was merely new is none. It is confirmed where a finding that names it is a ground on which the incident is confirmed, or where
// the person did not recognise that finding; else it is possible.
//
// Never an indicator, and listed with the reason in LeftOut: addresses and networks of the organisation, networks that its people
// used before the first suspect deed, what the person recognised, and addresses that the Internet does not route. What others
// share and what cannot be told apart from a person's own has a warning.
package suspects
