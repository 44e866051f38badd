package main

import (
	"errors"
	"fmt"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/internal/casefile"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// misplaced says why a directory is no place for a case.
func misplaced(t *terminal, dir string, warnings []casefile.Warning) error {
	for _, w := range warnings {
		t.say("%s", visible.Line(w.String()))
	}
	return withHint(errors.New(visible.Text(dir)+" is not outside of the system that is examined"),
		"choose a disk of your own, a removable one say; or say why it may be there: --outside-is-my-decision REASON")
}

// journalPlacement writes down that somebody decided to put the case where Placement warns of.
func journalPlacement(j *journal.Journal, c casefile.Case, warnings []casefile.Warning, reason string) error {
	for _, w := range warnings {
		_, err := j.Append(journal.Entry{Type: journal.Decision, Auto: true, Informant: c.Operator.Name, Recorder: c.Operator.Name, DecisionBy: c.Operator.Name,
			Description: fmt.Sprintf("the case is kept where it is not outside of the system that is examined: %s; reason: %s", w, reason),
			Ref:         map[string]string{"placement": string(w.Kind), "service": w.Service}})
		if err != nil {
			return fmt.Errorf("writing the journal: %w", err)
		}
	}
	return nil
}
