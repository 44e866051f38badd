package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mbaudit/mbaudit/collectors/workspace"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/findings/watch"
	"github.com/mbaudit/mbaudit/internal/googlelog"
	"github.com/mbaudit/mbaudit/internal/visible"
)

const (
	watchSlice     = 6 * time.Hour  // a log is read in spans of this length at the most, the oldest first
	watchDeepBack  = 24 * time.Hour // how far back activities are looked for that come very late
	watchDeepEvery = 6 * time.Hour  // and how often
	watchNoPlan    = 24 * time.Hour // how far back a watch begins where nothing says since when
	watchTries     = 4              // requests for one page; a poll that fails is read again by the next one
	watchLeast     = time.Minute    // between two polls
)

// watchedLogs are the applications whose logs are watched unless somebody names others: what tells who signs in, lets a program
// in, or administers. Of what the tenant does not have it is said once.
func watchedLogs() []string {
	return []string{"login", "token", "user_accounts", "admin", "saml", "gmail"}
}

type watchOptions struct {
	accounts, logs                         []string
	ips, clients, devices, agents, systems []string
	every, length                          time.Duration
	once                                   bool
	since, language                        string
	google                                 googleOptions
	push                                   string
	noLock                                 bool
	tsa                                    []string
	tsaCA, signKey                         string
}

func newWatchCommand(t *terminal, g *global) *cobra.Command {
	var opts watchOptions
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "after a containment, watch the logs for the intruder, in all accounts",
		Long: `watch reads Google's logs again and again, of everybody and not only of the account that was
taken back, and says where the intruder's addresses, programs and devices show up again, and
who signs in to the account. It changes nothing and blocks nothing.

What it looks for comes from the case: what mbaudit qualify found suspect and nobody
recognised, and the accounts that mbaudit contain took back. --ip, --client, --device,
--agent and --asn add to that.

Each hit is printed, kept as an exhibit (the page of the log as it was received, sealed at
the end of the poll) and written into the logbook. A run that was stopped is gone on with by
the same command: nothing is written twice. What could not be read is said, and read again.

CASE/watch/tried.json has which accounts the intruder tried, and where he got in.

Exit status: 0 nothing, 3 a log could not be read to the end, 4 hits, 130 interrupted.`,
		Example: `  mbaudit watch --google-key read.json --google-admin admin@example.com
  mbaudit watch --once --ip 203.0.113.77 --google-key read.json --google-admin admin@example.com`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runWatch(cmd.Context(), t, g, &opts) },
	}
	opts.addFlags(cmd.Flags())
	return cmd
}

func (o *watchOptions) addFlags(f *pflag.FlagSet) {
	f.StringArrayVar(&o.accounts, "account", nil, "account that was taken back (repeatable; default: those of the plans that were applied)")
	f.StringArrayVar(&o.ips, "ip", nil, "address or network of the intruder, as in 203.0.113.77 or 2001:db8::/32 (repeatable)")
	f.StringArrayVar(&o.clients, "client", nil, "id of an OAuth client (repeatable)")
	f.StringArrayVar(&o.devices, "device", nil, "id of a device, as Google's logs have it (repeatable)")
	f.StringArrayVar(&o.agents, "agent", nil, "user agent, whole (repeatable)")
	f.StringArrayVar(&o.systems, "asn", nil, "autonomous system, as in AS64500: many people share one (repeatable)")
	f.StringArrayVar(&o.logs, "log", nil, "log to watch: "+strings.Join(watchedLogs(), ", ")+", drive … (repeatable; default: the first six)")
	f.DurationVar(&o.every, "every", 5*time.Minute, "time between two polls")
	f.DurationVar(&o.length, "for", 72*time.Hour, "how long to watch")
	f.BoolVar(&o.once, "once", false, "poll once and end, for cron or a systemd timer")
	f.StringVar(&o.since, "since", "", "from when on, as in 2026-10-15 or 2026-10-15T08:00:00Z (default: the containment)")
	f.StringVar(&o.language, "lang", "", "fr or en (default: the case's)")
	f.StringVar(&o.google.keyFile, "google-key", "", "key file of a service account that may read (default: $"+googleKeyVariable+")")
	f.StringVar(&o.google.serviceAccount, "google-service-account", "", "service account with domain-wide delegation, where --google-key is not its key")
	f.StringVar(&o.google.admin, "google-admin", "", "administrator in whose name the logs are read")
	f.StringVar(&o.google.quota, "google-quota", "new", "what the project may ask for: new, old, or a factor as in 0.5")
	f.StringVar(&o.push, "push", "", "send what is sealed to s3://BUCKET/PREFIX or to a directory")
	f.BoolVar(&o.noLock, "no-lock", false, "push to a store without Object Lock")
	f.StringArrayVar(&o.tsa, "tsa", nil, "time-stamping authority's URL (repeatable; local, or none; default: the case's)")
	f.StringVar(&o.tsaCA, "tsa-ca", "", "PEM file of authorities whose timestamps are trusted, beside the system's")
	f.StringVar(&o.signKey, "sign-key", "", "Ed25519 key to seal with (default: your mbaudit identity)")
}

