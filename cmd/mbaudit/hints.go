package main

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/mbaudit/mbaudit/collectors/imap"
	"github.com/mbaudit/mbaudit/collectors/workspace"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/store"
	"github.com/mbaudit/mbaudit/evidence/store/s3"
	"github.com/mbaudit/mbaudit/internal/casefile"
)

// hintFor gives the words to type next for the errors that have some. The first match counts, so that an expired
// password is not taken for a wrong one.
func hintFor(err error) string {
	for _, h := range []struct {
		kind error
		hint string
	}{
		{imap.ErrAuthExpired, "get a fresh token or password and run the command again"},
		{imap.ErrAuthUnavailable, "the server is busy or its directory is down; try again in some minutes"},
		{imap.ErrAuthPrivacy, "use --imap imaps://host instead of imap://"},
		{imap.ErrAuth, "check the login name (--imap-login) and the password ($MBAUDIT_IMAP_PASSWORD, --password-file or the prompt); an account with a second factor wants an app password or --imap-token-file"},
		{imap.ErrPlaintextRefused, "use --imap imaps://host; on a network that you trust, add --insecure-plaintext"},
		{imap.ErrNoMechanism, "give what the server takes: a password, --imap-master or --imap-token-file"},
		{imap.ErrTLSName, "connect by the name that is in the certificate, or name it with: --tls-server-name NAME"},
		{imap.ErrTLSUntrusted, "if the server's authority is your organisation's own, add its certificate with: --tls-ca FILE.pem; if its administrator confirms the fingerprint above by telephone, accept this one certificate with: --tls-pin sha256:…"},
		{imap.ErrTLSPin, "the server has another certificate than the one you named with --tls-pin: ask its administrator whether it was renewed; somebody may be on the way"},
		{imap.ErrNotIMAP, "check the port: imaps:// is 993, imap:// is 143"},
		{imap.ErrLost, "see whether server and network are up again"},
		{imap.ErrTooSlow, "give it longer, as in: --timeout 5m; or check host and port"},
		{imap.ErrHostDown, "check host and port, as in: --imap imaps://mail.example.com:993"},
		{imap.ErrNoFolder, "leave --folder out to collect every folder"},
		{workspace.ErrDelegation, "in the admin console, Security, API controls, domain-wide delegation: give that client the scopes of docs/WORKSPACE.md; it takes some minutes to hold"},
		{workspace.ErrClock, "set the clock of this machine, as with: timedatectl set-ntp true"},
		{workspace.ErrSigning, "give who signs the role Service Account Token Creator (roles/iam.serviceAccountTokenCreator) on the service account; with workload identity the account needs it on itself"},
		{workspace.ErrSigningOff, "enable the IAM Service Account Credentials API in the project: https://console.cloud.google.com/apis/library/iamcredentials.googleapis.com"},
		{workspace.ErrCredentials, "log in with: gcloud auth application-default login   or see whether the token that the credentials file names is fresh, and the workload identity pool takes it"},
		{workspace.ErrWrongUser, "log in on Google's page as the user of --account, or name the address that Google shows there with --account"},
		{workspace.ErrUnticked, "run the command again, and leave everything ticked on Google's page"},
		{workspace.ErrConsent, "run the command again, and have the account's user consent on Google's page; a domain may allow that to no application: use a service account then"},
		{workspace.ErrTooSlow, "give it longer, as in: --timeout 5m"},
		{workspace.ErrNoAdmin, "name an administrator with --google-admin"},
		{workspace.ErrKeyRefused, "check the clock of this machine, and whether key and service account still exist; make another key in the console of the project"},
		{workspace.ErrSubject, "check --account and --google-admin: primary addresses of users who are there are wanted"},
		{workspace.ErrLost, "see whether this machine reaches https://oauth2.googleapis.com and https://gmail.googleapis.com; a proxy is named with HTTPS_PROXY"},
		{workspace.ErrUnavailable, "Google is busy or the project's quota is spent; try again in some minutes"},
		{s3.ErrNoBucket, "make the bucket first, with Object Lock switched on, or correct s3://BUCKET/PREFIX"},
		{s3.ErrNoLock, "make a bucket with Object Lock switched on; to push without any lock, add --no-lock"},
		{s3.ErrLockUnknown, "give the key the right s3:GetBucketObjectLockConfiguration; or add --unknown-lock to push with a key that may only write"},
		{s3.ErrDenied, "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and the key's rights on that bucket"},
		{store.ErrDigest, "the file here is not what was sealed; see which: mbaudit verify"},
		{store.ErrLockShort, "the object is there already, locked for a shorter time; push with the earlier day: --retain-until"},
		{store.ErrLockMissing, "the store did not lock what it was told to lock: use another store"},
		{syscall.ENOSPC, "free some space or move the case to a larger disk; what was kept stays: go on with mbaudit collect --resume"},
		{syscall.EROFS, "choose a case directory that can be written to, with --case DIR"},
		{evidence.ErrEncrypted, "give a key that decrypts it, with --identity FILE"},
		{evidence.ErrSealed, "a sealed bundle never changes; collect again to make a new one"},
		{fs.ErrPermission, "check who owns the directory and whether you may write there"},
	} {
		if errors.Is(err, h.kind) {
			return h.hint
		}
	}
	var retention *casefile.RetentionError
	if errors.As(err, &retention) {
		return "name a day with --retain-until YYYY-MM-DD, or set retention in case.yaml"
	}
	return ""
}
