package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/evidence/journal/remote"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// copyFileName is the file in a case directory that says where each entry of the journal goes by itself.
const copyFileName = "journal-copy.json"

// followTimeout bounds how long a command waits, at its end, for a store that does not answer.
const followTimeout = 10 * time.Second

// A journalCopy is what log push --always remembers: how the store is reached and how what goes there is locked. The
// credentials are not in it.
type journalCopy struct {
	Location    string `json:"location"`
	Endpoint    string `json:"s3_endpoint,omitempty"`
	Region      string `json:"s3_region,omitempty"`
	CAFile      string `json:"s3_ca,omitempty"`
	RetainUntil string `json:"retain_until,omitempty"`
	NoLock      bool   `json:"no_lock,omitempty"`
	UnknownLock bool   `json:"unknown_lock,omitempty"`
}

// options are those of the push that was confirmed when the copy was set up.
func (j journalCopy) options() storeOptions {
	return storeOptions{endpoint: j.Endpoint, region: j.Region, caFile: j.CAFile, retainUntil: j.RetainUntil,
		noLock: j.NoLock, unknownLock: j.UnknownLock, yes: true}
}

// journalCopy reads where the journal's entries go; ok is false where they go nowhere by themselves.
func (c *openCase) journalCopy() (copied journalCopy, ok bool, err error) {
	path := c.path(copyFileName)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return copied, false, nil
	}
	if err != nil {
		return copied, false, err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&copied); err != nil || copied.Location == "" {
		return copied, false, withHint(fmt.Errorf("%s cannot be read", path), "say again where the entries go: mbaudit log push --always s3://BUCKET/PREFIX")
	}
	return copied, true, nil
}

// keepCopy remembers where entries go from now on, after the journal says so.
func (c *openCase) keepCopy(copied journalCopy) error {
	data, err := json.MarshalIndent(copied, "", "  ")
	if err != nil {
		return err
	}
	draft := c.path(copyFileName + ".part")
	if err := os.WriteFile(draft, append(data, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(draft, c.path(copyFileName))
}

// A follower sends the journal's entries away while a command runs: it is woken by each entry that the command writes. It
// never holds the command up but at its end, and never fails it: an entry that cannot be sent stays in the journal, and
// goes before the next one.
type follower struct {
	t    *terminal
	c    *openCase
	to   journalCopy
	wake chan struct{}
	end  sync.WaitGroup

	ctx    context.Context
	cancel context.CancelFunc

	// of the goroutine alone, until it has ended
	copy  *remote.Copy
	there uint64 // entries that are known to be in the store
	err   error  // of the last try
}

// follow begins to send away what is written into the case's journal, if the case says where to.
func (c *openCase) follow(t *terminal) error {
	to, ok, err := c.journalCopy()
	if err != nil || !ok {
		return err
	}
	f := &follower{t: t, c: c, to: to, wake: make(chan struct{}, 1)}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	c.journal.Appended = func(journal.Entry) {
		select {
		case f.wake <- struct{}{}:
		default: // the entry goes with the one that has woken it already
		}
	}
	f.end.Go(f.work)
	t.followers = append(t.followers, f)
	return nil
}

func (f *follower) work() {
	for range f.wake {
		f.err = f.send()
	}
}

// send sends what the store does not hold yet.
func (f *follower) send() error {
	lines, err := f.c.journal.Lines()
	if err != nil {
		return err
	}
	if f.copy == nil {
		if err := f.open(lines); err != nil {
			return err
		}
	}
	f.there, err = f.copy.PushAfter(f.ctx, lines, f.there)
	return err
}

// open reaches the store and finds out what it holds.
func (f *follower) open(lines []journal.Line) error {
	opts := f.to.options()
	d, err := opts.open(f.ctx, f.t, f.c.Case, f.to.Location)
	if err != nil {
		return err
	}
	there := remote.New(d.Store, f.c.Case.Case)
	state, err := there.Look(f.ctx, lines)
	if err != nil {
		return err
	}
	f.copy, f.there = there, state.There
	return nil
}

// finish waits until everything is sent, for a while, and says what is not.
func (f *follower) finish() {
	close(f.wake)
	stop := time.AfterFunc(followTimeout, f.cancel)
	f.end.Wait()
	stop.Stop()
	f.cancel()
	if f.err == nil {
		return
	}
	hint := "they go with the next entry, or with: mbaudit log push"
	var fork *remote.ForkError
	var ahead *remote.AheadError
	if errors.As(f.err, &fork) || errors.As(f.err, &ahead) {
		hint = "two copies of the case went different ways; to see how: mbaudit log push"
	} else if h := hintFor(f.err); h != "" {
		hint = h + "; " + hint
	}
	f.t.say("mbaudit: warning: the newest journal entries are on this machine only, not in %s: %s", visible.Text(f.to.Location), visible.Line(f.err.Error()))
	f.t.say("mbaudit: hint: %s", hint)
}

// finishFollowers ends what follows the journals of this run.
func (t *terminal) finishFollowers() {
	for _, f := range t.followers {
		f.finish()
	}
	t.followers = nil
}
