package main

import (
	"context"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/evidence/timestamp"
	"github.com/mbaudit/mbaudit/internal/casefile"
	"github.com/mbaudit/mbaudit/internal/visible"
)

type timestampOptions struct {
	tsa    []string
	tsaCA  string
	policy string
	renew  bool
}

func newTimestampCommand(t *terminal, g *global) *cobra.Command {
	var opts timestampOptions
	cmd := &cobra.Command{
		Use:   "timestamp BUNDLE|CASE",
		Short: "add the timestamps that a sealed bundle lacks, or renew those that it has",
		Long: `timestamp asks every time-stamping authority of the case, or of --tsa, of which a sealed
bundle has no timestamp yet, as after sealing without a network. Given a case, it does so
for all its sealed bundles. With each timestamp it keeps what the issuers of its
certificates say of their revocation (CRLs, OCSP).

With --renew it verifies the bundle and has everything that certifies it so far stamped
once more, before the certificates or the algorithms of the older timestamps are too old
to be relied on. See docs/TIMESTAMPS.md.

--tsa local asks an authority on this machine, without a network: it is not a third
party, and its timestamps say so.`,
		Example: `  mbaudit timestamp 01JD2…
  mbaudit timestamp --tsa http://timestamp.example.com --case 2026-0042 2026-0042
  mbaudit timestamp --renew 01JD2…`,
		Args: exactArgs("BUNDLE or CASE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runTimestamp(cmd.Context(), t, g, args[0], &opts)
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&opts.tsa, "tsa", nil, "time-stamping authority's URL, or local (repeatable; default: the case's)")
	f.StringVar(&opts.tsaCA, "tsa-ca", "", "PEM file of authorities whose timestamps are trusted, beside the system's")
	f.StringVar(&opts.policy, "tsa-policy", "", "ask for a timestamp under this policy of the authority, as in 1.3.6.1.4.1.99999.1")
	f.BoolVar(&opts.renew, "renew", false, "have all that certifies the bundle so far stamped once more")
	return cmd
}

// A restamping is one run of timestamp.
type restamping struct {
	*terminal
	c      *openCase
	urls   []string
	roots  *x509.CertPool
	policy asn1.ObjectIdentifier
}

// A restamped is what came of it for one bundle. It is printed as JSON.
type restamped struct {
	Bundle  string       `json:"bundle"`
	Path    string       `json:"path"`
	Renewal string       `json:"renewal,omitempty"` // the manifest that was stamped, with --renew
	Added   []addedStamp `json:"added"`
	Missing []lackStamp  `json:"missing"`           // authorities that did not answer
	Pushed  string       `json:"pushed,omitempty"`  // where it was pushed to before: what is new is to follow
	Problem string       `json:"problem,omitempty"` // why it was not asked for

	damaged bool
}

type addedStamp struct {
	Name      string    `json:"name"`
	Asked     string    `json:"asked"`
	Authority string    `json:"authority"`
	Time      time.Time `json:"time"`
	Local     bool      `json:"local"`
	Qualified bool      `json:"qualified"`
	Standing  string    `json:"standing"`
}

type lackStamp struct {
	Asked  string `json:"asked"`
	Reason string `json:"reason"`
}

func runTimestamp(ctx context.Context, t *terminal, g *global, target string, opts *timestampOptions) error {
	here := *g
	if here.caseDir == "" {
		here.caseDir = caseAbove(target) // else as for every command
	}
	c, err := here.openCase(t)
	if err != nil {
		return err
	}
	r := &restamping{terminal: t, c: c}
	if r.urls, err = timestampURLs(opts.tsa, c.Case); err != nil {
		return err
	}
	if len(r.urls) == 0 {
		return usageError(errors.New("no time-stamping authority is named"), "name one with --tsa URL, or under timestamp in case.yaml; without a network: --tsa local")
	}
	if r.policy, err = parsePolicy(opts.policy); err != nil {
		return usageError(err, "write it in figures, as in --tsa-policy 1.3.6.1.4.1.99999.1")
	}
	if r.roots, err = stampRoots(opts.tsaCA); err != nil {
		return err
	}
	dirs, err := r.bundles(target)
	if err != nil {
		return err
	}
	step := r.addMissing
	if opts.renew {
		step = r.renew
	}
	outcomes := []restamped{}
	for _, dir := range dirs {
		outcome, err := step(ctx, dir)
		if err != nil {
			return fmt.Errorf("timestamping %s: %w", filepath.Base(dir), err)
		}
		if len(outcome.Added) > 0 {
			outcome.Pushed = r.pushed(outcome.Bundle)
		}
		outcomes = append(outcomes, outcome)
	}
	return r.report(g, target, outcomes)
}

// parsePolicy reads an object identifier; "" is none.
func parsePolicy(s string) (asn1.ObjectIdentifier, error) {
	if s == "" {
		return nil, nil
	}
	var oid asn1.ObjectIdentifier
	for part := range strings.SplitSeq(s, ".") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("--tsa-policy %q is not an object identifier", visible.Text(s))
		}
		oid = append(oid, n)
	}
	if _, err := asn1.Marshal(oid); err != nil {
		return nil, fmt.Errorf("--tsa-policy %q is not an object identifier", visible.Text(s))
	}
	return oid, nil
}

