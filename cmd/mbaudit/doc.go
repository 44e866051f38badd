// Command mbaudit preserves what a mail system can tell about an account, seals it so that a stranger can verify it, and
// keeps the logbook of the incident. This package reads flags and environment, wires the other packages together, prints,
// and picks the exit status; what it wires is described there.
package main
