// Package handover gives what a case has found to other people's tools: a timeline for Timesketch and DFIR-IRIS, indicators
// for STIX 2.1, MISP, Sigma and Suricata, tables for spreadsheets, and whom to warn, with a letter. Who wants to read a
// case as a person reads package report.
//
// Build makes one Handover of the analysis; For gives the part that an audience may have, by the table of package report;
// Formats render it to files in memory. Nothing is written to disk, sent, or looked up here.
//
// # What is an indicator
//
// Package findings/suspects judges that, for this package and for reports: only what a finding names, confirmed or possible, and
// what is none with the reason. No format sets an alarm on what others share.
//
// All of it is for detection. Blocking a source tells the intruder, and hides which other accounts he tries.
//
// # Hostile text
//
// Addresses and Message-IDs that are not plain are left out. JSON and YAML are written by encoders; in CSV no cell is a
// formula; Suricata and STIX patterns get their own escapes; texts for people pass through internal/visible, and what could
// be followed in a letter is defanged.
package handover
