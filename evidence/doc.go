// Package evidence writes, resumes, reads and verifies bundles: sealed BagIt bags (RFC 8493) of exhibits and gaps. This
// comment is the format's specification; who only collects, or only reads reports, need not read on.
//
// # What is in a bundle
//
//	bagit.txt bag-info.txt             BagIt 1.0; bag-info.txt names no person and no account
//	manifest-sha256.txt                SHA-256 of every file below data/
//	tagmanifest-sha256.txt             SHA-256 of every other file but itself and those in sig/: this file is what is
//	                                   signed and timestamped, and its own SHA-256 stands for the whole bundle
//	opening.json                       type Opening: what was set out to be done, written before the first byte was read
//	acquisition.json                   type Acquisition: what was done; its coverage is data/logs/coverage.tsv again
//	checkpoint                         C2SP tlog-checkpoint, signed: size and root of the tree over all index lines
//	VERIFY.txt LISEZMOI.txt verify.sh  how to verify it without mbaudit
//	data/segments/000001.zip           bodies of exhibits, as received
//	data/index/000001.jsonl            one line for each exhibit and gap, in the order in which they were kept
//	data/logs/coverage.tsv             what was asked, got and not got, by account and resource
//	data/logs/exceptions.tsv           every gap
//	data/logs/acquisition.log          time, event and text of each step of each run
//	data/journal/journal.jsonl         the case's journal up to the sealing
//	seals/000001.json                  type Seal: digests of one segment's files, the tree after it, the seal before it
//	sig/                               what certifies tagmanifest-sha256.txt: its SSH signature, the key, the checkpoint's
//	                                   verifier key, and time-stamps: NAME.AUTHORITY.tsr is the whole TimeStampResp of
//	                                   RFC 3161 on the file NAME, NAME.AUTHORITY.pem the certificates that it needs,
//	                                   NAME.AUTHORITY.crl.pem the CRLs and NAME.AUTHORITY.1.ocsp (the signer's), .2.ocsp … the
//	                                   OCSP responses about them; renewal-001.sha256 is a manifest of tagmanifest-sha256.txt
//	                                   and all that was in sig/, time-stamped in its turn (type Renewal); further signatures:
//	                                   tagmanifest-sha256.txt.minisig with minisign.pub, tagmanifest-sha256.txt.p7s
//	                                   (CAdES B-B, DER) with signer-chain.pem
//
// All JSON documents have a "v" of 1; readers refuse another. All times are UTC. Digests are SHA-256 in lower-case
// hexadecimal digits, except in the checkpoint, where C2SP wants base64.
//
// # Index lines
//
// A line is a JSON object ended by LF, with its fields in this order, the empty ones left out: v, n (1, 2, 3 … through the
// whole bundle), kind ("exhibit" or "gap"), salt (128 random bits), account, collector, resource, item; of an exhibit name,
// media, seg, off, size, sha256, request, response, attrs; of a gap class, request, reason; then at. An exhibit is called
// P-000042 and a gap G-000043 by its n. response holds the bytes around the body in the source's answer: a string where
// they are UTF-8, else {"base64":"…"}. A body that is not what the source sent says so: descriptions made by a collector
// (resources "import/…" and "tls"), and copies with an attribute "derived". The body is size bytes from off on in segment seg:
//
//	tail -c +$((off+1)) data/segments/000001.zip | head -c $size | sha256sum
//
// # Segments
//
// A segment is a ZIP archive of stored entries without data descriptors, extra fields and comments; all times in it are
// 1980-01-01. Its entries are the exhibits of the index of the same number, in the same order, and each of its bytes
// follows from these lines and the bodies: Verify computes all headers anew. A segment ends with the exhibit that makes
// it 64 MiB or more, or with its 65,000th record. A segment of gaps only has no archive.
//
// # Seals and tree
//
// prev of a seal is the SHA-256 of the seal file before it, of the first one that of opening.json. The tree is that of
// RFC 6962 section 2.1 with SHA-256; its leaves are the index lines, LF included, in order. Lines are salted, so that the
// root, which may be published, tells nothing of them.
//
// # Encryption
//
// In an encrypted bundle each file below data/ is an age v1 file, its name ends in .age, and manifests and seals have the
// digests of these. opening.json and acquisition.json then name no person, account, server or folder; the whole documents
// are data/private/opening.json.age and data/private/acquisition.json.age, salted, and the public ones have the SHA-256 of
// what is in them. The tree is that of the lines in clear. While the bundle is open its files are in clear, and what was
// sealed can be read with data/private/resume.key; both are gone before the bundle is signed.
//
// # Disclosures
//
// A disclosure is a bag with some records of a bundle and what proves that they are in it. Verify reads it too; it is known
// by its disclosure.json.
//
//	bagit.txt bag-info.txt manifest-sha256.txt tagmanifest-sha256.txt    of the disclosure itself; not signed
//	disclosure.json                    type Disclosure: who, to whom, when, why, by what rule; how many were left out
//	VERIFY.txt LISEZMOI.txt verify.sh verify-proof.sh                    how to verify it without mbaudit
//	data/index/000001.jsonl            the records' lines, byte for byte: seg and off are places in the bundle
//	data/segments/000001.zip …         the bodies, in the lines' order, in archives of the same form as the bundle's; one
//	                                   ends at 64 MiB, at 65,000 entries, or before a name that it has already
//	data/bodies.tsv                    of each exhibit: its number, the archive, offset and size of its body in it
//	data/proofs/P-000042.tlog-proof    C2SP tlog-proof (c2sp.org/tlog-proof, no extra line): index n-1, audit path, checkpoint
//	original/                          of the bundle: checkpoint, tagmanifest-sha256.txt, sig/; opening.json and
//	                                   manifest-sha256.txt only where they were asked for
//
// The chain: the body has the line's sha256; line and proof give the root of original/checkpoint; the checkpoint is the one
// that original/tagmanifest-sha256.txt names; that is what sig/ signs and timestamps. A line tells the place of its body in
// the bundle, and so, of two neighbours but one, the size of the one between.
//
// # Writing
//
// What the coverage will say of accounts that were read waits in a file without a name (ledger.part where the operating
// system knows no such files), which holds nothing that the index does not give again.
//
// While a segment is open its two files end in .part. Resume keeps of them every record whose line and body are whole and
// agree. Nothing that was sealed is written again. The bundle is sealed when tagmanifest-sha256.txt is there.
package evidence
