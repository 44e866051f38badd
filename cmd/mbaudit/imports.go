package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/authlog"
	"github.com/mbaudit/mbaudit/collectors/files"
	"github.com/mbaudit/mbaudit/collectors/reportsfile"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// A wantedImport is one --import: KIND=PATH, or KIND:ACCOUNT=PATH where it must be said whose it is.
type wantedImport struct {
	kind    importKind
	account string // as typed; empty: the only account, or of what is shared the first
	path    string // absolute: a run that resumes may begin elsewhere

	collector string // name of the one that reads it, once it is open
}

// String writes an import as it is typed.
func (i wantedImport) String() string {
	if i.account == "" {
		return i.kind.name + "=" + i.path
	}
	return i.kind.name + ":" + i.account + "=" + i.path
}

// parseImport reads one --import. An account may hold a "=": those that are known are looked for first.
func parseImport(text string, accounts []string) (wantedImport, error) {
	hint := "write it as in --import mbox=hand-over.mbox, or --import mbox:bob@example.com=hand-over.mbox"
	end := strings.IndexAny(text, ":=")
	if end < 0 {
		return wantedImport{}, usageError(fmt.Errorf("--import %q is not KIND=PATH", visible.Text(text)), hint)
	}
	kind, err := findImportKind(text[:end])
	if err != nil {
		return wantedImport{}, err
	}
	account, path, found := "", text[end+1:], true
	if text[end] == ':' {
		account, path, found = strings.Cut(text[end+1:], "=")
		for _, known := range accounts {
			if rest, ok := strings.CutPrefix(text[end+1:], known+"="); ok {
				account, path = known, rest
			}
		}
	}
	if !found || path == "" || text[end] == ':' && account == "" {
		return wantedImport{}, usageError(fmt.Errorf("--import %q is not KIND:ACCOUNT=PATH", visible.Text(text)), hint)
	}
	if path, err = filepath.Abs(path); err != nil {
		return wantedImport{}, err
	}
	return wantedImport{kind: kind, account: account, path: path}, nil
}

func findImportKind(name string) (importKind, error) {
	if slot, ok := strings.CutPrefix(name, attachPrefix); ok {
		return attachKind(slot)
	}
	var names []string
	for _, kind := range importKinds() {
		if kind.name == name {
			return kind, nil
		}
		names = append(names, kind.name)
	}
	if name == "pst" || name == "ost" {
		return importKind{}, usageError(fmt.Errorf("--import %s: Outlook files are not read", name), pstHint)
	}
	return importKind{}, usageError(fmt.Errorf("--import knows no %q", visible.Text(name)), "the kinds are "+strings.Join(names, ", "))
}

const pstHint = "convert it first, as in: mkdir out && readpst -e -o out FILE.pst (package pst-utils), then: --import eml=out; keep the file and its SHA-256"

// absoluteImports writes the paths of --import absolutely, so that a later run compares and finds them from elsewhere.
func (o *collectOptions) absoluteImports() error {
	for i, text := range o.imports {
		parsed, err := parseImport(text, o.accounts)
		if err != nil {
			return err
		}
		o.imports[i] = parsed.String()
	}
	return nil
}

// parseImports says for which account each import is.
func (r *collection) parseImports() error {
	seen := map[string]bool{}
	for _, text := range r.opts.imports {
		i, err := parseImport(text, r.opts.accounts)
		if err != nil {
			return err
		}
		switch {
		case i.account != "" && !slices.Contains(r.opts.accounts, i.account):
			return usageError(fmt.Errorf("--import is for %s, which is not among the accounts", visible.Text(i.account)),
				"add --account "+visible.Text(i.account)+", or correct the name")
		case i.account == "" && len(r.opts.accounts) > 1 && !i.kind.shared:
			return usageError(fmt.Errorf("there are several accounts, and --import %s does not say whose it is", visible.Text(i.String())),
				fmt.Sprintf("write --import %s:%s=%s", i.kind.name, visible.Text(r.opts.accounts[0]), visible.Text(i.path)))
		case seen[i.String()]:
			return usageError(fmt.Errorf("--import %s is there twice", visible.Text(i.String())), "name each path once")
		}
		seen[i.String()] = true
		r.wanted = append(r.wanted, i)
	}
	if len(r.wanted) > 0 && (len(r.opts.folders) > 0 || r.opts.since != "" || r.opts.until != "") {
		return usageError(errors.New("--folder, --since and --until are for a server: what is imported is read whole"),
			"leave them out, or collect from the server and import in two runs; a folder can be imported by its own path")
	}
	return nil
}

// openImports makes the collectors of what is imported. They look whether it is there and of its kind, so that nothing
// is begun in vain.
func (r *collection) openImports() error {
	if len(r.wanted) == 0 {
		return nil
	}
	shown := newProgress(r.terminal)
	r.progress = append(r.progress, shown)
	for n, i := range r.wanted {
		collector, err := i.kind.open(openImport{i.path, r.opts.accounts, r.logZone, shown, r.opts.attached, r.together(i)})
		if err != nil {
			return importError(err, i)
		}
		r.wanted[n].collector = collector.Name()
		account := cmp.Or(i.account, r.opts.accounts[0])
		r.imports = append(r.imports, reading{collector, collectors.Scope{Account: account, Messages: r.importMode}})
	}
	return nil
}

// together is how many files are imported with an import as its kind and for its account.
func (r *collection) together(one wantedImport) int64 {
	var n int64
	for _, i := range r.wanted {
		if i.kind.name == one.kind.name && i.account == one.account {
			n++
		}
	}
	return n
}

// importError adds what to type instead.
func importError(err error, i wantedImport) error {
	var kind *files.KindError
	switch {
	case errors.Is(err, files.ErrPST):
		return usageError(err, pstHint)
	case errors.As(err, &kind) && kind.Means != "":
		return usageError(err, fmt.Sprintf("write --import %s=%s", kind.Means, visible.Text(kind.Path)))
	case errors.As(err, &kind):
		return usageError(err, "name what it is: "+strings.TrimSpace(strings.ReplaceAll(importKindsHelp(), "\n", ";")))
	case errors.Is(err, files.ErrTooLarge):
		return usageError(err, "keep it with: mbaudit collect --import raw="+visible.Text(i.path))
	case errors.Is(err, files.ErrEmpty), errors.Is(err, files.ErrNotAFile):
		return usageError(err, "attach a screenshot, a PDF, an export or a note")
	case errors.Is(err, files.ErrNothing), errors.Is(err, authlog.ErrNothing), errors.Is(err, reportsfile.ErrNothing), errors.Is(err, fs.ErrNotExist):
		return usageError(err, "check the path; a disk may have to be mounted first")
	case errors.Is(err, fs.ErrPermission):
		return withHint(err, "read it as a user who may, or let its owner hand over a copy")
	}
	return usageError(err, "check --import "+visible.Text(i.String()))
}
