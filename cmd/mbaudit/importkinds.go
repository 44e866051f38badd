package main

import (
	"fmt"
	"strings"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/files"
)

// An importKind is something that --import reads.
type importKind struct {
	name, about string
	shared      bool // it says something of every account: without a name of one it is read for each
	open        func(path string, report collectors.Progress) (collectors.Collector, error)
}

// importKinds lists what --import reads.
func importKinds() []importKind {
	return []importKind{
		{"eml", "messages: a .eml file, a directory of them, or a zip, tar or gz", false, filesOf(files.EML)},
		{"mbox", "an mbox file, or a directory of them; messages stay as they are in it", false, filesOf(files.Mbox)},
		{"mboxo", "the same, with copies that lost the > of lines with >From", false, filesOf(files.MboxO)},
		{"mboxrd", "the same, and the > of lines with >>From too", false, filesOf(files.MboxRD)},
		{"maildir", "a Maildir with its folders", false, filesOf(files.Maildir)},
		{"sieve", "Sieve scripts: a file or a directory", false, filesOf(files.Sieve)},
	}
}

func filesOf(kind files.Kind) func(string, collectors.Progress) (collectors.Collector, error) {
	return func(path string, report collectors.Progress) (collectors.Collector, error) {
		return files.New(files.Config{Kind: kind, Path: path, Report: report})
	}
}

// importKindsHelp lists the kinds, one a line.
func importKindsHelp() string {
	var b strings.Builder
	for _, k := range importKinds() {
		fmt.Fprintf(&b, "  %-8s %s\n", k.name, k.about)
	}
	return b.String()
}
