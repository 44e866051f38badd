package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/internal/casefile"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// version is set by the linker for a release.
const version = "0.1.0"

// The exit statuses that are promised.
const (
	statusDone        = 0
	statusFailed      = 1
	statusUsage       = 2
	statusIncomplete  = 3
	statusFindings    = 4 // the level is that of --fail-on, or higher
	statusNotVerified = 5
	statusInterrupted = 130
)

// run executes one command line and returns the exit status.
func run(ctx context.Context, t *terminal, args []string) int {
	root := newRootCommand(t)
	root.SetArgs(args)
	root.SetIn(t.stdin)
	root.SetOut(t.stdout)
	root.SetErr(t.stderr)
	err := root.ExecuteContext(ctx)
	status := t.report(ctx, err)
	t.finishFollowers()
	return status
}

// global holds the options that every command has.
type global struct {
	caseDir string
	json    bool
}

func newRootCommand(t *terminal) *cobra.Command {
	g := &global{}
	root := &cobra.Command{
		Use:   "mbaudit",
		Short: "preserve, seal and verify what a mail system tells about an account",
		Long: `mbaudit is what a responder runs in the first hour after a mailbox is suspected compromised.
It reads everything the mail system can tell, changes nothing there, and seals it so
that a stranger verifies it with sha256sum, ssh-keygen, openssl and unzip.

  mbaudit init CASE        open the case and its logbook
  mbaudit preflight …      what a server offers and refuses, before anything is read
  mbaudit collect …        read an account, seal the bundle, push it off this machine
  mbaudit attach …         keep a screenshot or note of what no program reads
  mbaudit verify …         read a bundle again and say what is as it was sealed
  mbaudit seal --partial   seal what there is so far; collection goes on
  mbaudit show, diff …     look into a bundle, compare two
  mbaudit disclose …       hand over some exhibits, with proofs
  mbaudit timestamp, sign  add or renew timestamps, add signatures
  mbaudit probe, push, hold, extend s3://…   the store: what it guarantees, locks
  mbaudit qualify          facts, findings and the decision of the case's bundles
  mbaudit ask              what to ask the people concerned, and what they answered
  mbaudit contain …        take an account back: plan, apply, verify, undo
  mbaudit watch            then watch everybody's logs for the intruder
  mbaudit rules …          the rules that findings are made by
  mbaudit report           the report: HTML, PDF, Markdown, JSON; French, English
  mbaudit export           timeline, indicators, detection rules, whom to warn, tables
  mbaudit log …            the logbook (main courante)
  mbaudit demo             all of it on servers of its own, without any set-up

Exit status: 0 done, 1 failed, 2 wrong usage, 3 incomplete evidence (gaps),
4 found (also the level of --fail-on), 5 not verified, 130 interrupted.`,
		Version:           version,
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
		Args:              cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError(fmt.Errorf("there is no command %q", visible.Text(args[0])), suggest(cmd, args[0]))
			}
			return cmd.Help()
		},
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SuggestionsMinimumDistance = 2
	root.SetVersionTemplate(versionText())
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError(err, "to see what there is, type: "+cmd.CommandPath()+" --help")
	})
	root.PersistentFlags().StringVar(&g.caseDir, "case", "", "case directory (default $MBAUDIT_CASE, or the current one if it holds case.yaml)")
	root.PersistentFlags().BoolVar(&g.json, "json", false, "print the result as JSON")
	root.AddCommand(
		newInitCommand(t, g),
		newPreflightCommand(t, g),
		newCollectCommand(t, g),
		newAttachCommand(t, g),
		newSealCommand(t, g),
		newVerifyCommand(t, g),
		newShowCommand(t, g),
		newDiffCommand(t, g),
		newDiscloseCommand(t, g),
		newExportCommand(t, g),
		newSignCommand(t, g),
		newPushCommand(t, g),
		newProbeCommand(t, g),
		newHoldCommand(t, g),
		newExtendCommand(t, g),
		newTimestampCommand(t, g),
		newLogCommand(t, g),
		newContainCommand(t, g),
		newWatchCommand(t, g),
		newQualifyCommand(t, g),
		newAskCommand(t, g),
		newRulesCommand(t, g),
		newReportCommand(t, g),
		newDemoCommand(t, g),
	)
	return root
}

func versionText() string {
	revision := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = " " + s.Value
			}
		}
	}
	return fmt.Sprintf("mbaudit %s%s %s %s/%s\n", version, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// suggest names the command that was perhaps meant.
func suggest(cmd *cobra.Command, typed string) string {
	if near := cmd.SuggestionsFor(typed); len(near) > 0 {
		return "perhaps you mean: mbaudit " + near[0]
	}
	return "to see the commands, type: mbaudit --help"
}

// noArgs and exactArgs refuse what is left on a command line in our own words.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usageError(fmt.Errorf("%s takes no %q", cmd.CommandPath(), visible.Text(args[0])), "type: "+cmd.CommandPath()+" --help")
}

func exactArgs(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		return usageError(fmt.Errorf("%s takes %s", cmd.CommandPath(), strings.Join(names, " and ")), "type: "+cmd.UseLine())
	}
}

// An openCase is a case with its journal.
type openCase struct {
	casefile.Case
	dir     string
	journal *journal.Journal
}

// openCase finds and reads the case.
func (g *global) openCase(t *terminal) (*openCase, error) {
	dir, err := casefile.Find(g.caseDir, t.getenv("MBAUDIT_CASE"))
	if err != nil {
		if errors.Is(err, casefile.ErrNoCase) {
			return nil, usageError(err, "open one with: mbaudit init CASE   or name yours with: --case DIR")
		}
		return nil, err
	}
	c, err := casefile.Load(dir)
	if err != nil {
		return nil, withHint(err, "correct the file with a text editor")
	}
	j, err := journal.Open(filepath.Join(dir, casefile.JournalName))
	if err != nil {
		return nil, err
	}
	open := &openCase{Case: c, dir: dir, journal: j}
	return open, open.follow(t)
}

// path gives a place in the case directory.
func (c *openCase) path(elements ...string) string {
	return filepath.Join(append([]string{c.dir}, elements...)...)
}

// begin writes into the journal what is about to be done. done, to be called with what came of it, writes the outcome.
func (c *openCase) begin(kind journal.Type, description string, ref map[string]string) (done func(result string, err error) error, err error) {
	entry := journal.Entry{Type: kind, Auto: true, Description: description, Informant: "mbaudit", Recorder: c.Operator.Name, Ref: ref}
	finish, err := c.journal.Begin(entry)
	if err != nil {
		return nil, fmt.Errorf("writing the journal: %w", err)
	}
	return finish, nil
}

// note writes something that happened into the journal.
func (c *openCase) note(kind journal.Type, description string, ref map[string]string) error {
	_, err := c.journal.Append(journal.Entry{Type: kind, Auto: true, Description: description, Informant: "mbaudit", Recorder: c.Operator.Name, Ref: ref})
	if err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	return nil
}

// say prints a line for people to stderr.
func (t *terminal) say(format string, args ...any) { fmt.Fprintf(t.stderr, format+"\n", args...) }

// print prints a line of the result to stdout.
func (t *terminal) print(format string, args ...any) { fmt.Fprintf(t.stdout, format+"\n", args...) }

// confirm asks a question that is answered by yes or no. Where nobody can be asked, the answer is no.
func (t *terminal) confirm(question string) bool {
	if !t.interactive {
		return false
	}
	fmt.Fprintf(t.stderr, "%s [y/N] ", question)
	answer, _ := bufio.NewReader(t.stdin).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes", "o", "oui":
		return true
	}
	return false
}
