package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/internal/casefile"
)

type initOptions struct {
	operator, contact, organisation, authority string
	informant, report, at                      string
	language, timeZone, retainUntil            string
	outside                                    string
	domains, set                               []string
	edit, noInput                              bool
}

func newInitCommand(t *terminal, g *global) *cobra.Command {
	var opts initOptions
	cmd := &cobra.Command{
		Use:   "init CASE | init --edit",
		Short: "open the case and its journal before anything else",
		Long: `init makes the directory CASE with case.yaml and the journal (main courante), and writes
the first entry: who opened the case, when, and how the incident became known.
Put the directory outside the system that is examined: on a removable disk, say.
Nothing is mandatory in an emergency; what is missing shows as open in the report, with who
should say it.

On a terminal it then asks what only people know: roles, contacts, business priorities, the
bank, the insurer, where the machines are. Enter leaves an answer open, a dot ends the
questions, --no-input asks none. Later: mbaudit init --edit, or case.yaml in an editor.`,
		Example: `  mbaudit init /mnt/usb/2026-0042 --informant "M. Martin, accounting" \
    --report "replies to mails that she did not send"
  mbaudit init --edit --case /mnt/usb/2026-0042 --set roles.dpo="Mme Roy, 01 02 03 04 05"`,
		Args: func(cmd *cobra.Command, args []string) error {
			if opts.edit {
				return noArgs(cmd, args)
			}
			return exactArgs("CASE")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if opts.edit {
				return runInitEdit(cmd.Context(), t, g, &opts)
			}
			return runInit(cmd.Context(), t, args[0], opts)
		},
	}
	f := cmd.Flags()
	f.StringVar(&opts.operator, "operator", "", "who runs mbaudit (default: your login's name)")
	f.StringVar(&opts.contact, "contact", "", "how to reach the operator")
	f.StringVar(&opts.organisation, "organisation", "", "whose mail system it is")
	f.StringVar(&opts.authority, "authority", "", "under what mandate: who asked for this, when, on what ground")
	f.StringVar(&opts.informant, "informant", "", "person or service who detected or informed (default: the operator)")
	f.StringVar(&opts.report, "report", "", "what they detected or said")
	f.StringVar(&opts.at, "time", "", "when they did, as in 2026-11-23T14:05:00+01:00 (default: now)")
	f.StringVar(&opts.language, "lang", "en", "language of reports, fr or en")
	f.StringVar(&opts.timeZone, "time-zone", "", "for showing times, as in Europe/Paris (default: this machine's)")
	f.StringVar(&opts.retainUntil, "retain-until", "", "day until which pushed evidence is locked, as in 2027-06-30")
	f.StringVar(&opts.outside, "outside-is-my-decision", "", "why the directory may be a synchronised one, or on another machine; it is journalled")
	f.StringArrayVar(&opts.domains, "domain", nil, "the organisation's own mail domain (repeatable)")
	f.StringArrayVar(&opts.set, "set", nil, "an answer that only people know, as in roles.dpo=NAME or insurance.insurer=NAME (repeatable)")
	f.BoolVar(&opts.edit, "edit", false, "ask again what is open in a case that is there (--case), or take --set answers into it")
	f.BoolVar(&opts.noInput, "no-input", false, "ask nothing")
	return cmd
}

func runInit(ctx context.Context, t *terminal, dir string, opts initOptions) error {
	now := t.now()
	asks := t.interactive && !opts.noInput
	c := casefile.New(filepath.Base(filepath.Clean(dir)), casefile.Operator{Name: opts.operator, Contact: opts.contact}, now)
	if c.Operator.Name == "" {
		c.Operator.Name = loginName()
	}
	c.Organisation, c.Authority, c.OwnDomains = opts.organisation, opts.authority, opts.domains
	switch opts.language {
	case "fr", "en":
		c.Language = opts.language
	default:
		return usageError(fmt.Errorf("there is no language %q", opts.language), "type --lang fr or --lang en")
	}
	if c.TimeZone = opts.timeZone; c.TimeZone == "" {
		c.TimeZone = localZone(now)
	}
	if opts.retainUntil != "" {
		if _, err := c.LockUntil(opts.retainUntil, now); err != nil {
			return usageError(err, hintFor(err))
		}
		c.Retention.Until = opts.retainUntil
	}
	if _, err := setAnswers(&c, opts.set); err != nil {
		return err
	}
	warnings := casefile.Placement(dir, opts.domains)
	if len(warnings) > 0 && strings.TrimSpace(opts.outside) == "" {
		return misplaced(t, dir, warnings)
	}
	var answers <-chan string
	if asks {
		answers = readLines(t)
		err := askReporter(ctx, t, &openCase{Case: c}, answers, &opts)
		if errors.Is(err, errEnoughAsked) || errors.Is(err, errInputEnded) {
			asks = false
		} else if err != nil {
			return err
		}
	}
	first, err := firstEntry(c, opts, now)
	if err != nil {
		return err
	}
	if err := casefile.Create(dir, c); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return withHint(fmt.Errorf("%s holds a case already", dir), "go on with it: mbaudit collect --case "+dir+" …   or name another directory")
		}
		return err
	}
	j, _, err := journal.Create(filepath.Join(dir, casefile.JournalName), first)
	if err != nil {
		return err
	}
	if err := journalPlacement(j, c, warnings, opts.outside); err != nil {
		return err
	}
	t.print("%s opened by %s; its journal has %s", dir, c.Operator.Name, plural2(1+len(warnings), "entry", "entries"))
	open := &openCase{Case: c, dir: dir, journal: j}
	if asks {
		keys, err := askOpen(ctx, t, open, answers)
		if err := errors.Join(err, open.keepAnswers(t, keys)); err != nil {
			return err
		}
	}
	open.tellOpen(t)
	t.say("next: mbaudit collect --case %s --account A --imap imaps://HOST", dir)
	return nil
}

// firstEntry is the journal's first line: how the incident became known.
func firstEntry(c casefile.Case, opts initOptions, now time.Time) (journal.Entry, error) {
	e := journal.Entry{Type: journal.Information, EventTime: now.Truncate(time.Second), Informant: opts.informant, Recorder: c.Operator.Name,
		Description: "case " + c.Case + " opened"}
	if e.Informant == "" {
		e.Informant = c.Operator.Name
	}
	if opts.report != "" {
		e.Type = journal.Detection
		e.Description += "; reported: " + opts.report
	}
	if opts.at != "" {
		at, err := time.Parse(time.RFC3339, opts.at)
		if err != nil {
			return e, usageError(fmt.Errorf("--time %q is not a time", opts.at), "write it with its offset, as in --time 2026-11-23T14:05:00+01:00")
		}
		e.EventTime = at
	}
	return e, e.Check()
}

// loginName is the operator's name as the operating system has it.
func loginName() string {
	u, err := user.Current()
	switch {
	case err != nil:
		return "operator"
	case u.Name != "":
		return u.Name
	}
	return u.Username
}

// localZone is the machine's time zone by its IANA name, or UTC where the system does not tell the name.
func localZone(now time.Time) string {
	if name := now.Location().String(); name != "Local" {
		return name
	}
	if target, err := filepath.EvalSymlinks("/etc/localtime"); err == nil {
		const zones = "zoneinfo/"
		for i := len(target) - len(zones); i >= 0; i-- {
			if target[i:i+len(zones)] == zones {
				if name := target[i+len(zones):]; name != "" {
					if _, err := time.LoadLocation(name); err == nil {
						return name
					}
				}
				break
			}
		}
	}
	return "UTC"
}
