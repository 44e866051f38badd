package imap

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mbaudit/mbaudit/containment"
	"github.com/mbaudit/mbaudit/internal/managesieve"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// A script is the active one, as it is kept: the name in quotes, the text whole.
type script struct {
	Name   string `json:"name"`
	Script kept   `json:"script"`
}

// activeScript reads the script that the server runs; ok is false where it runs none.
func (c *Client) activeScript(ctx context.Context) (active script, ok bool, err error) {
	err = c.withSieve(ctx, true, func(s *managesieve.Conn) error {
		active, ok, err = readActive(s)
		return err
	})
	return active, ok, err
}

func readActive(s *managesieve.Conn) (active script, ok bool, err error) {
	answer, listed, err := s.List()
	if err != nil {
		return script{}, false, fmt.Errorf("listing the Sieve scripts: %w", err)
	}
	if !answer.OK() {
		return script{}, false, &managesieve.NoError{Status: answer.Status}
	}
	for _, l := range listed {
		if !l.Active {
			continue
		}
		body, err := readScript(s, l.Name)
		if err != nil {
			return script{}, false, err
		}
		return script{Quoted(l.Name), keep(body)}, true, nil
	}
	return script{}, false, nil
}

// readScript reads a script. One that is not there is a *managesieve.NoError.
func readScript(s *managesieve.Conn, name string) ([]byte, error) {
	got, err := s.Get(name)
	if err != nil {
		return nil, fmt.Errorf("reading a Sieve script: %w", err)
	}
	if !got.Answer.OK() {
		return nil, &managesieve.NoError{Status: got.Answer.Status}
	}
	return got.Body, nil
}

// lookAtSieve holds when no script is active: when another one than the planned one is, the intruder may have put it there.
func lookAtSieve(ctx context.Context, c *Client, _ containment.Step) (containment.State, error) {
	active, ok, err := c.activeScript(ctx)
	if err != nil || !ok {
		return containment.State{Holds: err == nil}, err
	}
	doc, err := document(active)
	return containment.State{Document: doc}, err
}

// deactivate has the server run no script. The script stays where it is. It looks once more over the same connection, so
// that no other script than the one that was saved is switched off.
func deactivate(ctx context.Context, c *Client, step containment.Step, _ containment.State) error {
	return c.withSieve(ctx, false, func(s *managesieve.Conn) error {
		active, ok, err := readActive(s)
		switch {
		case err != nil || !ok:
			return err
		case active.Name != step.Target || !sameScript(step.State, active):
			return problemf("another script is active now, %s, than the one that was saved: plan again", active.Name)
		}
		return activateOn(s, "")
	})
}

func sameScript(before containment.State, now script) bool {
	var was script
	return json.Unmarshal(before.Document, &was) == nil && was.Name == now.Name && bytes.Equal(was.Script.bytes(), now.Script.bytes())
}

func activateOn(s *managesieve.Conn, name string) error {
	answer, err := s.Activate(name)
	if err != nil {
		return fmt.Errorf("SETACTIVE: %w", err)
	}
	if !answer.OK() {
		return &managesieve.NoError{Status: answer.Status}
	}
	return nil
}

// activate has the server run the script again. One that is gone is stored again from what was saved; one that is not as it
// was saved is left alone, as is another one that somebody has activated since.
func activate(ctx context.Context, c *Client, step containment.Step, before containment.State) error {
	var was script
	if err := json.Unmarshal(before.Document, &was); err != nil {
		return fmt.Errorf("reading what was saved: %w", err)
	}
	names, _, err := unquoted(was.Name, 1)
	if err != nil {
		return err
	}
	return c.withSieve(ctx, false, func(s *managesieve.Conn) error {
		active, ok, err := readActive(s)
		if err != nil {
			return err
		}
		if ok && sameScript(before, active) {
			return nil
		}
		if ok {
			return problemf("the script %s is active now; it is left so", active.Name)
		}
		if err := storedAgain(s, names[0], was.Script.bytes()); err != nil {
			return err
		}
		return activateOn(s, names[0])
	})
}

func storedAgain(s *managesieve.Conn, name string, saved []byte) error {
	there, err := readScript(s, name)
	var refusal *managesieve.NoError
	switch {
	case err == nil && bytes.Equal(there, saved):
		return nil
	case err == nil:
		return problemf("the script \"%s\" is not as it was saved; it is left as it is, and not active", visible.Text(name))
	case !errors.As(err, &refusal) || refusal.Status.Code != "NONEXISTENT" && listedScript(s, name):
		return err
	}
	answer, err := s.Store(name, saved)
	if err != nil {
		return fmt.Errorf("PUTSCRIPT: %w", err)
	}
	if !answer.OK() {
		return &managesieve.NoError{Status: answer.Status}
	}
	return nil
}

// listedScript says whether a script is there, also where that cannot be told.
func listedScript(s *managesieve.Conn, name string) bool {
	answer, listed, err := s.List()
	if err != nil || !answer.OK() {
		return true
	}
	for _, l := range listed {
		if l.Name == name {
			return true
		}
	}
	return false
}

func wholeScript(ctx context.Context, c *Client, step containment.Step) (containment.Original, error) {
	active, ok, err := c.activeScript(ctx)
	switch {
	case err != nil:
		return containment.Original{}, err
	case !ok || active.Name != step.Target:
		return containment.Original{}, problemf("the script %s is not active any more", step.Target)
	}
	return containment.Original{Name: "script.sieve", MediaType: "application/sieve", Body: active.Script.bytes()}, nil
}
