// Package probe tries what a store in S3 says of itself: whether a taken name is refused, other bytes are refused, and a
// locked object stays whatever is tried against it. It writes at most twenty objects of a few bytes below
// PREFIX/mbaudit-probe-RANDOM/, locked for a minute at the most, attacks them with the rights that the key has, and
// removes what it may remove.
//
// # Three answers
//
// Each check is answered by Yes, No or Unknown. Unknown is what the key may not do or ask, and every refusal that may
// have another reason than the one that is looked for: that a locked version is not deleted shows nothing when the key
// may not delete at all. So before a refusal counts as the lock's, the service has to name the lock, or the same key has
// to succeed at the same request where no lock is in the way.
//
// # What it does not show
//
// All is tried over the network, with one key. Who has the disks of the service, or may delete the account that the
// bucket belongs to, is not kept from anything by Object Lock. A check that is right today says nothing of the service's
// next version: probe again before an incident, and with each collection (mbaudit collect --probe).
//
// Who only stores objects need not read on.
package probe