// bundles gives the sealed bundles that are meant.
func (r *restamping) bundles(target string) ([]string, error) {
	if _, err := os.Stat(filepath.Join(target, casefile.Name)); err != nil {
		dir, err := findBundle(r.c, target)
		if err != nil {
			return nil, err
		}
		if !evidence.Signed(dir) {
			return nil, withHint(fmt.Errorf("%s is not sealed and signed yet", filepath.Base(dir)), "finish it: mbaudit collect --resume")
		}
		return []string{dir}, nil
	}
	all, err := bundlesIn(target)
	if err != nil {
		return nil, err
	}
	var sealed []string
	for _, dir := range all {
		if !evidence.Signed(dir) {
			r.say("%s is left out: it is not sealed and signed yet", filepath.Base(dir))
			continue
		}
		sealed = append(sealed, dir)
	}
	return sealed, nil
}

// addMissing asks the authorities of which the bundle has no timestamp yet.
func (r *restamping) addMissing(ctx context.Context, dir string) (restamped, error) {
	outcome := newRestamped(dir)
	missing, err := r.missing(dir)
	if err != nil {
		return outcome, err
	}
	what := "asking for the timestamps that " + outcome.Bundle + " lacks"
	if len(missing) == 0 {
		lacks, err := evidence.LacksRevocation(dir)
		if err != nil || !lacks {
			return outcome, err
		}
		what = "asking whether certificates of the timestamps of " + outcome.Bundle + " were revoked"
	}
	question, err := stampFile(dir, evidence.StampSeal, r.roots)
	if err != nil {
		return outcome, err
	}
	question.policy = r.policy
	results, err := journalledStamps(ctx, r.terminal, r.c, dir, what, question, missing)
	outcome.take(results)
	return outcome, err
}

// missing are the authorities of which the bundle lacks a timestamp. Several at one host are told apart by number only:
// if the host has stamped less often than it was to, all of them are asked again.
func (r *restamping) missing(dir string) ([]string, error) {
	wanted := make(map[string]int)
	for _, address := range r.urls {
		wanted[authorityName(address)]++
	}
	var missing []string
	for _, address := range r.urls {
		name := authorityName(address)
		got, err := evidence.CountTimestamps(dir, evidence.StampSeal, name)
		if err != nil {
			return nil, err
		}
		if got < wanted[name] {
			missing = append(missing, address)
		}
	}
	return missing, nil
}

// renew has what certifies a bundle so far stamped by every authority. Its manifest is written with the first answer, so
// that there is none without a timestamp.
func (r *restamping) renew(ctx context.Context, dir string) (restamped, error) {
	outcome := newRestamped(dir)
	r.say("verifying %s before it is renewed", outcome.Bundle)
	v, err := evidence.Verify(ctx, evidence.Dir(dir), evidence.VerifyConfig{Roots: r.roots})
	if err != nil {
		return outcome, err
	}
	if !v.Intact() {
		d := v.Damage[0]
		outcome.damaged = true
		outcome.Problem = fmt.Sprintf("not renewed, since it is not as it was sealed: %s: %s: %s", d.Kind, d.Name, d.Detail)
		return outcome, r.c.note(journal.Collection, outcome.Bundle+" "+outcome.Problem, map[string]string{"bundle": outcome.Bundle})
	}
	if len(v.Timestamps) == 0 {
		outcome.Problem = "not renewed, since it has no timestamp yet; have it stamped first: mbaudit timestamp " + dir
		return outcome, nil
	}
	plan, err := evidence.PlanRenewal(dir)
	if err != nil {
		return outcome, err
	}
	create := sync.OnceValue(func() error { return plan.Create(dir) })
	question := stamping{digest: plan.Digest(), policy: r.policy, keep: func(authority string, answer timestamp.Response) (string, error) {
		if err := create(); errors.Is(err, fs.ErrExist) {
			return "", errors.New("another run has renewed the bundle in the meantime")
		} else if err != nil {
			return "", err
		}
		return evidence.AddTimestamp(dir, plan.Name, authority, answer.TSR, r.roots)
	}}
	results, err := journalledStamps(ctx, r.terminal, r.c, dir, "renewing the timestamps of "+outcome.Bundle, question, r.urls)
	outcome.take(results)
	if len(outcome.Added) > 0 {
		outcome.Renewal = plan.Name
	}
	return outcome, err
}

