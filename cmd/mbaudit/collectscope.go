package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// scopeFlags are the options that say what is collected. A bundle remembers them, and --resume takes them from it.
func scopeFlags() []string {
	return []string{"account", "all-users", "ou", "group", "import", "log-time-zone", "messages", "folder", "since", "until", "again", "imap", "imap-login", "imap-master", "imap-master-separator",
		"tls-ca", "tls-server-name", "tls-pin", "insecure-plaintext", "sieve", "workspace", "google-admin", "only", "no-logs", "emergency-seal", "sweep", "sweep-limit", "tsa", "segment-size", "recipient",
		"attach-note", "attach-by", "attach-at", "attach-with", "attach-for"}
}

// restoreScope takes the scope of an unfinished bundle. A flag that says something else is refused: one bundle has one
// scope.
func (r *collection) restoreScope(opening evidence.Opening) error {
	for _, name := range scopeFlags() {
		saved, flag := opening.Options[name], r.flags.Lookup(name)
		typed := flagValues(flag)
		if flag.Changed {
			if !slices.Equal(typed, saved) {
				return usageError(fmt.Errorf("--%s is %s, the unfinished bundle %s was begun with %s", name, visible.Text(strings.Join(typed, ", ")),
					opening.Bundle, visible.Text(strings.Join(saved, ", "))), "leave it out with --resume, or begin another bundle with --new")
			}
			continue
		}
		if err := setFlag(flag, saved); err != nil {
			return fmt.Errorf("reading --%s of the unfinished bundle: %w", name, err)
		}
	}
	return nil
}

// flagValues gives a flag's values as strings.
func flagValues(flag *pflag.Flag) []string {
	if list, ok := flag.Value.(pflag.SliceValue); ok {
		return list.GetSlice()
	}
	if value := flag.Value.String(); value != "" {
		return []string{value}
	}
	return nil
}

func setFlag(flag *pflag.Flag, values []string) error {
	if list, ok := flag.Value.(pflag.SliceValue); ok {
		return list.Replace(values)
	}
	if len(values) == 0 {
		return flag.Value.Set(flag.DefValue)
	}
	return flag.Value.Set(values[0])
}

func (r *collection) parseScopes() error {
	if len(r.opts.accounts) == 0 {
		return usageError(errors.New("no account is named"), "add --account alice@example.com, or --accounts-file FILE; with --workspace also --all-users, --ou PATH, --group ADDRESS")
	}
	if r.opts.imap.url == "" && !r.opts.google.on && len(r.opts.imports) == 0 {
		return usageError(errors.New("no source is named"), "add --imap imaps://mail.example.com, --workspace, or --import mbox=FILE for what was handed over")
	}
	if err := r.opts.google.check(r.opts.accounts, r.opts.imap.url != "" || len(r.opts.imports) > 0); err != nil {
		return err
	}
	mode, err := r.parseMessages()
	if err != nil {
		return err
	}
	zone, err := time.LoadLocation(r.c.TimeZone)
	if err != nil {
		return err
	}
	if err := r.parseEarlier(); err != nil {
		return err
	}
	day := r.opts.since
	if r.earlier != nil {
		day = ""
	}
	since, err := parseDay(day, zone)
	if err != nil {
		return usageError(fmt.Errorf("--since: %w, and no bundle of this case", err), "write a day as in 2026-11-01, or name a bundle as in 01J…")
	}
	until, err := parseDay(r.opts.until, zone)
	if err != nil {
		return usageError(fmt.Errorf("--until: %w", err), "write a day as in 2026-11-23")
	}
	if !since.IsZero() && !until.IsZero() && until.Before(since) {
		return usageError(errors.New("--until is before --since"), "exchange the two days")
	}
	if r.opts.segmentMiB < 1 || r.opts.segmentMiB > 1024 {
		return usageError(fmt.Errorf("--segment-size is %d", r.opts.segmentMiB), "write a number of MiB from 1 to 1024")
	}
	if r.recipients, err = parseRecipients(r.opts.recipients); err != nil {
		return err
	}
	seen := make(map[string]bool)
	for _, account := range r.opts.accounts {
		if account == "" || seen[account] {
			return usageError(fmt.Errorf("--account %q is empty or named twice", visible.Text(account)), "name each account once")
		}
		seen[account] = true
		r.scopes = append(r.scopes, collectors.Scope{Account: account, Messages: mode, Folders: r.opts.folders, Since: since, Until: until,
			Earlier: r.earlier.state(account)})
	}
	if r.opts.logZone != "" {
		if r.logZone, err = time.LoadLocation(r.opts.logZone); err != nil {
			return usageError(fmt.Errorf("--log-time-zone %q is not known", visible.Text(r.opts.logZone)), "write it as in Europe/Paris, or UTC")
		}
	}
	if err := r.parseImports(); err != nil {
		return err
	}
	return r.opts.imap.check(len(r.opts.accounts))
}

// messagesAuto lets the source decide how much of each message is kept: metadata from a server, where the whole
// messages can be asked for later, and raw of files, which were handed over whole.
const messagesAuto = "auto"

// parseMessages gives how much of each message of a server is kept, and remembers the same for imports. What "auto"
// means is written into the option where it means one thing, so that the bundle says it.
func (r *collection) parseMessages() (collectors.MessageMode, error) {
	if r.opts.messages == messagesAuto {
		switch {
		case r.opts.google.only != "":
			r.opts.messages = collectors.MessagesNone.String()
		case len(r.opts.imports) == 0:
			r.opts.messages = collectors.MessagesMetadata.String()
		case r.opts.imap.url == "" && !r.opts.google.on:
			r.opts.messages = collectors.MessagesRaw.String()
		default:
			r.importMode = collectors.MessagesRaw
			return collectors.MessagesMetadata, nil
		}
	}
	mode, err := collectors.ParseMessageMode(r.opts.messages)
	if err != nil {
		return mode, usageError(err, "type --messages none, metadata or raw")
	}
	r.importMode = mode
	return mode, r.checkGoogleAlone(mode)
}

// googleAlone says that nothing but a Google Workspace is read.
func (r *collection) googleAlone() bool {
	return r.opts.google.on && r.opts.imap.url == "" && len(r.opts.imports) == 0
}

// checkGoogleAlone refuses what Gmail's API cannot give.
func (r *collection) checkGoogleAlone(mode collectors.MessageMode) error {
	window := r.opts.since != "" || r.opts.until != ""
	switch {
	case r.opts.google.only != "" && (mode != collectors.MessagesNone || window):
		return usageError(errors.New("--messages, --since and --until are about messages and logs, which --only emergency does not read"), "leave them out, or leave --only out")
	case r.googleAlone() && len(r.opts.folders) > 0:
		return usageError(errors.New("--folder is about folders of an IMAP server; Gmail's API has none"), "leave it out, or read the messages over IMAP: add --imap imaps://imap.gmail.com")
	case r.googleAlone() && mode == collectors.MessagesNone && window && r.opts.google.noLogs:
		return usageError(errors.New("--since and --until are about messages and logs, and neither is read"), "leave them out, or write --messages metadata")
	}
	return nil
}

// parseDay reads a day in the case's time zone, or a moment with its own offset. Nothing is no bound.
func parseDay(s string, zone *time.Location) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339, s); err == nil {
		return at, nil
	}
	day, err := time.ParseInLocation(time.DateOnly, s, zone)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not a day", visible.Text(s))
	}
	return day, nil
}
