package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/evidence/signature"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// signOptions are the signatures that a bundle gets beside the operator's SSH signature.
type signOptions struct {
	minisign          bool
	minisignKey       string
	sealCert, sealKey string
}

func (o *signOptions) addFlags(f *pflag.FlagSet) {
	f.BoolVar(&o.minisign, "minisign", false, "sign with minisign too (your mbaudit minisign key, made at its first use)")
	f.StringVar(&o.minisignKey, "minisign-key", "", "sign with this minisign secret key too")
	f.StringVar(&o.sealCert, "seal-cert", "", "sign with this certificate too: a PKCS #12 file (.p12), or PEM")
	f.StringVar(&o.sealKey, "seal-key", "", "private key of --seal-cert in PEM, where it is in a file of its own")
}

// signers are the keys of signOptions, loaded; each may be nil.
type signers struct {
	minisign *signature.MinisignKey
	cert     *signature.Certificate
}

// open loads the keys and asks for their passphrases. It is called before anything is read, so that nobody waits hours for
// a question, or finds a wrong passphrase after them.
func (o *signOptions) open(t *terminal) (*signers, error) {
	var s signers
	var err error
	switch {
	case o.minisignKey != "":
		s.minisign, err = signature.LoadMinisign(o.minisignKey, passphraseFrom(t, o.minisignKey, "MBAUDIT_MINISIGN_PASSPHRASE"))
	case o.minisign:
		s.minisign, err = ownMinisign(t)
	}
	if err != nil {
		return nil, hintPassphrase(err, "MBAUDIT_MINISIGN_PASSPHRASE")
	}
	switch {
	case o.sealCert != "":
		s.cert, err = signature.LoadCertificate(o.sealCert, o.sealKey, passphraseFrom(t, o.sealCert, "MBAUDIT_SEAL_PASSPHRASE"))
	case o.sealKey != "":
		err = usageError(errors.New("--seal-key is the key of a certificate, and none is named"), "add --seal-cert FILE")
	}
	if err != nil {
		return nil, hintPassphrase(err, "MBAUDIT_SEAL_PASSPHRASE")
	}
	return &s, nil
}

func hintPassphrase(err error, variable string) error {
	if errors.Is(err, signature.ErrPassphrase) {
		return withHint(err, "correct "+variable+", or leave it unset and type the passphrase at the prompt")
	}
	return err
}

// ownMinisign is the operator's own minisign key, beside the SSH identity.
func ownMinisign(t *terminal) (*signature.MinisignKey, error) {
	base, err := configDir(t)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(base, "minisign.key")
	key, err := signature.LoadMinisign(path, passphraseFrom(t, path, "MBAUDIT_MINISIGN_PASSPHRASE"))
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := os.MkdirAll(base, 0o700); err != nil {
		return nil, err
	}
	if key, err = signature.CreateMinisign(path); err != nil {
		return nil, err
	}
	t.say("a minisign key was made: %s", path)
	t.say("write its public key down where nobody can change it, on paper or in the complaint:")
	t.say("  %s", key.PublicKey())
	return key, nil
}

// A madeSignature is a signature that is in the bundle now.
type madeSignature struct {
	Kind  string `json:"kind"` // minisign or certificate
	Key   string `json:"key"`  // minisign public key, or fingerprint of the certificate
	Who   string `json:"who,omitempty"`
	Added bool   `json:"added"` // false: it was there already
}

// apply puts the signatures on a sealed bundle, each journalled before and after. Signing again with the same keys changes
// nothing.
func (s *signers) apply(t *terminal, c *openCase, dir string) ([]madeSignature, error) {
	var made []madeSignature
	sign := func(m madeSignature, add func(string, time.Time) (bool, error)) error {
		name := m.Kind + " " + m.Key
		ref := map[string]string{"bundle": filepath.Base(dir), m.Kind: m.Key}
		done, err := c.begin(journal.Collection, "signing bundle "+filepath.Base(dir)+" with "+name, ref)
		if err != nil {
			return err
		}
		m.Added, err = add(dir, t.now())
		result := "signed"
		if !m.Added {
			result = "it was signed with it already"
		}
		if errors.Is(err, fs.ErrExist) {
			err = withHint(err, "see which keys signed it: mbaudit verify "+dir)
		}
		if err := errors.Join(err, done(result, err)); err != nil {
			return err
		}
		made = append(made, m)
		return nil
	}
	if s.minisign != nil {
		err := sign(madeSignature{Kind: "minisign", Key: s.minisign.PublicKey()}, func(dir string, at time.Time) (bool, error) {
			return evidence.AddMinisign(dir, s.minisign, at)
		})
		if err != nil {
			return made, err
		}
	}
	if s.cert != nil {
		leaf := s.cert.Chain()[0]
		m := madeSignature{Kind: "certificate", Key: signature.CertificateFingerprint(leaf), Who: leaf.Subject.String()}
		err := sign(m, func(dir string, at time.Time) (bool, error) { return evidence.AddCMS(dir, s.cert, at) })
		if err != nil {
			return made, err
		}
	}
	return made, nil
}

