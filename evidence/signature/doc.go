// Package signature signs one file's bytes with an Ed25519 identity, in the form of ssh-keygen -Y sign, and makes the
// signer of C2SP checkpoints from the same identity. It knows bytes and keys, and nothing of bundles.
//
// What it writes is checked without this program:
//
//	ssh-keygen -Y verify -f allowed_signers -I analyst@example.test -n mbaudit-evidence-v1 -s FILE.sig < FILE
//
// A key in the file that it signs vouches for nothing: the fingerprint must be known from elsewhere, from the complaint
// or from a business card.
//
// One key serves for both kinds of signatures: what ssh-keygen signs begins with "SSHSIG", and a checkpoint begins with
// its origin, which is never that.
//
// Who only collects or reports need not read on.
package signature
