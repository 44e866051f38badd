package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/mbaudit/mbaudit/collectors/workspace"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/casefile"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// A readAgain is the bundle that --again names: its logs of Google Workspace are read once more.
type readAgain struct {
	link   evidence.EarlierBundle
	bundle *evidence.Bundle
	logs   *workspace.Again
}

// of gives what the collector must know of it.
func (a *readAgain) of() *workspace.Again {
	if a == nil {
		return nil
	}
	return a.logs
}

func (a *readAgain) close() error {
	if a == nil {
		return nil
	}
	return a.bundle.Close()
}

// bundlePath writes a bundle by its id, or where it lies outside the case by its whole path, so that a later run finds it
// from elsewhere.
func bundlePath(c *openCase, name string) (string, error) {
	dir, err := findBundle(c, name)
	if err != nil {
		return "", err
	}
	bundles, err := filepath.Abs(c.path(casefile.BundlesName))
	if err == nil && filepath.Dir(dir) == bundles {
		dir = filepath.Base(dir)
	}
	return dir, err
}

// absoluteAgain names the bundle of --again so that a later run finds it.
func (o *collectOptions) absoluteAgain(c *openCase) (err error) {
	if o.again != "" {
		o.again, err = bundlePath(c, o.again)
	}
	return err
}

// openAgain verifies the bundle of --again, opens it, and takes its accounts and its way into Google from it.
func (r *collection) openAgain(ctx context.Context) error {
	if r.opts.again == "" {
		return nil
	}
	if err := r.checkAgain(); err != nil {
		return err
	}
	dir, err := findBundle(r.c, r.opts.again)
	if err != nil {
		return err
	}
	keys, err := r.opts.identity.read(r.terminal)
	if err != nil {
		return err
	}
	if err := verifyEarlier(ctx, dir, keys); err != nil {
		return err
	}
	bundle, err := openSealed(dir, keys)
	if err != nil {
		return err
	}
	r.again = &readAgain{bundle: bundle, link: evidence.EarlierBundle{Bundle: bundle.Opening.Bundle, TagManifest: bundle.TagManifest}}
	r.again.logs, err = workspace.NewAgain(bundle.Opening.Bundle, bundle.SealedAt, bundle)
	if errors.Is(err, workspace.ErrNoLogs) {
		return usageError(err, "name a bundle that was collected with --workspace, with its logs")
	}
	if err != nil {
		return err
	}
	return r.takeFrom(bundle.Opening)
}

// verifyEarlier refuses a bundle that is not as it was sealed.
func verifyEarlier(ctx context.Context, dir string, keys []evidence.Identity) error {
	if _, sealed, err := evidence.ReadOpening(dir); err != nil || !sealed {
		return withHint(errors.Join(fmt.Errorf("the bundle %s is not sealed", filepath.Base(dir)), err), "go on with it first: mbaudit collect --resume")
	}
	v, err := evidence.Verify(ctx, evidence.Dir(dir), evidence.VerifyConfig{Identities: keys})
	if err != nil {
		return fmt.Errorf("verifying the bundle of --again: %w", err)
	}
	if !v.Intact() {
		first := v.Damage[0]
		return withHint(fmt.Errorf("the bundle %s is not as it was sealed: %s: %s: %s", filepath.Base(dir), first.Kind, visible.Text(first.Name), visible.Text(first.Detail)),
			"see all damage with: mbaudit verify "+visible.Text(dir)+"   a copy may be whole")
	}
	return nil
}

// checkAgain refuses what is not about logs.
func (r *collection) checkAgain() error {
	for _, name := range []string{"imap", "import", "messages", "folder", "since", "until", "only", "no-logs"} {
		if flag := r.flags.Lookup(name); flag.Changed && !r.opts.resume {
			return usageError(fmt.Errorf("--again reads logs of Google Workspace, and --%s is about something else", name), "leave --"+name+" out")
		}
	}
	return nil
}

// takeFrom takes from the earlier bundle what is not typed: whose logs, for which administrator, for which keys encrypted.
func (r *collection) takeFrom(earlier evidence.Opening) error {
	names := []string{"account"}
	for _, name := range scopeFlags() {
		if strings.HasPrefix(name, "google-") {
			names = append(names, name)
		}
	}
	for _, name := range names {
		if flag := r.flags.Lookup(name); !flag.Changed && !r.opts.resume {
			if err := setFlag(flag, earlier.Options[name]); err != nil {
				return fmt.Errorf("reading --%s of the earlier bundle: %w", name, err)
			}
		}
	}
	if flag := r.flags.Lookup("recipient"); !flag.Changed && !r.opts.resume {
		if err := setFlag(flag, earlier.Recipients); err != nil {
			return err
		}
	}
	return setFlag(r.flags.Lookup("workspace"), []string{"true"})
}

// compareAgain holds what was read against the earlier bundle.
func (r *collection) compareAgain() error {
	if r.again == nil {
		return nil
	}
	var err error
	r.compared, err = r.workspace.Compare(r.w)
	return err
}

// sayAgain says what the earlier bundle did not have.
func (r *collection) sayAgain() {
	if r.again == nil || r.compared == nil {
		return
	}
	late, missing, holes := 0, 0, 0
	for _, report := range r.compared {
		late += report.Late
		missing += report.Missing
		for _, one := range report.Applications {
			holes += one.UnreadNow
		}
	}
	r.say("%s that bundle %s did not have", pluralOf(late, "late activity", "late activities"), r.again.link.Bundle)
	if missing > 0 {
		r.say("%s of that bundle %s not there any more", pluralOf(missing, "activity", "activities"), map[bool]string{true: "is", false: "are"}[missing == 1])
	}
	if holes > 0 {
		r.say("%s of that bundle could not be compared: this one has gaps", pluralOf(holes, "activity", "activities"))
	}
}

func pluralOf(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
