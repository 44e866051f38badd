package main

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/evidence/journal/anchor"
	"github.com/mbaudit/mbaudit/evidence/journal/export"
	"github.com/mbaudit/mbaudit/evidence/timestamp"
	"github.com/mbaudit/mbaudit/internal/visible"
)

type logAnchorOptions struct {
	tsa   []string
	tsaCA string
}

func newLogAnchorCommand(t *terminal, g *global) *cobra.Command {
	var opts logAnchorOptions
	cmd := &cobra.Command{
		Use:   "anchor",
		Short: "print the head to be noted elsewhere, and have it timestamped",
		Long: `anchor prints the number and the SHA-256 of the last entry. Read them out by telephone, write
them into the report, on paper: whoever knows them notices if entries are later cut off or
written anew (mbaudit log verify --head SHA256). Time-stamping authorities are asked to
witness them as well; what they answer is kept in CASE/anchors.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return runLogAnchor(cmd.Context(), t, g, opts) },
	}
	f := cmd.Flags()
	f.StringArrayVar(&opts.tsa, "tsa", nil, "time-stamping authority (repeatable; default: the case's; none asks nobody)")
	f.StringVar(&opts.tsaCA, "tsa-ca", "", "PEM file of authorities to trust for timestamps, besides the system's")
	return cmd
}

// anchored is what log anchor prints for machines.
type anchored struct {
	Seq    uint64
	SHA256 string
	Files  []string // in CASE/anchors
}

func runLogAnchor(ctx context.Context, t *terminal, g *global, opts logAnchorOptions) error {
	c, err := g.openCase(t)
	if err != nil {
		return err
	}
	urls, err := timestampURLs(opts.tsa, c.Case)
	if err != nil {
		return err
	}
	roots, err := stampRoots(opts.tsaCA)
	if err != nil {
		return err
	}
	head, err := c.journal.Verify()
	var broken *journal.BrokenError
	if errors.As(err, &broken) {
		t.print("NOT VERIFIED: %s", visible.Line(err.Error()))
		return statusError(statusNotVerified)
	}
	if err != nil {
		return err
	}
	files, err := anchorHead(ctx, t, c, head, urls, roots)
	if g.json {
		err = errors.Join(t.printJSON(anchored{head.Seq, head.SHA256, files}), err)
	} else {
		printHead(t, c, head, zoneOf(c))
	}
	return err
}

func zoneOf(c *openCase) *time.Location {
	zone, err := c.zone()
	if err != nil {
		return time.UTC
	}
	return zone
}

// printHead prints what is to be read out: blocks of four digits, eight in a line.
func printHead(t *terminal, c *openCase, head journal.Head, zone *time.Location) {
	t.print(c.words("case %s, entry %d, %s", "dossier %s, entrée %d, %s"), visible.Text(c.Case.Case), head.Seq, t.now().In(zone).Format("2006-01-02 15:04 -07:00"))
	blocks := strings.Fields(export.Grouped(head.SHA256))
	t.print("SHA-256  %s", strings.Join(blocks[:8], " "))
	t.print("         %s", strings.Join(blocks[8:], " "))
	t.say("%s", c.words("Read it out, or write it down where nobody here can change it.",
		"À lire au téléphone, ou à noter là où personne d’ici ne peut le changer."))
}

// anchorHead has the head timestamped, and journals that it was given out. Authorities that do not answer are told and
// journalled; only if none of them does, that is an error.
func anchorHead(ctx context.Context, t *terminal, c *openCase, head journal.Head, urls []string, roots *x509.CertPool) ([]string, error) {
	ref := map[string]string{"anchored_entry": fmt.Sprint(head.Seq), "anchored_sha256": head.SHA256}
	text := fmt.Sprintf("the head of the journal, entry %d, is given out to be noted elsewhere", head.Seq)
	if len(urls) == 0 {
		return nil, c.note(journal.Communication, text, ref)
	}
	entry := journal.Entry{Type: journal.Collection, Auto: true, Informant: "mbaudit", Recorder: c.Operator.Name, Ref: ref,
		Description: text + " and timestamped by " + strings.Join(urls, ", "), ActionState: journal.Started}
	begun, err := c.journal.Append(entry)
	if err != nil {
		return nil, fmt.Errorf("writing the journal: %w", err)
	}
	files, told, failed := stampHead(ctx, t, c, head, urls, roots)
	entry.OutcomeOf, entry.ActionState = begun.Seq, journal.Done
	entry.Result = fmt.Sprintf("%s%d of %d authorities answered", told, len(files), len(urls))
	if len(failed) > 0 {
		entry.ActionState, entry.Result = journal.Failed, entry.Result+": "+errors.Join(failed...).Error()
	}
	if len(files) > 0 {
		entry.Ref = map[string]string{"anchored_entry": ref["anchored_entry"], "anchored_sha256": head.SHA256, anchor.RefFiles: strings.Join(files, " ")}
	}
	if _, err := c.journal.Append(entry); err != nil {
		return files, fmt.Errorf("writing the journal: %w", err)
	}
	if len(files) == 0 {
		return nil, withHint(errors.New("no time-stamping authority witnessed the head"),
			"the head can be noted all the same; try again when there is a network, or name another authority with --tsa URL")
	}
	return files, nil
}

// stampHead asks all authorities at once and keeps what they answer.
func stampHead(ctx context.Context, t *terminal, c *openCase, head journal.Head, urls []string, roots *x509.CertPool) (files []string, told string, failed []error) {
	raw, err := hex.DecodeString(head.SHA256)
	if err != nil || len(raw) != len(evidence.Digest{}) {
		return nil, "", []error{fmt.Errorf("the head %q is not a SHA-256", head.SHA256)}
	}
	ctx, cancel := context.WithTimeout(ctx, stampTimeout)
	defer cancel()
	question := stamping{digest: evidence.Digest(raw), keep: func(_ string, answer timestamp.Response) (string, error) {
		return anchor.Keep(c.path(anchor.Dir), head, answer.TSR, roots)
	}}
	for _, r := range question.askAll(ctx, t, urls) {
		if r.err != nil {
			failed = append(failed, r.err)
			t.say("not timestamped: %s", visible.Line(r.err.Error()))
			continue
		}
		files = append(files, r.name)
		line := fmt.Sprintf("%s by %s", r.answer.GenTime.Format(time.RFC3339), commonName(r.answer.Subject))
		if r.answer.Local {
			line += " (local, not a third party)"
		}
		t.say("timestamped %s, kept in %s/%s", line, anchor.Dir, r.name)
		told += line + "; "
	}
	return files, told, failed
}
