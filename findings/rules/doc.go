// Package rules holds the rules by which facts become findings, as data: Sigma rules (see findings/sigma) in the *.yml files
// beside this one, with a block mbaudit that says what a hit means and asks, and tests. Who writes a rule needs this comment and
// findings/facts/fields.go.
//
//	title: Mail is forwarded to a stranger           in English; the French one is mbaudit.fr.title
//	id: …                                            a UUID, never changed
//	name: forwarding-external                        what people and other rules call it, never changed
//	tags: [attack.t1114.003]                         ATT&CK techniques, of the version in attack.yml
//	logsource: {product: mbaudit, category: KIND, service: LOG}   a kind of facts; of audit events the log
//	detection: …
//	level: high
//	mbaudit:
//	  class: forwarding      what sort of thing it shows: Classes
//	  grade: probable        probable, check or context, before anything is joined; none for a rule that only serves others
//	  strength: strong       strong, medium or weak, for the decision
//	  subject: [target]      the fields that tell one finding from another; without, one finding for each account
//	  pair: forwarding       findings of a state and of an event with the same pair and the same subject confirm each other
//	  needs: [baseline]      baseline: enough past sign-ins; meaning: mail rules that were understood; sent: the sent
//	                         messages; content: the text of messages; two: two collections of the account
//	  fr: {title: …, means: …, question: …}
//	  en: {means: …, question: …}
//	tests:
//	  - {name: …, expect: true, fact: {enabled: true, target.external: true}}
//	  - {name: …, expect: false, fact: …}
//
// means says what a hit may mean, and what else it may be. A correlation has no logsource of its own and its tests have a list
// facts, each with the logsource in the fields kind and service, and a time. What is missing where the rule cannot be evaluated stands
// in sources.yml, once for each kind of facts, unless the rule has its own gap.
//
// A rule that lacks a text, a class, or a test of either sort is refused when the rules are loaded, and so is one whose
// tests do not give what they expect when the tests run.
package rules
