// Package collectortest holds collectors to what package collectors promises: the source is the same afterwards, every
// message comes exactly once and unchanged, what cannot be read is a gap and not silence, an interrupted collection
// says so, and taking it up again repeats nothing. Each collector's tests call Run with a source that they can break.
//
// Who does not write a collector need not read on.
package collectortest
