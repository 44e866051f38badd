package decision

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/findings"
)

// What entries of the journal that a decision reads are marked by, in journal.Entry.Ref.
const (
	refItem     = "item"     // what an answer is about: F-3f2a90c1d4, Q-transfer
	refAnswer   = "answer"   // recognised, not recognised, does not know; yes, no
	refOverride = "override" // a level, or "none"
	refLevel    = "level"    // of a qualification: what it gave
	refPossible = "possible"
	refRule     = "rule"
	refAxes     = "axes" // "3 1 1 2"
)

// A Record is what the journal holds that a decision depends on.
type Record struct {
	detected bool      // Known is that of a detection
	Known    time.Time // when the organisation came to know: the earliest detection, else the first entry
	KnownBy  string    // who said so
	KnownSeq uint64
	Answers  map[string]Answered
	Override *Override // without Computed
	Last     *Version
	Actions  int // that were done or verified
	Told     int // communications
}

// An Answered is what somebody said.
type Answered struct {
	Answer string
	By     string
	At     time.Time
	Seq    uint64
}

// A Version is what an earlier qualification gave.
type Version struct {
	At              time.Time
	Level, Possible Level
	Rule, Axes      string
	Seq             uint64
}

// ReadRecord reads a journal's entries.
func ReadRecord(entries []journal.Entry) Record {
	r := Record{Answers: map[string]Answered{}}
	corrected := map[uint64]bool{}
	for _, e := range entries {
		if e.Type == journal.Correction {
			corrected[e.Corrects] = true
		}
	}
	for _, e := range entries {
		if !corrected[e.Seq] {
			r.take(e)
		}
	}
	return r
}

func (r *Record) take(e journal.Entry) {
	at := e.EventTime
	if at.IsZero() {
		at = e.RecordedTime
	}
	switch detection := e.Type == journal.Detection; {
	case r.Known.IsZero(), detection && !r.detected, detection && at.Before(r.Known):
		r.Known, r.KnownBy, r.KnownSeq, r.detected = at, e.Informant, e.Seq, detection
	}
	if item := e.Ref[refItem]; item != "" {
		r.Answers[item] = Answered{e.Ref[refAnswer], e.Informant, at, e.Seq}
	}
	if level := e.Ref[refOverride]; level == "none" {
		r.Override = nil
	} else if l, err := ParseLevel(level); level != "" && err == nil {
		r.Override = &Override{Level: l, Reason: e.Ref["reason"], By: e.DecisionBy, At: at, Seq: e.Seq}
	}
	if l, err := ParseLevel(e.Ref[refLevel]); e.Ref[refLevel] != "" && err == nil {
		possible, err := ParseLevel(e.Ref[refPossible])
		if err == nil {
			r.Last = &Version{At: e.RecordedTime, Level: l, Possible: possible, Rule: e.Ref[refRule], Axes: e.Ref[refAxes], Seq: e.Seq}
		}
	}
	switch {
	case e.Type == journal.Action && (e.ActionState == journal.Done || e.ActionState == journal.Verified):
		r.Actions++
	case e.Type == journal.Communication:
		r.Told++
	}
}

// AnswerEntry is how an answer stands in the journal.
func AnswerEntry(item, answer, by, about string, at time.Time) journal.Entry {
	return journal.Entry{Type: journal.Information, EventTime: at.Truncate(time.Second), Informant: by,
		Description: fmt.Sprintf("answer to %s: %s (%s)", item, answer, about), Ref: map[string]string{refItem: item, refAnswer: answer}}
}

// OverrideEntry is how a level that a person sets stands in the journal; "" takes an earlier one back.
func OverrideEntry(level, computed Level, reason, by string, at time.Time) journal.Entry {
	word, description := string(level), fmt.Sprintf("level set by a person: %s instead of %s, because: %s", level.In("en"), computed.In("en"), reason)
	if level == "" {
		word, description = "none", "the computed level is in force again, because: "+reason
	}
	return journal.Entry{Type: journal.Decision, EventTime: at.Truncate(time.Second), Informant: by, DecisionBy: by, Description: description,
		Ref: map[string]string{refOverride: word, "computed": string(computed), "reason": reason}}
}

// VersionEntry is how the outcome of a qualification stands in the journal.
func (d *Decision) VersionEntry() journal.Entry {
	return journal.Entry{Type: journal.Information, Auto: true, Informant: "mbaudit",
		Description: fmt.Sprintf("qualified: established %s, possible %s, rule %s", d.Level.In("en"), d.Possible.In("en"), d.Rule.ID),
		Ref:         map[string]string{refLevel: string(d.Level), refPossible: string(d.Possible), refRule: d.Rule.ID, refAxes: d.axes()}}
}

func (d *Decision) axes() string {
	return fmt.Sprintf("%d %d %d %d", d.Confirmation.Established, d.Scope.Established, d.Impact.Established, d.Urgency.Established)
}

// Regrade gives the findings as they stand after the answers.
func (r *Record) Regrade(result *findings.Result) {
	for i, f := range result.Findings {
		a, there := r.Answers[f.ID]
		if !there {
			continue
		}
		regraded := findings.Regrade(*f, findings.Recognition(a.Answer))
		result.Findings[i] = &regraded
	}
}

// yes and no say what was answered to a question of ours.
func (r *Record) yes(item string) bool { return r.Answers[item].Answer == string(Yes) }
func (r *Record) no(item string) bool  { return r.Answers[item].Answer == string(No) }

// ParseAnswer reads an answer to an item in either language: of a finding whether it is recognised, of a question yes or no.
func ParseAnswer(item, word string) (string, error) {
	word = strings.Join(strings.Fields(strings.ToLower(word)), " ")
	words := [][]string{{string(findings.Recognised), "recognized", "reconnu", "r", "yes", "oui", "y", "o"},
		{string(findings.NotRecognised), "not recognized", "not-recognised", "non reconnu", "n", "no", "non"},
		{string(findings.DoesNotKnow), "unknown", "ne sait pas", "?", "do not know"}}
	if strings.HasPrefix(item, "Q-") {
		words = [][]string{{string(Yes), "oui", "y", "o"}, {string(No), "non", "n"}, {string(findings.DoesNotKnow), "unknown", "ne sait pas", "?", "do not know"}}
	}
	for _, list := range words {
		if slices.Contains(list, word) {
			return list[0], nil
		}
	}
	return "", fmt.Errorf("%q is no answer to %s", word, item)
}
