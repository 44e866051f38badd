package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/internal/casefile"
	"github.com/mbaudit/mbaudit/internal/visible"
)

type verifyOptions struct {
	sealCA string

	signer, tsaCA string
	identity      identityOptions
	store         storeOptions
}

func newVerifyCommand(t *terminal, g *global) *cobra.Command {
	var opts verifyOptions
	cmd := &cobra.Command{
		Use:   "verify PATH|s3://BUCKET/PREFIX/BUNDLE",
		Short: "read a bundle again and say what is as it was sealed",
		Long: `verify re-reads a whole bundle, in a directory or in S3, and prints what was checked and
by what. PATH may also be a case: then all its bundles are verified. If anything is not as
it was sealed, it prints the kind of damage and exits with status 5.

Every bundle can be verified without mbaudit too: see VERIFY.txt in it.`,
		Example: `  mbaudit verify bundles/01JD2… --signer SHA256:…
  mbaudit verify s3://evidence/2026-0042/01JD2…`,
		Args: exactArgs("PATH"),
		RunE: func(cmd *cobra.Command, args []string) error { return runVerify(cmd.Context(), t, g, args[0], &opts) },
	}
	cmd.Flags().StringVar(&opts.signer, "signer", "", "fingerprint that the signing key must have, as it was written down (SHA256:…)")
	cmd.Flags().StringVar(&opts.tsaCA, "tsa-ca", "", "PEM file of authorities whose timestamps are trusted, beside the system's")
	opts.identity.addFlags(cmd.Flags())
	cmd.Flags().StringVar(&opts.sealCA, "seal-ca", "", "PEM file of authorities whose certificates are trusted to seal")
	opts.store.addReadFlags(cmd.Flags())
	return cmd
}

// A verified is the outcome for one bundle.
type verified struct {
	Location string `json:"location"`
	*evidence.Verification
	Locks *lockSummary `json:"locks,omitempty"`
}

func runVerify(ctx context.Context, t *terminal, g *global, location string, opts *verifyOptions) error {
	if opts.signer != "" && !strings.HasPrefix(opts.signer, "SHA256:") {
		return usageError(fmt.Errorf("--signer %q is not a fingerprint", visible.Text(opts.signer)), "write it as ssh-keygen -l prints it: SHA256:…")
	}
	roots, err := stampRoots(opts.tsaCA)
	if err != nil {
		return err
	}
	sealCAs, err := sealRoots(opts.sealCA)
	if err != nil {
		return err
	}
	config := evidence.VerifyConfig{Signer: opts.signer, Roots: roots, SealRoots: sealCAs, Coverage: g.json}
	if config.Identities, err = opts.identity.read(t); err != nil {
		return err
	}
	var outcomes []verified
	if strings.HasPrefix(location, "s3://") {
		outcome, err := verifyStored(ctx, t, g, location, opts, config)
		if err != nil {
			return err
		}
		outcomes = append(outcomes, outcome)
	} else {
		dirs, err := bundlesIn(location)
		if err != nil {
			return err
		}
		for _, dir := range dirs {
			v, err := evidence.Verify(ctx, evidence.Dir(dir), config)
			if err != nil {
				return fmt.Errorf("verifying %s: %w", dir, err)
			}
			outcomes = append(outcomes, verified{Location: dir, Verification: v})
		}
	}
	return reportVerified(t, g, location, outcomes)
}

// bundlesIn gives the bundle at a place, or the bundles of the case there.
func bundlesIn(location string) ([]string, error) {
	if _, err := os.Stat(location); err != nil {
		return nil, withHint(err, "name a bundle's directory, as in CASE/bundles/01J…, or a case")
	}
	if _, err := os.Stat(filepath.Join(location, casefile.Name)); err == nil {
		location = filepath.Join(location, casefile.BundlesName)
	}
	if _, _, err := evidence.ReadOpening(location); err == nil {
		return []string{location}, nil
	}
	if _, err := os.Stat(filepath.Join(location, "tagmanifest-sha256.txt")); err == nil {
		return []string{location}, nil // its opening is damaged or gone, and Verify says so
	}
	entries, err := os.ReadDir(location)
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, e := range entries {
		if dir := filepath.Join(location, e.Name()); e.IsDir() && holdsBundle(dir) {
			dirs = append(dirs, dir)
		}
	}
	if len(dirs) == 0 {
		return nil, withHint(fmt.Errorf("%s holds no bundle: %w", location, fs.ErrNotExist), "name a bundle's directory, as in CASE/bundles/01J…, or a case")
	}
	return dirs, nil
}

