// Package collectors says what a collector promises: it reads one kind of mail system into a sink, changes nothing
// there, and names what it could not read. collectors/collectortest holds implementations to that.
//
// Who only reads bundles need not read on: what is written is described in package evidence.
package collectors
