package containment

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// An Event is what a ledger's line says.
type Event string

// The events of a run.
const (
	Started   Event = "started"   // the first line: of which plan
	Preserve  Event = "preserved" // all pre-images are sealed
	Begun     Event = "begun"     // the call of a step is about to be made
	Done      Event = "done"      // it was made, and answered well
	Held      Event = "held"      // the aim was reached already: no call
	Failed    Event = "failed"
	UndoBegun Event = "undo begun"
	Undone    Event = "undone"
	UndoFail  Event = "undo failed"
	Ended     Event = "ended" // every step was gone through
)

// A Line is one line of a ledger.
type Line struct {
	V      int       `json:"v"`
	At     time.Time `json:"at"`
	Event  Event     `json:"event"`
	Step   int       `json:"step,omitempty"`
	Plan   string    `json:"plan,omitempty"`   // of Started: the plan's hash
	Bundle string    `json:"bundle,omitempty"` // of Preserve
	Before *State    `json:"before,omitempty"` // of Begun: the target just before the call
	Text   string    `json:"text,omitempty"`   // what went wrong; never a secret
}

// ErrLedger says that a ledger belongs to another plan, or cannot be read.
var ErrLedger = errors.New("the ledger does not fit")

// A Ledger is the write-ahead record of one plan's run. It is safe for use by several goroutines.
type Ledger struct {
	mu    sync.Mutex
	file  *os.File
	lines []Line
	now   func() time.Time
}

// OpenLedger opens or creates the ledger of the plan with that hash. A last line that was torn by a crash is cut off: it
// was never relied on.
func OpenLedger(path, hash string, now func() time.Time) (*Ledger, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	l := &Ledger{file: file, now: now}
	if err := l.load(hash); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if len(l.lines) > 0 {
		return l, nil
	}
	err = l.add(Line{Event: Started, Plan: hash})
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return l, nil
}

func (l *Ledger) load(hash string) error {
	data, err := io.ReadAll(l.file)
	if err != nil {
		return err
	}
	whole := data[:bytes.LastIndexByte(data, '\n')+1]
	for text := range bytes.Lines(whole) {
		var line Line
		if err := json.Unmarshal(text, &line); err != nil || line.V != 1 {
			return fmt.Errorf("%w: its line %d cannot be read", ErrLedger, len(l.lines)+1)
		}
		l.lines = append(l.lines, line)
	}
	if len(l.lines) > 0 && (l.lines[0].Event != Started || l.lines[0].Plan != hash) {
		return fmt.Errorf("%w: it is of a plan with the SHA-256 %.64q, this one has %s", ErrLedger, l.lines[0].Plan, hash)
	}
	if len(whole) < len(data) {
		if err := l.file.Truncate(int64(len(whole))); err != nil {
			return err
		}
	}
	_, err = l.file.Seek(int64(len(whole)), io.SeekStart)
	return err
}

// add writes a line and returns when it is on the disk.
func (l *Ledger) add(line Line) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	line.V, line.At = 1, l.now().UTC()
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	if _, err := l.file.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("writing the ledger: %w", err)
	}
	if err := l.file.Sync(); err != nil {
		return fmt.Errorf("writing the ledger: %w", err)
	}
	l.lines = append(l.lines, line)
	return nil
}

// Last is the last line about a step; ok is false where there is none.
func (l *Ledger) Last(step int) (line Line, ok bool) {
	for _, each := range l.Lines() {
		if each.Step == step && step > 0 {
			line, ok = each, true
		}
	}
	return line, ok
}

// Before is the target of a step just before its call was first begun: what Undo puts back.
func (l *Ledger) Before(step int) (State, bool) {
	for _, each := range l.Lines() {
		if each.Step == step && each.Event == Begun && each.Before != nil {
			return *each.Before, true
		}
	}
	return State{}, false
}

// Preserved names the bundle that holds the pre-images; "" where they are not sealed yet.
func (l *Ledger) Preserved() string {
	bundle := ""
	for _, each := range l.Lines() {
		if each.Event == Preserve {
			bundle = each.Bundle
		}
	}
	return bundle
}

// Lines are all lines up to now.
func (l *Ledger) Lines() []Line {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines[:len(l.lines):len(l.lines)]
}

// Close closes the file.
func (l *Ledger) Close() error { return l.file.Close() }

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
