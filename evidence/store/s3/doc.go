// Package s3 is a store in a bucket of an S3 service, with every object locked (Object Lock, COMPLIANCE) until a date
// that the caller gives: nobody can remove or replace the evidence before, not even who collected it.
//
// # Life of an object
//
// Create sends the bytes in a single PUT, never as a multipart upload, whose SHA-256 would be a hash of hashes. The
// request names the SHA-256 of the body twice: signed with the request (x-amz-content-sha256), so that also a service
// that knows no checksums refuses other bytes, and as the object's checksum (x-amz-checksum-sha256), which the service
// keeps and tells again. "If-None-Match: *" refuses a taken name; mode and retain-until date lock the object in the
// same request, since a bucket's default retention is not stamped on objects by every service. Then a HEAD has to
// name the same size, SHA-256, mode and at least the date that was asked; a service that tells no checksum is made to
// send the object back, which is hashed.
//
// Every request that a broken connection or an overloaded service leaves in doubt is tried again a few times, if the
// body can be read again. An upload carries a random word in its metadata, by which Create knows its own object when
// the answer to a first try was lost.
//
// # Reading
//
// A connection that breaks while an object is read is taken up again by Range where it stood, with the ETag and the version
// of the first answer: what is read is one version, or an error says that it was replaced.
//
// # What it does not promise
//
// A service that ignores If-None-Match (Ceph Pacific does) lets a second writer put a newer version on top; the older
// one stays locked, and Versions shows both. A plain DELETE hides an object behind a delete marker, which locks allow;
// Versions shows that too. Give the collector a key without s3:DeleteObject.
//
// # Rights that the key needs
//
// s3:PutObject and s3:PutObjectRetention to write; s3:GetObject and s3:GetObjectRetention to check what was written;
// s3:GetBucketObjectLockConfiguration to learn beforehand whether the bucket locks; s3:ListBucket to list. Versions also
// asks with s3:ListBucketVersions, s3:GetObjectVersion and s3:GetObjectLegalHold; SetLegalHold needs
// s3:PutObjectLegalHold. A key with only the first two works with Config.UnknownLock, and then what could not be read is not checked.
package s3
