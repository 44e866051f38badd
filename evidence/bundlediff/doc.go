// Package bundlediff compares two bundles of one account: which settings were added, removed or changed, which folders
// and messages appeared, vanished, moved or were re-flagged in between. Rights, annotations and quota are compared by
// what they mean and told in words (package evidence/settings), other settings line by line. It says that something
// vanished only where both bundles read that folder completely; where not, it says that it does not know. It reads lines
// and small bodies and verifies nothing: that is for mbaudit verify.
//
// Memory: 40 bytes for each message of each bundle, and up to twice that while lists grow: two bundles of a million
// messages take 80 to 160 MB.
package bundlediff
