// Package store keeps sealed objects under names, write-once: what is there is never replaced and never removed
// through this package. A store knows names and bytes and nothing of evidence.
//
// A Store promises three things of Create, whatever its kind:
//
//   - a taken name is refused, with an error that wraps fs.ErrExist, and what was there stays as it was, also when
//     several writers race for one name: exactly one of them wins;
//   - what is kept has the size and the SHA-256 that the caller named; else the name stays free, or the error says
//     that it did not;
//   - when Create returns nil the object is as durable as that store makes things: fsynced to the disk, or
//     acknowledged by the server and asked for again.
//
// Abilities that not every store has are interfaces of their own, found by assertion: Stater, Locker, LockPolicy,
// Versioner, VersionReader, LockChanger and Clock. A store without Locker cannot keep anyone who reaches its disk from removing objects, and its
// String says so.
//
// Stores: dir (a directory), s3 (S3 with Object Lock); package storetest holds every one of them to these promises.
// What a service says of itself is a claim; package probe tries it.
// Who only verifies a bundle needs Open and List and may stop here.
package store
