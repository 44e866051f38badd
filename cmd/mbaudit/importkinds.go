package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/authlog"
	"github.com/mbaudit/mbaudit/collectors/files"
	"github.com/mbaudit/mbaudit/collectors/reportsfile"
)

// An importKind is something that --import reads.
type importKind struct {
	name, about string
	shared      bool // it says something of every account: it is kept once, under the first unless another is named
	open        func(o openImport) (collectors.Collector, error)
}

// An openImport is what a kind's collector is made from.
type openImport struct {
	path     string
	accounts []string       // that are examined
	logZone  *time.Location // of times without a zone; nil where nobody knows it
	report   collectors.Progress
	attached attachedOptions
	together int64 // how many files are attached to the same slot of the same account
}

// importKinds lists what --import reads.
func importKinds() []importKind {
	return []importKind{
		{"eml", "messages: a .eml file, a directory of them, or a zip, tar or gz", false, filesOf(files.EML)},
		{"mbox", "an mbox file, or a directory of them; messages stay as they are in it", false, filesOf(files.Mbox)},
		{"mboxo", "the same, with copies that lost the > of lines with >From", false, filesOf(files.MboxO)},
		{"mboxrd", "the same, and the > of lines with >>From too", false, filesOf(files.MboxRD)},
		{"maildir", "a Maildir with its folders", false, filesOf(files.Maildir)},
		{"authlog", "logs of mail servers: a file, a directory or a pattern", true, authlogOf},
		{"raw", "any files, kept as they are: logs, exports, a directory of them; nothing is read in them", true, filesOf(files.Raw)},
		{"reports", "Google Workspace audit logs that were exported: JSON, JSON Lines or CSV", true, reportsOf},
		{"sieve", "Sieve scripts: a file or a directory", false, filesOf(files.Sieve)},
	}
}

func filesOf(kind files.Kind) func(openImport) (collectors.Collector, error) {
	return func(o openImport) (collectors.Collector, error) {
		return files.New(files.Config{Kind: kind, Path: o.path, Report: o.report})
	}
}

func authlogOf(o openImport) (collectors.Collector, error) {
	return authlog.New(authlog.Config{Path: o.path, Location: o.logZone, Accounts: o.accounts, Report: o.report})
}

func reportsOf(o openImport) (collectors.Collector, error) {
	return reportsfile.New(reportsfile.Config{Path: o.path, Location: o.logZone, Accounts: o.accounts, Report: o.report})
}

// importKindsHelp lists the kinds, one a line.
func importKindsHelp() string {
	var b strings.Builder
	for _, k := range importKinds() {
		fmt.Fprintf(&b, "  %-8s %s\n", k.name, k.about)
	}
	return b.String()
}