func (o *watchOptions) check() error {
	known, _ := workspace.Applications()
	for _, log := range o.logs {
		if !slices.Contains(known, log) {
			return usageError(fmt.Errorf("there is no log %q", visible.Text(log)), "write one of: "+strings.Join(known, ", "))
		}
	}
	o.google.on = true
	switch {
	case o.language != "" && o.language != "fr" && o.language != "en":
		return usageError(fmt.Errorf("there is no language %q", visible.Text(o.language)), "type --lang fr or --lang en")
	case !strings.Contains(o.google.admin, "@"):
		return usageError(errors.New("no administrator is named"), "add --google-admin ADMIN@DOMAIN: everybody's logs are read in his name")
	case o.every < watchLeast:
		return usageError(fmt.Errorf("--every %s is too often: logs come minutes late", o.every), "write --every 1m or more")
	case o.length <= 0:
		return usageError(fmt.Errorf("--for %s is over at once", o.length), "write --for 72h, or --once")
	}
	return o.google.check(o.accounts, false)
}

func runWatch(ctx context.Context, t *terminal, g *global, opts *watchOptions) error {
	if err := opts.check(); err != nil {
		return err
	}
	c, err := g.openCase(t)
	if err != nil {
		return err
	}
	if opts.language != "" {
		c.Language = opts.language
	}
	w := &watching{terminal: t, g: g, c: c, opts: opts, usualLogs: len(opts.logs) == 0}
	if w.usualLogs {
		opts.logs = watchedLogs()
	}
	if w.unlock, err = lockWatch(c); err != nil {
		return err
	}
	if err := w.begin(ctx); err != nil {
		return errors.Join(err, w.unlock())
	}
	return w.end(ctx, w.polls(ctx))
}

// A watching is one run of watch.
type watching struct {
	*terminal
	g    *global
	c    *openCase
	opts *watchOptions

	google  *workspace.Collector
	list    *watch.List
	plan    watchPlan
	state   *watchState
	journal *watchRecord // what the logbook has of earlier runs and of this one
	kept    *watchBundle // of this poll

	hits      int64 // new ones of this run, without what the user does
	counted   int64 // of the hits of this poll, those without a line of their own
	unread    map[string]unreadLog
	usualLogs bool // nobody named any
	left      bool // an earlier run was killed before it could say what it had found
	goesOn    bool // an earlier run left a state
	unlock    func() error
}

// An unreadLog is why a log could not be read to its end. It is refused where Google does not let us in: the edition or the
// administrator's role may lack it.
type unreadLog struct {
	reason  string
	refused bool
}

// resumed says that a timer's run goes on where the last one stopped: it prints what is new and nothing else.
func (w *watching) resumed() bool { return w.opts.once && w.goesOn }

