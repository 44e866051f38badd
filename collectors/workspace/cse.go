package workspace

import (
	"errors"
	"net/url"
	"regexp"
)

// encryptionSources are the identities and keys of client-side encryption, which few editions have. An intruder's own
// identity signs and decrypts in the user's name.
func encryptionSources() []source {
	const edition = "client-side encryption"
	encryption := func(name, path, list string) source {
		s := setting(name, list)
		s.path, s.query, s.edition = "gmail/v1/users/{user}/settings/cse/"+path, url.Values{"pageSize": {"100"}}, edition
		return s
	}
	return []source{
		encryption("cseIdentities", "identities", "cseIdentities"),
		encryption("cseKeyPairs", "keypairs", "cseKeyPairs"),
	}
}

// withoutEdition says whether a refusal means that client-side encryption is not in the user's edition, or not switched
// on: it says so itself, and Gmail opened the mailbox for the same scope before. A refusal without such words stays one.
func (r *run) withoutEdition(err error) bool {
	opened := r.mail.historyID() != 0 || r.sink.Has(r.scope.Account, profileResource, "")
	if !opened || !errors.Is(err, ErrNotAuthorised) && !errors.Is(err, ErrNoMailbox) {
		return false
	}
	return licenceWords().MatchString(err.Error()) || regexp.MustCompile(`(?i)\b(encrypt\w*|cse)\b`).MatchString(err.Error())
}
