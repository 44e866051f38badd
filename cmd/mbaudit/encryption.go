package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// parseRecipients reads --recipient: public keys as they are, or files that hold some, one in a line.
func parseRecipients(values []string) ([]string, error) {
	var recipients []string
	for _, value := range values {
		if _, err := evidence.ParseRecipient(value); err == nil {
			recipients = append(recipients, strings.TrimSpace(value))
			continue
		}
		data, err := os.ReadFile(value)
		if err != nil {
			return nil, usageError(fmt.Errorf("--recipient %s is no age or SSH public key, and no file", visible.Cut(value, 60)),
				"give a key as in --recipient age1… or --recipient \"$(cat ~/.ssh/id_ed25519.pub)\"")
		}
		found := 0
		for line := range strings.Lines(string(data)) {
			line = strings.TrimSpace(line)
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			if _, err := evidence.ParseRecipient(line); err != nil {
				return nil, usageError(fmt.Errorf("%s: %s: %w", value, visible.Cut(line, 60), err), "write one age (age1…) or SSH public key in a line")
			}
			recipients = append(recipients, line)
			found++
		}
		if found == 0 {
			return nil, usageError(fmt.Errorf("%s holds no public key", value), "write one age (age1…) or SSH public key in a line")
		}
	}
	return recipients, nil
}

// identityOptions are the keys that decrypt a bundle.
type identityOptions struct{ files []string }

func (o *identityOptions) addFlags(f *pflag.FlagSet) {
	f.StringArrayVar(&o.files, "identity", nil, "key file that decrypts an encrypted bundle: age secret key or SSH private key (repeatable)")
}

// read gives the keys of all files.
func (o *identityOptions) read(t *terminal) ([]evidence.Identity, error) {
	var identities []evidence.Identity
	for _, path := range o.files {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		found, err := evidence.ParseIdentities(data, func() ([]byte, error) {
			secret, err := passphrase(t, path)()
			return []byte(secret.Reveal()), err
		})
		if err != nil {
			return nil, usageError(fmt.Errorf("%s holds no key that decrypts: %w", path, err), "give the file that age-keygen wrote, or an SSH private key")
		}
		identities = append(identities, found...)
	}
	return identities, nil
}
