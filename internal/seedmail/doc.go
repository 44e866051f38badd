// Package seedmail makes realistic mailboxes for tests, benchmarks and the demo: MIME trees, Received chains, threads,
// attachments, 8-bit and broken headers, empty and very large messages, odd folder names, flags and duplicates. The same
// Spec gives the same bytes on every machine and in every release, and messages are made one at a time, so that a
// mailbox of any size needs no memory to speak of.
//
// All names are fictitious: addresses end in .example or .test (RFC 2606) and IP addresses are those reserved for
// documentation (RFC 5737, RFC 3849). No part of the product but the demo uses this package; who does not write tests
// need not read on.
package seedmail
