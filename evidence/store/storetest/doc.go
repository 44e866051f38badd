// Package storetest holds every store to the promises of package store: Run is one suite for all of them. It also has
// Memory, a store for tests of other packages, which can be made to fail at a chosen object. Only tests import it.
package storetest
