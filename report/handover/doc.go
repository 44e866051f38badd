// Package handover gives what a case has found to other people's tools: a timeline for Timesketch and DFIR-IRIS, indicators
// for STIX 2.1, MISP, Sigma and Suricata, tables for spreadsheets, and whom to warn, with a letter. Who wants to read a
// case as a person reads package report.
//
// Build makes one Handover of the analysis; For gives the part that an audience may have, by the table of package report;
// Formats render it to files in memory. Nothing is written to disk, sent, or looked up here.
//
// # What is an indicator
//
// Only what a finding names is one: a source that was merely new is none. It is confirmed where a finding that names it is a
// ground on which the incident is confirmed, or where the person did not recognise that finding; else it is possible, and
// every format keeps the two apart. Each says why: findings, rules, exhibits, confidence, first and last seen.
//
// Never given as an indicator, and listed with the reason in LeftOut: addresses and networks of the organisation, networks
// that its people used before the first suspect deed, what the person recognised, and addresses that the Internet does not
// route. What others share (the mail servers and relays of large providers, programs that many use) and what cannot be
// told apart from a person's own is given with a warning, and no format sets an alarm on it.
//
// All of it is for detection. Blocking a source tells the intruder, and hides which other accounts he tries.
//
// # Hostile text
//
// Addresses and Message-IDs that are not plain are left out. JSON and YAML are written by encoders; in CSV no cell is a
// formula; Suricata and STIX patterns get their own escapes; texts for people pass through internal/visible, and what could
// be followed in a letter is defanged.
package handover
