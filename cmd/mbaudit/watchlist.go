package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/findings/decision"
	"github.com/mbaudit/mbaudit/findings/facts"
	"github.com/mbaudit/mbaudit/findings/watch"
	"github.com/mbaudit/mbaudit/internal/visible"
	"github.com/mbaudit/mbaudit/report/handover"
)

// fromCommandLine is where an indicator comes from that somebody typed.
const fromCommandLine = "command line"

// A watchPlan is what to watch for, and since when.
type watchPlan struct {
	accounts   []string
	since      time.Time
	why        string // since then; for people
	indicators []watch.Indicator
	left       []handover.LeftOut
	familiar   watch.Familiar
	analysed   bool // the case was qualified
}

// makePlan takes the accounts from the plans that were applied, what is suspect from the analysis, and adds what was typed.
func (w *watching) makePlan() (watchPlan, error) {
	var p watchPlan
	if err := w.contained(&p); err != nil {
		return p, err
	}
	if err := w.typed(&p); err != nil {
		return p, err
	}
	if err := w.analysed(&p); err != nil {
		return p, err
	}
	if len(p.accounts) == 0 {
		return p, usageError(errors.New(w.c.words("no account of this case was taken back, and none is named", "aucun compte de ce dossier n'a été repris, et aucun n'est nommé")),
			w.c.words("name it: ", "nommez-le : ")+"mbaudit watch --account alice@example.com")
	}
	for i := len(p.accounts) - 1; i >= 0; i-- {
		p.indicators = append(p.indicators, watch.Indicator{Kind: watch.Account, Value: p.accounts[i], From: "containment"})
	}
	return p, w.sinceWhen(&p)
}

// contained takes the accounts of applied plans, and when the first step was done.
func (w *watching) contained(p *watchPlan) error {
	paths, err := ledgersUnder(w.c.path(containmentName))
	if err != nil {
		return err
	}
	for _, account := range w.opts.accounts {
		p.addAccount(account)
	}
	if len(paths) == 0 {
		return nil
	}
	r := &containing{terminal: w.terminal, g: w.g, c: w.c, opts: &containOptions{}}
	for _, path := range paths {
		plans, err := r.applied([]string{path})
		var hinted *hintedError
		if errors.As(err, &hinted) && len(plans) == 0 {
			continue // it was made, and not applied
		}
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(path), err)
		}
		for i := range plans {
			one := &plans[i]
			if len(w.opts.accounts) > 0 && !slices.ContainsFunc(w.opts.accounts, func(a string) bool { return strings.EqualFold(a, one.Account) }) || one.Mode == "quarantine" {
				continue
			}
			if err := one.open(w.now); err != nil {
				return err
			}
			at := one.since()
			if err := one.ledger.Close(); err != nil {
				return err
			}
			p.addAccount(one.Account)
			if p.since.IsZero() || at.Before(p.since) {
				p.since = at
				p.why = w.c.words("the containment of ", "l'endiguement de ") + one.Account
			}
		}
	}
	return nil
}

func (p *watchPlan) addAccount(account string) {
	if account = strings.ToLower(account); !slices.Contains(p.accounts, account) {
		p.accounts = append(p.accounts, account)
	}
}

// typed adds what was given on the command line.
func (w *watching) typed(p *watchPlan) error {
	for _, text := range w.opts.ips {
		i, err := watch.ParseAddress(text, fromCommandLine)
		if err != nil {
			return watchListError(err)
		}
		p.indicators = append(p.indicators, i)
	}
	for _, given := range []struct {
		kind   watch.Kind
		values []string
	}{{watch.Client, w.opts.clients}, {watch.Device, w.opts.devices}, {watch.Agent, w.opts.agents}, {watch.ASN, w.opts.systems}} {
		for _, v := range given.values {
			p.indicators = append(p.indicators, watch.Indicator{Kind: given.kind, Value: v, From: fromCommandLine, Shared: given.kind == watch.Agent || given.kind == watch.ASN})
		}
	}
	return nil
}

