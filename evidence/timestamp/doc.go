// Package timestamp gets, makes and verifies RFC 3161 time-stamps: a third party's signature that some bytes existed at
// a time. It knows digests and .tsr files, and nothing of bundles.
//
// What is kept is the whole answer of the authority (the TimeStampResp, a .tsr file), never the bare token in it, so that
//
//	openssl ts -verify -data FILE -in FILE.tsr -CAfile ca.pem -attime SECONDS
//
// reads it. -attime, the time-stamp's own time in seconds since 1970, is needed once the authority's certificate has
// expired; Verify always checks the certificates as of that time.
//
// Verify reads the answer with encoding/asn1 and checks it with crypto/x509, and does not use the libraries that make
// queries and answers here (github.com/digitorus/timestamp and github.com/digitorus/pkcs7, at the versions in go.mod):
// they treat "granted with modifications" as a refusal, drop parse errors of the signed data, do not look at the content
// type, the certificate's purpose or the SigningCertificate attribute, pass an expired certificate, call every answer
// qualified that has any qcStatements extension, turn BER into DER at a cost that grows with the square of the nesting
// of a stranger's bytes, and do not know RSASSA-PSS.
//
// Answers in BER that is not DER are refused: RFC 3161 section 3.4 asks for DER.
//
// FetchRevocation gets, when a time-stamp is made, what the issuers say of its certificates (CRLs and OCSP responses);
// CheckCRL and CheckOCSP hold it against the time-stamp, years later too. Those use golang.org/x/crypto/ocsp.
//
// Authority is a time-stamping authority for machines without a network. It is not a third party, and says so in every
// certificate.
//
// Who only collects or reports need not read on.
package timestamp
