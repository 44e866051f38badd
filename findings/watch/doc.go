// Package watch says of a line of an audit log whether the intruder may be behind it: after an account was taken back, its
// address, program or device shows elsewhere, or somebody nobody knows is at the account again.
//
// A List has what to look for (Indicator), each with the reason and where that came from, and the networks that the accounts'
// own users are known by (Survey tells them from a case's analysis). What is an indicator at all package report/handover
// decides. Match judges an Activity; Tried sums up which accounts the intruder tried, and whether he got in; Flood bounds how
// many lines are written of the same thing.
//
// Nothing here asks a network, a file or a clock. Who only reads bundles need not read on.
package watch
