package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/evidence/journal/remote"
	"github.com/mbaudit/mbaudit/internal/visible"
)

func newLogPushCommand(t *terminal, g *global) *cobra.Command {
	var opts logPushOptions
	cmd := &cobra.Command{
		Use:   "push [s3://BUCKET/PREFIX|DIRECTORY]",
		Short: "send the entries that are not there yet off this machine, each locked",
		Long: `push sends each entry as an object of its own, journal/CASE/0000000042.json, locked like a
bundle. What was written while there was no network goes with the next push. Nothing there
is ever replaced: if another copy of the case has sent other entries under the same
numbers, push says so, with the SHA-256 of both, and stops.

With --always every entry that any command writes from now on goes there as it is
written. Without a network the command goes on, a warning says what waits, and it goes
before the next entry. Then log push needs no place any more. --stop ends that.`,
		Example: `  mbaudit log push s3://evidence/2026-0042
  mbaudit log push --always s3://evidence/2026-0042`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runLogPush(cmd.Context(), t, g, strings.Join(args, ""), &opts)
		},
	}
	opts.addFlags(cmd.Flags())
	cmd.Flags().BoolVar(&opts.always, "always", false, "and from now on send each entry as it is written, by any command")
	cmd.Flags().BoolVar(&opts.stop, "stop", false, "no longer send entries as they are written")
	return cmd
}

type logPushOptions struct {
	storeOptions
	always, stop bool
}

// logPushed is what log push prints for machines.
type logPushed struct {
	Sent  int
	There uint64 // entries in the store now
}

func runLogPush(ctx context.Context, t *terminal, g *global, location string, opts *logPushOptions) error {
	c, err := g.openCase(t)
	if err != nil {
		return err
	}
	if opts.stop {
		return stopSending(t, c, location, opts)
	}
	if location, err = opts.place(c, location); err != nil {
		return err
	}
	lines, err := c.journal.Lines()
	if err != nil {
		return withHint(err, "a journal that is broken is not sent; see: mbaudit log verify")
	}
	d, err := opts.open(ctx, t, c.Case, location)
	if err != nil {
		return err
	}
	there := remote.New(d.Store, c.Case.Case)
	state, err := there.Look(ctx, lines)
	if err != nil {
		return diverged(c, location, err)
	}
	sent := 0
	if opts.always {
		// The entry that says so is the first to go.
		if err := c.note(journal.Decision, "from now on each entry of the journal goes to "+location+" as it is written", map[string]string{"to": location}); err != nil {
			return err
		}
	}
	if state.Missing() > 0 || opts.always {
		if sent, err = pushEntries(ctx, c, there, d); err != nil {
			return diverged(c, location, err)
		}
		if state, err = lookAgain(ctx, c, there); err != nil {
			return diverged(c, location, err)
		}
	}
	if opts.always {
		kept, err := opts.copyTo(location)
		if err == nil {
			err = c.keepCopy(kept)
		}
		if err != nil {
			return err
		}
	}
	if g.json {
		return t.printJSON(logPushed{sent, state.There})
	}
	lock := "locked until " + d.until.UTC().Format(time.DateOnly)
	if d.until.IsZero() {
		lock = "not locked"
	}
	t.print("%s sent to %s, %s; %d are there", plural2(sent, "entry", "entries"), location, lock, state.There)
	return nil
}

// place is where the entries go: as typed, or as --always remembers it, with its options.
func (o *logPushOptions) place(c *openCase, location string) (string, error) {
	if location != "" {
		return location, nil
	}
	kept, ok, err := c.journalCopy()
	if err != nil {
		return "", err
	}
	if !ok || o.always {
		return "", usageError(errors.New("mbaudit log push takes a place to send the entries to"), "type: mbaudit log push s3://BUCKET/PREFIX")
	}
	o.storeOptions = kept.options()
	return kept.Location, nil
}

