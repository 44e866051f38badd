package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mbaudit/mbaudit/containment"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/findings/decision"
	"github.com/mbaudit/mbaudit/report"
)

// lookPrefix begins the names of the files in CASE/containment that say what contain verify saw.
const lookPrefix = "look-"

// keepLook writes what was seen beside the plans: CASE/containment/look-TIME-ACCOUNT.json. Each look is a file of its own.
func (r *containing) keepLook(l look) error {
	data, err := json.MarshalIndent(l, "", " ")
	if err != nil {
		return err
	}
	name := lookPrefix + l.At.Format("20060102T150405.000000Z") + "-" + evidence.SafeName(l.Account) + ".json"
	return createFile(r.c.path(containmentName, name), append(data, '\n'))
}

// reportWatch reads what mbaudit watch saw; nil where nobody watched.
func reportWatch(c *openCase) *report.Watch {
	data, err := os.ReadFile(c.path(watchName, watchTriedName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var doc triedDocument
	if err == nil {
		err = json.Unmarshal(data, &doc)
	}
	if err != nil {
		return &report.Watch{Unread: err.Error()}
	}
	w := &report.Watch{Since: doc.Since, Until: doc.MadeAt, More: doc.NotTold, NotRead: doc.NotRead}
	for _, x := range doc.Accounts {
		w.Tried = append(w.Tried, report.Tried{Account: x.Account, First: x.First, Last: x.Last, Attempts: x.Attempts, GotIn: x.GotFirst, IPs: x.IPs})
	}
	return w
}

// reportPlans reads the plans of CASE/containment for the report, with what their ledgers and the last looks say of each
// step. It changes nothing: a ledger's last line that a crash tore is left where it is, and not believed.
func reportPlans(c *openCase) ([]report.Plan, error) {
	var plans []report.Plan
	looks := map[string]look{}
	err := filepath.WalkDir(c.path(containmentName), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		switch {
		case entry.IsDir() || !strings.HasSuffix(name, ".json"):
			return nil
		case strings.HasPrefix(name, lookPrefix):
			return readLook(path, looks)
		case strings.HasPrefix(name, "plan-"):
			plan, err := readReportPlan(c, path)
			plans = append(plans, plan)
			return err
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for i := range plans {
		if l, ok := looks[plans[i].Account]; ok && !plans[i].Begun.IsZero() && l.At.After(plans[i].Begun) {
			seenAgain(&plans[i], l)
		}
	}
	slices.SortStableFunc(plans, func(x, y report.Plan) int { return cmp.Or(x.Made.Compare(y.Made), cmp.Compare(x.ID, y.ID)) })
	return plans, nil
}

// readLook keeps the newest look at each account.
func readLook(path string, looks map[string]look) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var l look
	if err := json.Unmarshal(data, &l); err != nil {
		return withHint(fmt.Errorf("reading %s: %w", filepath.Base(path), err), "look again: mbaudit contain verify; and move that file out of the case")
	}
	if l.At.After(looks[l.Account].At) {
		looks[l.Account] = l
	}
	return nil
}

// readReportPlan reads one plan and its ledger. A plan that cannot be read is in the report as such.
func readReportPlan(c *openCase, path string) (report.Plan, error) {
	file, err := os.ReadFile(path)
	if err != nil {
		return report.Plan{}, err
	}
	relative, err := filepath.Rel(c.dir, path)
	if err != nil {
		relative = path
	}
	out := report.Plan{File: filepath.ToSlash(relative), SHA256: containment.Hash(file)}
	var p containment.Plan
	if err := json.Unmarshal(file, &p); err != nil {
		out.Unread = err.Error()
		return out, nil
	}
	out.ID, out.Account, out.Mode, out.Made, out.By = p.ID, p.Account, string(p.Mode), p.Made, p.By
	out.Preserved, out.Skipped = p.Preserved.Bundle, p.Preserved.Skipped
	for _, w := range p.Warnings {
		text, instead := reportText(w.Text), reportText(w.Instead)
		out.Warnings = append(out.Warnings, decision.Text{FR: joinSentences(text.FR, instead.FR), EN: joinSentences(text.EN, instead.EN)})
	}
	for _, s := range p.Steps {
		out.Steps = append(out.Steps, report.Step{N: s.N, Kind: s.Kind, Target: s.Target, What: reportText(s.What), Why: reportText(s.Why), Effect: reportText(s.SideEffect), Decision: string(s.Decision), Undo: string(s.Undo),
			Exhibits: s.Exhibits, State: report.StepOpen})
	}
	lines, err := ledgerLines(ledgerPath(path))
	if err != nil {
		out.Unread = err.Error()
	}
	for _, line := range lines {
		follow(&out, line)
	}
	return out, nil
}

// joinSentences sets what is to be known and what to do instead side by side.
func joinSentences(text, instead string) string {
	if instead == "" {
		return text
	}
	return strings.TrimSuffix(text, ".") + ". → " + instead
}

func reportText(t containment.Text) decision.Text { return decision.Text{FR: t.In("fr"), EN: t.EN} }

// ledgerLines are the whole lines of a ledger; none where there is no ledger.
func ledgerLines(path string) ([]containment.Line, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var lines []containment.Line
	for text := range bytes.Lines(data[:bytes.LastIndexByte(data, '\n')+1]) {
		var line containment.Line
		if err := json.Unmarshal(text, &line); err != nil {
			return lines, fmt.Errorf("line %d of %s: %w", len(lines)+1, filepath.Base(path), err)
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// follow takes a line of the ledger into the plan.
func follow(p *report.Plan, line containment.Line) {
	if line.Event == containment.Preserve && line.Bundle != "" {
		p.Preserved = line.Bundle
	}
	if line.Step < 1 || line.Step > len(p.Steps) {
		return
	}
	s := &p.Steps[line.Step-1]
	state := map[containment.Event]string{containment.Begun: report.StepBegun, containment.Done: report.StepDone, containment.Held: report.StepHeld, containment.Failed: report.StepFailed,
		containment.UndoBegun: report.StepBegun, containment.Undone: report.StepUndone, containment.UndoFail: report.StepUndoFail}[line.Event]
	if state == "" || state == report.StepHeld && s.State == report.StepDone {
		return // gone on with after an end or a crash: what the run before did is what was done
	}
	s.State, s.At, s.Error = state, line.At, line.Text
	if p.Begun.IsZero() && line.Event == containment.Begun {
		p.Begun = line.At
	}
}

// seenAgain takes what was seen last into the plan.
func seenAgain(p *report.Plan, l look) {
	p.Looked, p.Signs, p.NotRead = l.At, len(l.Signs), l.Unread
	for _, check := range l.Checks {
		if check.Verdict == containment.New {
			p.New = append(p.New, reportText(check.Step.What))
		}
		for i := range p.Steps {
			if s := &p.Steps[i]; s.Kind == check.Step.Kind && s.Target == check.Step.Target && s.State != report.StepUndone {
				s.Verdict = string(check.Verdict)
			}
		}
	}
}
