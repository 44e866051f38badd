package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mbaudit/mbaudit/internal/visible"
)

// A hintedError is an error with the words to type next.
type hintedError struct {
	err   error
	hint  string
	usage bool // the command line itself is wrong: exit status 2
}

func (e *hintedError) Error() string { return e.err.Error() }
func (e *hintedError) Unwrap() error { return e.err }

func withHint(err error, hint string) error   { return &hintedError{err: err, hint: hint} }
func usageError(err error, hint string) error { return &hintedError{err: err, hint: hint, usage: true} }

// A statusError ends the program with a status after everything has been printed.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// report prints an error in the form that the command line promises and returns the exit status.
func (t *terminal) report(ctx context.Context, err error) int {
	var status statusError
	if err == nil {
		return statusDone
	}
	if errors.As(err, &status) {
		return int(status)
	}
	var hinted *hintedError
	hint, usage := "", false
	if errors.As(err, &hinted) {
		hint, usage = hinted.hint, hinted.usage
	} else {
		hint = hintFor(err)
	}
	text := strings.ReplaceAll(err.Error(), "\n", "; ") // errors.Join separates by line breaks
	if usage && t.asksFrench() {
		text, hint = inFrench(text), inFrench(hint)
	}
	t.say("mbaudit: error: %s", visible.Line(text))
	if hint != "" {
		t.say("mbaudit: hint: %s", hint)
	}
	switch {
	case ctx.Err() != nil:
		return statusInterrupted
	case usage:
		return statusUsage
	}
	return statusFailed
}
