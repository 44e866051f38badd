// Package mailexport writes messages of a bundle as derived copies that mail programs open: a tree of .eml files, or one
// mbox. Derived copies are for reading. They are labelled so, with the bundle and the SHA-256 of each message, and are no
// evidence: that is the bundle, or a disclosure of it.
package mailexport