func newRestamped(dir string) restamped {
	return restamped{Bundle: filepath.Base(dir), Path: dir, Added: []addedStamp{}, Missing: []lackStamp{}}
}

func (o *restamped) take(results []stampResult) {
	for _, s := range results {
		if s.err != nil {
			o.Missing = append(o.Missing, lackStamp{s.url, visible.Line(s.err.Error())})
			continue
		}
		o.Added = append(o.Added, addedStamp{Name: s.name, Asked: s.url, Authority: s.answer.Subject, Time: s.answer.GenTime,
			Local: s.answer.Local, Qualified: s.answer.Qualified, Standing: s.answer.Standing()})
	}
}

// pushed gives the place to which a bundle was pushed last, by the journal; "" if to none.
func (r *restamping) pushed(bundle string) string {
	f, err := os.Open(r.c.journal.Path())
	if err != nil {
		return ""
	}
	defer f.Close()
	to := ""
	for e, err := range journal.Read(f) {
		if err == nil && e.Ref["bundle"] == bundle && e.Ref["to"] != "" {
			to = e.Ref["to"]
		}
	}
	return to
}

// report prints what came of it. It is a failure if timestamps are missing and not one could be added.
func (r *restamping) report(g *global, target string, outcomes []restamped) error {
	added, missing, problems, damaged := 0, 0, 0, false
	for _, o := range outcomes {
		added += len(o.Added)
		missing += len(o.Missing)
		damaged = damaged || o.damaged
		if o.Problem != "" {
			problems++
		}
	}
	if g.json {
		if err := r.printJSON(outcomes); err != nil {
			return err
		}
	} else {
		for _, o := range outcomes {
			r.printRestamped(o)
		}
	}
	for _, o := range outcomes {
		if o.Pushed != "" {
			r.say("%s was pushed before; send what is new after it: mbaudit push %s %s", o.Bundle, o.Path, visible.Text(o.Pushed))
		}
	}
	switch {
	case damaged:
		r.say("see all of the damage: mbaudit verify %s", target)
		return statusError(statusNotVerified)
	case missing > 0 && added == 0:
		return withHint(errors.New("no timestamp was added: no authority gave one that could be kept"),
			"try again later: mbaudit timestamp "+target+"; or name another with --tsa URL; without a network: --tsa local")
	case problems > 0 && added == 0:
		return statusError(statusFailed)
	}
	return nil
}

func (r *restamping) printRestamped(o restamped) {
	switch {
	case o.Problem != "":
		r.print("%s: %s", o.Bundle, visible.Line(o.Problem))
		return
	case len(o.Added)+len(o.Missing) == 0:
		r.print("%s: no timestamp is missing", o.Bundle)
		return
	case o.Renewal != "":
		r.print("%s: renewed by %s, %s", o.Bundle, o.Renewal, plural(int64(len(o.Added)), "timestamp"))
	default:
		r.print("%s: %s added, %d still missing", o.Bundle, plural(int64(len(o.Added)), "timestamp"), len(o.Missing))
	}
	for _, s := range o.Added {
		local := ""
		if s.Local {
			local = " (local, not a third party)"
		}
		r.print("  %s by %s%s", s.Time.Format(time.RFC3339), commonName(s.Authority), local)
		r.print("    %s", s.Name)
	}
	for _, m := range o.Missing {
		r.print("  no answer from %s", visible.Text(m.Asked))
	}
}
