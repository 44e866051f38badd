package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/bundlediff"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/internal/visible"
)

func newDiffCommand(t *terminal, g *global) *cobra.Command {
	var identity identityOptions
	cmd := &cobra.Command{
		Use:   "diff BUNDLE BUNDLE",
		Short: "what changed between two bundles of one account",
		Long: `diff compares a sealed bundle with a later one: settings and protocol answers that were
added, removed or changed (rights, annotations and quota in words), folders that came or
went, messages that appeared, vanished, moved or were re-flagged. That something vanished is said only where both bundles read
that folder completely; elsewhere nothing follows, and it says so. Differences are no
error: the exit status is 0. Memory: up to 80 bytes for each message of each bundle.`,
		Example: `  mbaudit diff 01JD2… 01JE7… --json > changes.json`,
		Args:    exactArgs("BUNDLE", "BUNDLE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runDiff(cmd.Context(), t, g, args[0], args[1], &identity)
		},
	}
	identity.addFlags(cmd.Flags())
	return cmd
}

func runDiff(_ context.Context, t *terminal, g *global, first, second string, identity *identityOptions) error {
	var bundles [2]*evidence.Bundle
	var inCase *openCase
	for i, name := range []string{first, second} {
		dir, c, err := locateBundle(t, g, name)
		if err != nil {
			return err
		}
		if c != nil {
			inCase = c
		}
		if bundles[i], err = openBundle(t, dir, identity); err != nil {
			return err
		}
		defer bundles[i].Close()
	}
	if inCase != nil { // what is printed holds lines of settings
		err := inCase.note(journal.Collection, fmt.Sprintf("bundles %s and %s compared", bundles[0].Opening.Bundle, bundles[1].Opening.Bundle), nil)
		if err != nil {
			return err
		}
	}
	diff, err := bundlediff.Compare(bundles[0], bundles[1])
	if err != nil {
		return err
	}
	if g.json {
		return t.printJSON(diff)
	}
	printDiff(t, diff)
	return nil
}

// longestWords is how many characters of a sentence about settings are printed: names in it are a stranger's.
const longestWords = 400

// mostChanges is how many messages of a kind are printed one by one; --json has all.
const mostChanges = 20

func printDiff(t *terminal, d *bundlediff.Diff) {
	for _, s := range []struct {
		mark string
		side bundlediff.Side
	}{{"-", d.A}, {"+", d.B}} {
		t.print("%s %s opened %s, %s, %s", s.mark, s.side.Bundle, utc(s.side.OpenedAt), plural(s.side.Exhibits, "exhibit"), plural(s.side.Gaps, "gap"))
	}
	for _, note := range d.Notes {
		t.print("note: %s", visible.Text(note))
	}
	line := func(format string, args ...any) { t.print("%s", visible.Cut(fmt.Sprintf(format, args...), t.width)) }
	t.print("\nSettings and answers of the server: %s", plural(int64(len(d.Settings)), "difference"))
	for _, s := range d.Settings {
		line("  %-9s %s  %s", s.Change, strings.Join(nonEmpty(s.Account, s.Resource, s.Item), " "), pair(s.A, s.B))
		if s.Note != "" {
			line("            %s", s.Note)
		}
		for i, w := range s.Words {
			if i == mostChanges {
				t.print("            … and %d more: --json has all", len(s.Words)-i)
				break
			}
			page{t}.row("   "+w.Change, visible.Cut(w.Text, longestWords))
		}
		for i, text := range s.Lines {
			if i == mostChanges {
				t.print("            … and %d more lines", len(s.Lines)-i)
				break
			}
			line("          %s", text)
		}
	}
	if d.Chatter > 0 {
		line("  %d more answers differ in the command's number and the time it took only", d.Chatter)
	}
	t.print("\nFolders: %s", plural(int64(len(d.Folders)), "difference"))
	for _, f := range d.Folders {
		line("  %-10s %s %s", f.Change, f.Account, f.Folder)
		switch {
		case f.Change == bundlediff.Renumbered:
			line("             UIDVALIDITY %s, now %s: %d messages are there again", numbers(f.UIDValidityA), numbers(f.UIDValidityB), f.Again)
		case f.Change == bundlediff.Unknown:
			line("             only in the first: %d messages, only in the second: %d", f.OnlyA, f.OnlyB)
		}
		if f.Note != "" {
			line("             %s", f.Note)
		}
	}
	printMessages(t, d)
}

// printMessages prints the changed messages by kind, the most telling first.
func printMessages(t *terminal, d *bundlediff.Diff) {
	kinds := []struct {
		change bundlediff.Change
		title  string
	}{
		{bundlediff.Vanished, "vanished: they may have been deleted or moved"},
		{bundlediff.Moved, "moved: the same bytes are in another folder now"},
		{bundlediff.Altered, "altered: other bytes under the same UID, which IMAP does not allow"},
		{bundlediff.Reflagged, "re-flagged"},
		{bundlediff.Appeared, "appeared"},
	}
	t.print("\nMessages: %d the same", d.Same)
	for _, kind := range kinds {
		n := 0
		for _, m := range d.Messages {
			if m.Change == kind.change {
				n++
			}
		}
		if n == 0 {
			continue
		}
		t.print("%d %s", n, kind.title)
		shown := 0
		for _, m := range d.Messages {
			if m.Change != kind.change {
				continue
			}
			if shown == mostChanges {
				t.print("  … and %d more: --json has all", n-shown)
				break
			}
			shown++
			text := fmt.Sprintf("  %s  %s %s", pair(m.A, m.B), m.Account, m.Folder)
			if m.ToFolder != "" {
				text += " -> " + m.ToFolder
			}
			if m.Change == bundlediff.Reflagged {
				text += fmt.Sprintf("  (%s) -> (%s)", m.FlagsA, m.FlagsB)
			}
			t.print("%s", visible.Cut(text, t.width))
		}
	}
}

// pair names an exhibit by its numbers in both bundles.
func pair(a, b string) string {
	switch {
	case a == "":
		return "+" + b
	case b == "":
		return "-" + a
	}
	return a + " " + b
}

func numbers(list []uint32) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(list), " ", ", "), "[]")
}