// analysed adds what the analysis of the case names as the intruder's, and takes from it by which networks the users are known.
// What people answered since it was made counts.
func (w *watching) analysed(p *watchPlan) error {
	found, err := wholeAnalysis(w.c)
	if err != nil || found == nil {
		return err
	}
	p.analysed = true
	if err := w.c.regrade(w.terminal, found); err != nil {
		return err
	}
	in := handover.Inputs{Case: w.c.Case, Findings: found, Tool: strings.TrimSpace(versionText()), Facts: jsonLines[facts.Fact](w.c.path(analysisName, factsName)),
		Timeline: jsonLines[decision.TimelineEntry](w.c.path(analysisName, timelineName))}
	if in.Journal, err = w.c.journal.Lines(); err != nil {
		return fmt.Errorf("reading the journal: %w", err)
	}
	if in.Decision, err = readAnalysis[decision.Decision](w.c.path(analysisName, decisionName)); err != nil {
		return err
	}
	survey := watch.FromFindings(found.Findings)
	all := in.Facts
	in.Facts = func(yield func(*facts.Fact, error) bool) {
		all(func(f *facts.Fact, err error) bool {
			if err == nil {
				survey.See(f)
			}
			return yield(f, err)
		})
	}
	h, err := handover.Build(in)
	if err != nil {
		return err
	}
	w.suspect(p, h)
	p.indicators, p.familiar = append(p.indicators, survey.Devices()...), survey.Familiar()
	if len(p.accounts) == 0 && in.Decision != nil {
		for _, account := range in.Decision.Accounts {
			p.addAccount(account)
		}
	}
	return nil
}

// suspect takes the indicators that a line of a log can have.
func (w *watching) suspect(p *watchPlan, h *handover.Handover) {
	kinds := map[handover.Kind]watch.Kind{handover.KindIP: watch.IP, handover.KindClient: watch.Client}
	for _, x := range h.Indicators {
		kind, ok := kinds[x.Kind]
		if !ok || len(x.Reasons) == 0 {
			continue
		}
		p.indicators = append(p.indicators, watch.Indicator{Kind: kind, Value: x.Value, From: x.Reasons[0].Finding, Why: x.Reasons[0].Title.In(w.c.Language), Shared: !x.Alarm()})
	}
	for _, l := range h.LeftOut {
		if kinds[l.Kind] != "" && !slices.Contains(p.left, l) {
			p.left = append(p.left, l)
		}
	}
}

// sinceWhen is from when on the logs are read.
func (w *watching) sinceWhen(p *watchPlan) error {
	if w.opts.since != "" {
		at, err := parseDay(w.opts.since, caseLocation(w.c))
		if err != nil {
			return usageError(fmt.Errorf("--since: %w", err), w.c.words("write a day or a time, as in ", "écrivez un jour ou une heure, comme ")+"2026-10-15T08:00:00Z")
		}
		if p.since, p.why = at, "--since"; at.After(w.now()) {
			return usageError(errors.New(w.c.words("--since is still to come", "--since est à venir")), w.c.words("write a day or a time that is past", "écrivez un jour ou une heure passés"))
		}
	}
	if p.since.IsZero() {
		p.since, p.why = w.now().Add(-watchNoPlan), w.c.words("24 hours ago: no plan of this case was applied", "il y a 24 heures : aucun plan de ce dossier n'a été appliqué")
	}
	p.since = p.since.UTC().Truncate(time.Second)
	return nil
}

// watchListError says what to type instead of what is no indicator.
func watchListError(err error) error {
	var wrong *watch.ErrIndicator
	if !errors.As(err, &wrong) {
		return err
	}
	examples := map[watch.Kind]string{watch.IP: "--ip 203.0.113.77", watch.Network: "--ip 203.0.113.0/24", watch.ASN: "--asn AS64500", watch.Account: "--account alice@example.com"}
	hint := "leave empty values out"
	if e := examples[wrong.Indicator.Kind]; e != "" {
		hint = "write it as in " + e
	}
	return usageError(errors.New(visible.Line(err.Error())), hint)
}
