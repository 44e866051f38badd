package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mbaudit/mbaudit/containment"
	"github.com/mbaudit/mbaudit/containment/workspace"
	"github.com/mbaudit/mbaudit/internal/casefile"
)

// TestErrorsOfContainmentAreSaidInFrench holds each known error to its words, whatever stands around it, and keeps what it is.
func TestErrorsOfContainmentAreSaidInFrench(t *testing.T) {
	french, english := &openCase{Case: casefile.Case{Language: "fr"}}, &openCase{Case: casefile.Case{Language: "en"}}
	for _, known := range frenchErrors() {
		err := fmt.Errorf("x: %w (Google: 403)", known.err)
		if got := french.said(err); got.Error() != "x: "+known.french+" (Google: 403)" || !errors.Is(got, known.err) {
			t.Errorf("%v is said as %v", known.err, got)
		}
		if english.said(err).Error() != err.Error() {
			t.Errorf("%v is changed in English", err)
		}
	}
	stale := &containment.StaleError{Differences: []containment.Difference{{Step: containment.Step{N: 3, Kind: "gmail.filter"}}}}
	if got := french.said(stale); got.Error() != "le compte a changé depuis le plan : étapes 3 (gmail.filter)" {
		t.Errorf("a stale plan is said as %v", got)
	}
	if french.said(nil) != nil {
		t.Error("no error is one in French")
	}
	if got := french.said(fmt.Errorf("reading filters: %w", &workspace.Refusal{Status: 403, Reason: "forbidden"})); !strings.HasPrefix(got.Error(), "lecture de filters: 403 forbidden") {
		t.Errorf("a refusal is said as %v", got)
	}
}
