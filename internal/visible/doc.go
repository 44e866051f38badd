// Package visible makes hostile text safe to show: everything that comes out of a mailbox may try to move the cursor,
// recolour the screen, reverse the reading direction or hide characters. Who prints only text of our own need not
// read on.
package visible
