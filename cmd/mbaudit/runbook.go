package main

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mbaudit/mbaudit/containment"
	"github.com/mbaudit/mbaudit/containment/imap"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/internal/visible"
)

const (
	runbookPrefix = "runbook-" // of the files of a runbook in the folder containment

	// mostHeard is how many messages are looked into for the program that delivered them, and mostHeader how much of each.
	mostHeard  = 25
	mostHeader = 32 << 10
)

// writeRunbook writes what a person does by hand beside the plan: for machines, and in both languages to be printed. It gives
// the path of the one in the case's language.
func (r *containing) writeRunbook(p containment.Plan, plan string) (string, error) {
	found, err := r.foundOf(p)
	if err != nil {
		return "", err
	}
	book := imap.NewRunbook(p, found, plan, r.opts.reach())
	text, err := book.Encode()
	if err != nil {
		return "", err
	}
	base := filepath.Join(filepath.Dir(plan), runbookPrefix+p.ID+"-"+evidence.SafeName(p.Account))
	files := map[string][]byte{base + ".json": text}
	for _, language := range []string{"en", "fr"} {
		files[base+"."+language+".md"] = book.Markdown(language)
	}
	for path, content := range files {
		if err := createFile(path, content); err != nil {
			return "", err
		}
	}
	language := "en"
	if r.c.Language == "fr" {
		language = "fr"
	}
	return base + "." + language + ".md", nil
}

// foundOf reads from the bundle that the plan cites what the server says of itself.
func (r *containing) foundOf(p containment.Plan) (imap.Found, error) {
	var found imap.Found
	if p.Preserved.Bundle == "" {
		return found, nil
	}
	keys, err := r.opts.identity.read(r.terminal)
	if err != nil {
		return found, err
	}
	b, err := evidence.Open(r.c.path("bundles", p.Preserved.Bundle), keys...)
	if err != nil {
		return found, err
	}
	messages := 0
	for record, err := range b.Records() {
		if err == nil && record.Exhibit != nil && record.Exhibit.Account == p.Account && record.Exhibit.Collector == imap.Provider {
			err = hear(&found, b, record, &messages)
		}
		if err != nil {
			return found, errors.Join(err, b.Close())
		}
	}
	return found, b.Close()
}

// hear takes what an exhibit tells of the server.
func hear(found *imap.Found, b *evidence.Bundle, record evidence.Record, messages *int) error {
	x := record.Exhibit
	message := strings.HasPrefix(x.Resource, "messages/")
	switch {
	case message && *messages < mostHeard:
		*messages++
	case message, !slices.Contains([]string{"greeting", "id", "sieve-session", "tls"}, x.Resource), x.Resource == "sieve-session" && x.Item != "greeting", x.Resource == "tls" && x.Item != "certificates":
		return nil
	}
	body, err := b.Body(x)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(body, mostHeader))
	switch {
	case err != nil:
		return err
	case message:
		found.HearMessage(text, record.ID())
	case x.Resource == "tls":
		if names := certificateNames(text); names != "" {
			found.Hear("certificate", []byte(names), record.ID())
		}
	default:
		found.Hear(x.Resource, text, record.ID())
	}
	return nil
}

// certificateNames are whom the server's certificate is for and from.
func certificateNames(chain []byte) string {
	block, _ := pem.Decode(chain)
	if block == nil {
		return ""
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return ""
	}
	return cert.Subject.String() + " / " + cert.Issuer.String()
}

// runbookNamed reads the runbook that is named, or the newest of the case.
func (c *openCase) runbookNamed(path string) (imap.Runbook, error) {
	if path == "" {
		var all []string
		for _, pattern := range []string{c.path(containmentName, runbookPrefix+"*.json"), c.path(containmentName, "*", runbookPrefix+"*.json")} {
			names, err := filepath.Glob(pattern)
			if err != nil {
				return imap.Runbook{}, err
			}
			all = append(all, names...)
		}
		if len(all) == 0 {
			return imap.Runbook{}, usageError(errors.New("this case has no runbook"), "mbaudit contain --account A --imap imaps://host writes one")
		}
		path = slices.MaxFunc(all, func(a, b string) int { return strings.Compare(filepath.Base(a), filepath.Base(b)) })
	}
	for _, language := range []string{".en.md", ".fr.md"} {
		if base, ok := strings.CutSuffix(path, language); ok {
			path = base + ".json"
		}
	}
	file, err := os.ReadFile(path)
	if err != nil {
		return imap.Runbook{}, usageError(err, "name a runbook of CASE/containment")
	}
	book, err := imap.ParseRunbook(file)
	if err != nil {
		return book, usageError(fmt.Errorf("%s: %w", visible.Text(path), err), "name a runbook of CASE/containment")
	}
	return book, nil
}

// tick fills in an entry of the journal with a step of a runbook: what the person said beside it stays.
func (c *openCase) tick(e *journal.Entry, path string, step int) error {
	book, err := c.runbookNamed(path)
	if err != nil {
		return err
	}
	task, ok := book.Task(step)
	if !ok {
		return usageError(fmt.Errorf("the runbook for %s has steps 1 to %d", visible.Text(book.Account), len(book.Tasks)), "type one of these after --step")
	}
	if e.Type == "" {
		e.Type = journal.Action
	}
	if e.ActionState == "" && e.Type == journal.Action {
		e.ActionState = journal.Done
	}
	if e.Account == "" {
		e.Account = book.Account
	}
	said := e.Description
	if e.Description = task.Tick(c.Language); said != "" {
		e.Description += " " + said
	}
	e.Ref = map[string]string{"runbook": book.ID, "step": fmt.Sprint(task.N), "task": task.Kind}
	return nil
}
