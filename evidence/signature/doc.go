// Package signature signs one file's bytes with an Ed25519 identity, in the form of ssh-keygen -Y sign, and makes the
// signer of C2SP checkpoints from the same identity, whose key may be in a file or in an ssh-agent. It signs the same bytes
// with a minisign key and with an X.509 certificate as well. It knows bytes and keys, and nothing of bundles.
//
// What it writes is checked without this program:
//
//	ssh-keygen -Y verify -f allowed_signers -I analyst@example.test -n mbaudit-evidence-v1 -s FILE.sig < FILE
//	minisign -V -p minisign.pub -m FILE -x FILE.minisig
//	openssl cms -verify -cades -binary -inform DER -in FILE.p7s -content FILE -CAfile authority.pem -purpose any -out /dev/null
//
// A key in the file that it signs vouches for nothing: the fingerprint must be known from elsewhere, from the complaint
// or from a business card. Only a certificate says by itself whose it is, to those who trust its authority.
//
// One key serves for both kinds of an identity's signatures: what ssh-keygen signs begins with "SSHSIG", and a checkpoint
// begins with its origin, which is never that.
//
// The minisign and CMS formats have parts that nobody signs. This package writes them in one form and accepts no other, so
// that no byte of a signature file can be changed unnoticed. A CMS signature is a detached CAdES B-B signature (ETSI EN 319
// 122-1) by one signer, with SHA-256, RSA (PKCS #1 v1.5) or ECDSA. Revocation is not checked.
//
// Private keys are read from files that only their owner can read, and passphrases stand in no error.
//
// Who only collects or reports need not read on.
package signature