// begin prepares everything that can be wrong, before anything is asked.
func (w *watching) begin(ctx context.Context) error {
	var err error
	if w.plan, err = w.makePlan(); err != nil {
		return err
	}
	if w.list, err = watch.NewList(w.plan.indicators, w.plan.familiar); err != nil {
		return watchListError(err)
	}
	if w.google, err = w.opts.google.collector(w.terminal, w.plan.accounts, nil, nil, watchTries); err != nil {
		return err
	}
	w.unread = map[string]unreadLog{}
	if w.journal, err = recallWatch(w.c); err != nil {
		return err
	}
	if w.state, err = w.readState(); err != nil {
		return err
	}
	w.kept = &watchBundle{watching: w}
	if err := w.kept.prepare(ctx); err != nil {
		return err
	}
	if !w.resumed() {
		w.introduce()
	}
	if err := w.kept.finishEarlier(ctx); err != nil {
		return err
	}
	return w.noteBegin()
}

// polls polls until the time is over, or somebody ends it.
func (w *watching) polls(ctx context.Context) error {
	until := w.now().Add(w.opts.length)
	for {
		if err := w.poll(ctx); err != nil || ctx.Err() != nil {
			return err
		}
		next := w.now().Add(w.opts.every)
		if w.opts.once || next.After(until) {
			return nil
		}
		if err := w.waitUntil(ctx, next); ctx.Err() != nil {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// poll reads all logs on from where they were read to, and seals what was found.
func (w *watching) poll(ctx context.Context) error {
	w.counted = 0
	var err error
	for _, app := range w.opts.logs {
		if err = w.pollLog(ctx, app); err != nil || ctx.Err() != nil {
			break
		}
	}
	// What was found is sealed however the poll ended.
	err = errors.Join(err, w.noteCounted(), w.kept.seal(ctx))
	w.journal.forget(w.state.before(w.now()))
	return errors.Join(err, w.writeState())
}

// pollLog reads one log. An error ends the run: it is one of ours, as of the disk. What fails at the source is said, and the span
// is read again by the next poll.
func (w *watching) pollLog(ctx context.Context, app string) error {
	at := w.state.at(app)
	now := w.google.GoogleNow().UTC().Truncate(time.Second)
	from, deep := at.from(app, w.state.Since, now)
	for from.Before(now) {
		to := from.Add(watchSlice)
		if to.After(now) {
			to = now
		}
		var own *watchError
		err := w.google.Poll(ctx, app, from, to, func(p *workspace.LogPage) error {
			if err := w.page(p); err != nil {
				return &watchError{err}
			}
			return nil
		})
		switch {
		case errors.As(err, &own):
			return own.error
		case ctx.Err() != nil:
			return nil // the span is read again by the next run
		case err != nil:
			return w.failed(app, from, err)
		}
		if to.After(at.ReadUntil) {
			at.ReadUntil = to
		}
		if err := w.writeState(); err != nil {
			return err
		}
		from = to
	}
	if deep {
		at.DeepAt = now
	}
	return w.readAgain(app)
}

// A watchError is one of ours, as against one of the source.
type watchError struct{ error }

// page looks at all activities of a page. It is kept before a line about it is written.
func (w *watching) page(p *workspace.LogPage) error {
	reader := googlelog.NewReader(bytes.NewReader(p.JSON), googlelog.Options{})
	exhibit := ""
	for {
		rec, err := reader.Next()
		var bad *googlelog.NotReadError
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &bad):
			w.say(w.c.words("one line of the log %s cannot be read: %s", "une ligne du journal %s est illisible : %s"), p.Application, visible.Text(bad.Reason()))
			continue
		case err != nil:
			return err
		}
		a := watch.Of(rec)
		if a.Application == "" {
			a.Application = p.Application
		}
		hit, ok := w.list.Match(a)
		if !ok || !a.Time.IsZero() && a.Time.Before(w.state.Since) || w.journal.has(a.ID) {
			continue
		}
		if exhibit == "" {
			if exhibit, err = w.kept.keep(p); err != nil {
				return err
			}
		}
		if err := w.found(&hit, exhibit); err != nil {
			return err
		}
	}
}

// found writes a hit into the logbook and prints it; of a flood it counts it.
func (w *watching) found(h *watch.Hit, exhibit string) error {
	if h.Verdict != watch.User {
		w.hits++
	}
	if !w.journal.flood.Pass(h) {
		w.counted++
		w.journal.count(h)
		return nil
	}
	if err := w.noteHit(h, w.kept.id(), exhibit); err != nil {
		return err
	}
	w.journal.learn(h)
	return w.printHit(h, exhibit)
}

// failed says what could not be read, once, until it is read again or another reason comes.
func (w *watching) failed(app string, from time.Time, err error) error {
	reason := visible.Line(err.Error())
	if w.unread[app].reason == reason {
		return nil
	}
	refused := errors.Is(err, workspace.ErrNotLicensed) || errors.Is(err, workspace.ErrNotAuthorised)
	w.unread[app] = unreadLog{reason, refused}
	text := fmt.Sprintf(w.c.words("the log %s could not be read from %s on, and is read again from there by the next poll: %s",
		"le journal %s n'a pas pu être lu à partir du %s ; le prochain passage le relit depuis là : %s"), app, w.inZone(from), reason)
	if refused {
		text = fmt.Sprintf(w.c.words("the log %s is not watched: it is not in this edition, or not in the role of %s: %s", "le journal %s n'est pas surveillé : il n'est pas dans cette édition, ou pas dans le rôle de %s : %s"),
			app, visible.Text(w.opts.google.admin), reason)
	}
	if w.g.json {
		if err := w.printLine(map[string]any{"type": "gap", "log": app, "from": from, "reason": reason}); err != nil {
			return err
		}
	} else if !refused || w.state.at(app).Failing != reason { // a timer's run need not say each time what will not change
		w.say("%s", text)
	}
	if w.state.at(app).Failing == reason { // an earlier run wrote it down
		return nil
	}
	w.state.at(app).Failing = reason
	return w.c.note(journal.Error, text, map[string]string{"watch": "gap", "log": app, "from": from.Format(time.RFC3339)})
}

// readAgain says that a log is read whole again.
func (w *watching) readAgain(app string) error {
	at := w.state.at(app)
	delete(w.unread, app)
	if at.Failing == "" {
		return nil
	}
	at.Failing = ""
	text := fmt.Sprintf(w.c.words("the log %s was read again, up to %s: nothing is missing", "le journal %s a été relu, jusqu'au %s : rien ne manque"), app, w.inZone(at.ReadUntil))
	w.say("%s", text)
	return w.c.note(journal.Information, text, map[string]string{"watch": "read again", "log": app})
}

// incomplete lists the logs that could not be read to the end.
func (w *watching) incomplete() []string {
	var logs []string
	for _, app := range w.opts.logs {
		if _, failed := w.unread[app]; failed {
			logs = append(logs, app)
		}
	}
	return logs
}

// status is what the run exits with: a log that the tenant does not have counts only where somebody named it, or where none can
// be read.
func (w *watching) status() int {
	if w.hits > 0 || w.left {
		return statusFound
	}
	logs := w.incomplete()
	if w.usualLogs && len(logs) < len(w.opts.logs) {
		logs = slices.DeleteFunc(logs, func(app string) bool { return w.unread[app].refused })
	}
	if len(logs) > 0 {
		return statusIncomplete
	}
	return statusDone
}

// end writes down who was tried, and gives the exit status.
func (w *watching) end(ctx context.Context, err error) error {
	stopped := ctx.Err() != nil
	err = errors.Join(err, w.writeTried(), w.noteEnd(stopped))
	if !w.resumed() || w.hits > 0 || w.left {
		err = errors.Join(err, w.printTried())
	}
	err = errors.Join(err, w.unlock())
	switch {
	case err != nil && errors.Is(err, evidence.ErrStorage):
		return withHint(err, w.c.words("make room, then type the same command again: nothing is lost", "libérez de la place, puis retapez la même commande : rien n'est perdu"))
	case err != nil:
		return err
	case stopped:
		return withHint(errors.New(w.c.words("interrupted", "interrompu")), w.c.words("the same command goes on from here", "la même commande reprend ici"))
	}
	if status := w.status(); status != statusDone {
		return statusError(status)
	}
	return nil
}
