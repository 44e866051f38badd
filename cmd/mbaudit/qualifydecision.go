package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/decision"
)

// Names below CASE/analysis that the decision is written to.
const (
	decisionName = "decision.json"
	timelineName = "timeline.jsonl"
)

// Options about the decision that a person makes.
type deciderOptions struct {
	override, reason, by, failOn string
}

// check reads the levels that were named.
func (o *deciderOptions) check() (override, failOn decision.Level, err error) {
	const hint = "the levels are: anomaly, minor, major, crisis"
	if o.override != "" && o.override != "none" {
		if override, err = decision.ParseLevel(o.override); err != nil {
			return "", "", usageError(fmt.Errorf("--override: %w", err), hint+"; none takes an earlier one back")
		}
	}
	if o.failOn != "" {
		if failOn, err = decision.ParseLevel(o.failOn); err != nil {
			return "", "", usageError(fmt.Errorf("--fail-on: %w", err), hint)
		}
	}
	if o.override != "" && (o.reason == "" || o.by == "") {
		return "", "", usageError(errors.New("a level that a person sets needs a reason and a name"), `type --override LEVEL --reason "…" --by "NAME"`)
	}
	if o.override == "" && (o.reason != "" || o.by != "") {
		return "", "", usageError(errors.New("--reason and --by go with --override"), "name the level: --override anomaly, minor, major, crisis or none")
	}
	return override, failOn, nil
}

// entries are the journal's, verified.
func (c *openCase) entries() ([]journal.Entry, error) {
	lines, err := c.journal.Lines()
	if err != nil {
		return nil, fmt.Errorf("reading the journal: %w", err)
	}
	entries := make([]journal.Entry, len(lines))
	for i, l := range lines {
		entries[i] = l.Entry
	}
	return entries, nil
}

// decide makes the decision of what was found and of what the journal holds, journals what a person set, and writes decision.json and
// timeline.jsonl. The result's findings are graded anew by the answers.
func decide(t *terminal, c *openCase, q *qualification, result *findings.Result, opts *deciderOptions) (*decision.Decision, error) {
	entries, err := c.entries()
	if err != nil {
		return nil, err
	}
	in := decision.Input{Result: result, Coverage: q.collection.Coverage(), Survey: q.survey, Case: c.Case, Now: t.now()}
	in.Record = decision.ReadRecord(entries)
	in.Record.Regrade(result)
	d := decision.Decide(in)
	if opts.override != "" {
		level, _, err := opts.check()
		if err != nil {
			return nil, err
		}
		e := decision.OverrideEntry(level, d.Level, opts.reason, opts.by, t.now())
		e.Recorder = recorder(c)
		written, err := c.journal.Append(e)
		if err != nil {
			return nil, fmt.Errorf("writing the journal: %w", err)
		}
		entries = append(entries, written)
		in.Record = decision.ReadRecord(entries)
		d = decision.Decide(in)
	}
	return d, errors.Join(writeIndented(c.path(analysisName, decisionName), d), writeTimeline(c, q.survey.Timeline(result, entries)))
}

func writeTimeline(c *openCase, lines []decision.TimelineEntry) error {
	return writeDerived(c.path(analysisName, timelineName), func(w *bufio.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		for i := range lines {
			if err := enc.Encode(&lines[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// writeIndented writes a JSON document that can be made again.
func writeIndented(path string, v any) error {
	return writeDerived(path, func(w *bufio.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", " ")
		enc.SetEscapeHTML(false)
		return enc.Encode(v)
	})
}