// copyTo is what --always remembers. It holds in whatever directory the next command is typed.
func (o *logPushOptions) copyTo(location string) (journalCopy, error) {
	kept := journalCopy{Location: location, Endpoint: o.endpoint, Region: o.region, CAFile: o.caFile, RetainUntil: o.retainUntil,
		NoLock: o.noLock, UnknownLock: o.unknownLock}
	var err error
	if !strings.HasPrefix(location, "s3://") {
		if kept.Location, err = filepath.Abs(strings.TrimPrefix(location, "file://")); err != nil {
			return kept, err
		}
	}
	if kept.CAFile != "" {
		kept.CAFile, err = filepath.Abs(kept.CAFile)
	}
	return kept, err
}

// stopSending ends what --always began, and journals it first: that entry is the last to go by itself.
func stopSending(t *terminal, c *openCase, location string, opts *logPushOptions) error {
	if location != "" || opts.always {
		return usageError(errors.New("--stop takes no place and no --always"), "type: mbaudit log push --stop")
	}
	kept, ok, err := c.journalCopy()
	if err != nil {
		return err
	}
	if !ok {
		return usageError(errors.New("the entries go nowhere by themselves"), "to have them sent as they are written: mbaudit log push --always s3://BUCKET/PREFIX")
	}
	if err := c.note(journal.Decision, "the journal's entries no longer go to "+kept.Location+" as they are written", map[string]string{"to": kept.Location}); err != nil {
		return err
	}
	if err := os.Remove(c.path(copyFileName)); err != nil {
		return err
	}
	t.print("entries no longer go to %s as they are written", visible.Text(kept.Location))
	return nil
}

func plural2(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// pushEntries sends what is missing, the entry that announces this included, and then the entry on what came of it, so
// that after a push all of the journal is there.
func pushEntries(ctx context.Context, c *openCase, there *remote.Copy, d *destination) (int, error) {
	ref := map[string]string{"to": d.location}
	if !d.until.IsZero() {
		ref["locked_until"] = d.until.UTC().Format(time.RFC3339)
	}
	done, err := c.begin(journal.Collection, "sending the journal's entries to "+d.location, ref)
	if err != nil {
		return 0, err
	}
	sent, err := pushAll(ctx, c, there)
	if err := errors.Join(err, done(plural2(sent, "entry", "entries")+" sent", err)); err != nil {
		return sent, err
	}
	last, err := pushAll(ctx, c, there)
	return sent + last, err
}

func pushAll(ctx context.Context, c *openCase, there *remote.Copy) (int, error) {
	lines, err := c.journal.Lines()
	if err != nil {
		return 0, err
	}
	return there.Push(ctx, lines)
}

func lookAgain(ctx context.Context, c *openCase, there *remote.Copy) (remote.State, error) {
	lines, err := c.journal.Lines()
	if err != nil {
		return remote.State{}, err
	}
	return there.Look(ctx, lines)
}

// diverged journals that the copy off this machine and the journal here went different ways, and says what to do. Where
// the journal here is only behind, nothing is written: that entry would be the fork. Other errors stay as they are.
func diverged(c *openCase, location string, err error) error {
	var fork *remote.ForkError
	var ahead *remote.AheadError
	var hole *remote.HoleError
	hint := ""
	switch {
	case errors.As(err, &fork):
		hint = "two copies of the case went on after entry " + fmt.Sprint(fork.Seq-1) +
			": keep both, go on with one, and send this one to a place of its own: mbaudit log push " + location + "/other-copy"
	case errors.As(err, &ahead):
		return withHint(err, "entries were cut off here, or another copy of the case went on: go on with the copy that has them; see: mbaudit log verify "+location)
	case errors.As(err, &hole):
		hint = "find out who may delete there; send the journal to another place: mbaudit log push s3://…"
	default:
		return err
	}
	return withHint(errors.Join(err, c.note(journal.Error, "the journal was not sent to "+location+": "+err.Error(), map[string]string{"to": location})), hint)
}