func holdsBundle(dir string) bool {
	for _, name := range []string{"opening.json", "tagmanifest-sha256.txt"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}

// verifyStored verifies a bundle in S3, and looks at the locks of its objects.
func verifyStored(ctx context.Context, t *terminal, g *global, location string, opts *verifyOptions, config evidence.VerifyConfig) (verified, error) {
	root, bundle, err := splitBundle(location)
	if err != nil {
		return verified{}, err
	}
	st, err := opts.store.openForReading(ctx, t, root)
	if err != nil {
		return verified{}, err
	}
	stored, err := surveyBundle(ctx, st, bundle)
	if err != nil {
		return verified{}, fmt.Errorf("verifying %s: %w", location, err)
	}
	v, err := evidence.Verify(ctx, stored, config)
	if err != nil {
		hint := ""
		if errors.Is(err, fs.ErrNotExist) {
			hint = "the address ends in the bundle's id, as printed by collect and push"
		}
		return verified{}, withHint(fmt.Errorf("verifying %s: %w", location, err), hint)
	}
	promised, err := promisedLock(t, g, root, bundle)
	if err != nil {
		return verified{}, err
	}
	stored.report(v)
	locks, err := stored.locks(ctx, v, promised, t.now())
	return verified{Location: location, Verification: v, Locks: locks}, err
}

// reportVerified prints what was found and journals it where there is a case.
func reportVerified(t *terminal, g *global, location string, outcomes []verified) error {
	intact := true
	for _, o := range outcomes {
		intact = intact && o.Intact()
	}
	if g.json {
		if err := t.printJSON(outcomes); err != nil {
			return err
		}
	} else {
		for _, o := range outcomes {
			printVerified(t, o)
		}
	}
	if err := journalVerified(t, g, location, outcomes); err != nil {
		return err
	}
	if !intact {
		return statusError(statusNotVerified)
	}
	return nil
}

// journalVerified writes the outcome into the journal of the case, if this is one.
func journalVerified(t *terminal, g *global, location string, outcomes []verified) error {
	here := *g
	if _, err := casefile.Find(here.caseDir, t.getenv("MBAUDIT_CASE")); err != nil {
		if here.caseDir != "" {
			return err
		}
		here.caseDir = caseAbove(location)
		if here.caseDir == "" {
			return nil // a stranger verifies: there is no journal of ours
		}
	}
	c, err := here.openCase(t)
	if err != nil {
		return err
	}
	for _, o := range outcomes {
		result, ref := "verified: everything is as it was sealed", map[string]string{"location": o.Location, "tagmanifest_sha256": o.TagManifest.String()}
		if !o.Intact() {
			result = fmt.Sprintf("not verified: %s, the first: %s: %s: %s", plural(int64(len(o.Damage)), "damage"), o.Damage[0].Kind, o.Damage[0].Name, o.Damage[0].Detail)
		}
		if err := c.note(journal.Collection, "bundle at "+o.Location+" "+result, ref); err != nil {
			return err
		}
	}
	return nil
}

// caseAbove is the case that a bundle's directory belongs to, if it lies in one.
func caseAbove(location string) string {
	for _, dir := range []string{location, filepath.Join(location, ".."), filepath.Join(location, "..", "..")} {
		if _, err := os.Stat(filepath.Join(dir, casefile.Name)); err == nil {
			return dir
		}
	}
	return ""
}

func printVerified(t *terminal, o verified) {
	t.print("%s", visible.Text(o.Location))
	for _, c := range o.Checks {
		mark := "ok     "
		if !c.OK {
			mark = "FAILED "
		}
		t.print("%s %s (%s)", mark, visible.Text(c.What), c.By)
	}
	printSignatures(t, o.Verification)
	printStamps(t, o)
	if o.Locks != nil {
		t.print("        %s", o.Locks)
		for _, note := range o.Locks.Notes {
			t.print("note    %s", visible.Text(note))
		}
	}
	for _, d := range o.Damage {
		t.print("DAMAGE  %s: %s: %s", d.Kind, visible.Text(d.Name), visible.Text(d.Detail))
	}
	if !o.Intact() {
		t.print("NOT VERIFIED: %s", plural(int64(len(o.Damage)), "damage"))
		return
	}
	if o.Acquisition.Partial {
		t.print("PARTIAL: collection went on after this was sealed; the whole bundle begins with what is here.")
	}
	if o.Disclosure != nil {
		printDisclosed(t, o)
		return
	}
	counts := o.Acquisition.Counts
	t.print("VERIFIED: %s, %s, %s, sealed %s, SHA-256 %s", plural(int64(counts.Accounts), "account"), plural(counts.Exhibits, "exhibit"),
		plural(counts.Gaps, "gap"), o.Acquisition.Opening.Bundle, o.TagManifest)
	t.print("Compare the signer %s and this SHA-256 with what was written down elsewhere.", o.Signer)
}

// printStamps prints what each timestamp says, what its authority is, and what is odd about it.
func printStamps(t *terminal, o verified) {
	for _, s := range o.Timestamps {
		t.print("        %s existed on %s,\n        says %s%s", s.Of, s.Time.Format(time.RFC3339), commonName(s.Authority), stampStanding(s))
		if !s.Local {
			t.print("        it %s", folded(s.Standing, "        "))
		}
		for _, r := range s.Revocation {
			t.print("        %s", visible.Text(r.String()))
		}
		for _, remark := range s.Remarks {
			t.print("note    %s: %s", s.Name, visible.Text(remark))
		}
	}
	if len(o.Timestamps) == 0 && o.Intact() {
		t.print("        no timestamp: nothing but the signer says when this was sealed")
	}
}

// commonName is the readable part of a certificate's subject.
func commonName(subject string) string {
	for part := range strings.SplitSeq(subject, ",") {
		if name, ok := strings.CutPrefix(part, "CN="); ok {
			return visible.Text(name)
		}
	}
	return visible.Text(subject)
}

// stampStanding says what a timestamp's authority is.
func stampStanding(s evidence.Timestamp) string {
	switch {
	case s.Local:
		return " (local: this machine's own clock, not a third party)"
	case s.Trusted && s.Qualified:
		return " (trusted here; states that it is qualified under eIDAS)"
	case s.Trusted:
		return " (trusted here)"
	}
	return " (not among the authorities trusted here; add it with --tsa-ca)"
}

// printJSON prints a value for machines.
func (t *terminal) printJSON(v any) error {
	enc := json.NewEncoder(t.stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
