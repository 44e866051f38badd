// Package sleep waits. It promises that a wait ends with its context; who never waits need not read on.
package sleep