func newSignCommand(t *terminal, g *global) *cobra.Command {
	var opts signOptions
	cmd := &cobra.Command{
		Use:   "sign BUNDLE",
		Short: "put further signatures on a sealed bundle: minisign, a certificate",
		Long: `sign adds signatures to a sealed bundle beside the operator's own SSH signature: one with
minisign, one with an X.509 certificate as an organisation's seal (CMS). The bundle is
verified first, and one that is damaged is not signed. No signature is ever replaced.
BUNDLE is the bundle's directory, or its id where it is one of the case.

Passphrases come from $MBAUDIT_MINISIGN_PASSPHRASE and $MBAUDIT_SEAL_PASSPHRASE, or from
a prompt. Collect takes the same options.`,
		Example: `  mbaudit sign 01JD2… --seal-cert cachet.p12
  mbaudit sign 01JD2… --minisign --seal-cert cachet.pem --seal-key cachet.key`,
		Args: exactArgs("BUNDLE"),
		RunE: func(cmd *cobra.Command, args []string) error { return runSign(cmd.Context(), t, g, args[0], &opts) },
	}
	opts.addFlags(cmd.Flags())
	return cmd
}

func runSign(ctx context.Context, t *terminal, g *global, bundle string, opts *signOptions) error {
	c, err := g.openCase(t)
	if err != nil {
		return err
	}
	dir, err := findBundle(c, bundle)
	if err != nil {
		return err
	}
	if !evidence.Signed(dir) {
		return withHint(errors.New("the bundle is not sealed and signed yet"), "finish it: mbaudit collect --resume")
	}
	keys, err := opts.open(t)
	if err != nil {
		return err
	}
	if keys.minisign == nil && keys.cert == nil {
		return usageError(errors.New("no signature is named"), "add --minisign, or --seal-cert FILE")
	}
	if err := checkBeforeSigning(ctx, dir); err != nil {
		return err
	}
	made, err := keys.apply(t, c, dir)
	if err != nil {
		return err
	}
	if g.json {
		return t.printJSON(map[string]any{"bundle": filepath.Base(dir), "path": dir, "signatures": made})
	}
	for _, m := range made {
		verb := "signed with"
		if !m.Added {
			verb = "was signed already with"
		}
		t.print("%s %s", verb, m.Kind)
		printKey(t, m.Who, m.Key)
	}
	return nil
}

// checkBeforeSigning reads the whole bundle again: whoever signs says that this is what was sealed. What lacks of a
// signature that was begun is no damage here, since signing completes it.
func checkBeforeSigning(ctx context.Context, dir string) error {
	v, err := evidence.Verify(ctx, evidence.Dir(dir), evidence.VerifyConfig{})
	if err != nil {
		return fmt.Errorf("verifying %s: %w", dir, err)
	}
	for _, d := range v.Damage {
		if !evidence.UnfinishedSignature(d) {
			return withHint(fmt.Errorf("a damaged bundle is not signed: %s: %s: %s", d.Kind, d.Name, d.Detail), "see all of it: mbaudit verify "+dir)
		}
	}
	return nil
}

// sealRoots are the roots of authorities that are trusted for certificates that seal: those of the file and no others. The
// system's are trusted for web sites, and the certificate of a web site is no seal.
func sealRoots(caFile string) (*x509.CertPool, error) {
	if caFile == "" {
		return nil, nil
	}
	data, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(data) {
		return nil, usageError(fmt.Errorf("%s holds no certificate in PEM form", caFile), "convert it: openssl x509 -inform DER -in FILE -out FILE.pem")
	}
	return roots, nil
}

// printSignatures prints who signed a bundle beside the operator.
func printSignatures(t *terminal, v *evidence.Verification) {
	if m := v.Minisign; m != nil {
		t.print("        minisign key %s", m.KeyID)
		printKey(t, "", m.PublicKey)
	}
	c := v.Certificate
	if c == nil {
		return
	}
	t.print("        sealed with the certificate of")
	printKey(t, c.Subject, c.Fingerprint)
	t.print("          issued by %s", visible.Text(c.Issuer))
	t.print("          valid from %s to %s", c.NotBefore.Format(time.RFC3339), c.NotAfter.Format(time.RFC3339))
	t.print("          signed on %s, says the signer", c.SigningTime.Format(time.RFC3339))
	if c.JudgedBy != "" {
		t.print("          judged as of %s, the time of\n          %s:", c.At.Format(time.RFC3339), visible.Text(c.JudgedBy))
	} else {
		t.print("          judged as of now, since no timestamp that is trusted here says when:")
	}
	switch {
	case c.Trusted:
		t.print("          valid, and issued by an authority that is trusted here")
	case !c.Valid:
		t.print("          not valid then")
	default:
		t.print("          valid, and not trusted here; add its authority with --seal-ca\n          (%s)", visible.Text(c.Untrust))
	}
}

// printKey prints a name and a key or fingerprint, the latter in lines that a screen holds.
func printKey(t *terminal, who, key string) {
	const perLine = 16 * 3 // bytes of a fingerprint
	if who != "" {
		t.print("          %s", visible.Text(who))
	}
	if !strings.Contains(key, ":") {
		t.print("          %s", key)
		return
	}
	for len(key) > perLine {
		t.print("          %s", key[:perLine])
		key = key[perLine:]
	}
	t.print("          %s", key)
}
