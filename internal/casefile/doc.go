// Package casefile reads and writes a case directory: case.yaml, the journal beside it, the bundles below it. Who only
// reads bundles need not read on: a bundle stands on its own.
package casefile
