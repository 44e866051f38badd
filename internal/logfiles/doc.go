// Package logfiles finds log files that somebody handed over and reads them from the first to the last byte, decompressed
// within bounds and hashed as they are. It promises that nothing at the source changes (files are opened for reading only,
// without touching their access time where the system allows it, and never waited for), that no link found in a directory or
// by a pattern leads out of it, and that a file which is shorter than it was, or unpacks without bounds, is an error. Who
// does not write a collector of files need not read on.
package logfiles
