package imap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/settings"
	"github.com/mbaudit/mbaudit/internal/imapwire"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// protocolText is the media type of answers kept as received. Most are text; a name in them may be any bytes.
const protocolText = "application/imap"

// A run is one call of Collect.
type run struct {
	c     *Collector
	ctx   context.Context
	scope collectors.Scope
	sink  collectors.Sink
	link  *link // nil between a lost connection and the next

	fruitless int    // connections lost since something was last kept
	unsaid    int    // logins in a row that were sent and not answered
	breakers  int    // questions and folders in a row that cost the connection each time
	stalled   int    // answers in a row that say that the server is busy
	at        string // what is being read
	leaf      string // fingerprint of the server's certificate on the first connection
	toExamine int    // answers to EXAMINE that are to come at the least
	oddTails  bool   // the server goes on after a message's body

	extra bool // the connection is one beside the first: it is not opened again

	shared *ledger
	queue  *queue                  // of what the connections read
	status map[string]folderStatus // by raw name

	// What the list of mailboxes is made of.
	listed        []*folder // as LIST "" "*" has them
	boxes         []box     // with those of others
	namespaces    []settings.Namespace
	subscriptions bool            // whether it is known what is subscribed
	subscribed    map[string]bool // by mailboxKey, where LIST does not say it
	listings      []listing
}

// Collect implements collectors.Collector for the account in scope.
func (c *Collector) Collect(ctx context.Context, scope collectors.Scope, sink collectors.Sink) error {
	if scope.Account == "" {
		return errors.New("imap: no account is named")
	}
	r := &run{
		c: c, ctx: ctx, scope: scope, sink: sink,
		shared: &ledger{expected: map[string]map[string]bool{}, paths: map[string]bool{pathKey(sessionDir): true, pathKey(settingsDir): true}},
		status: map[string]folderStatus{},
	}
	defer func() { r.link.close() }()
	if err := r.connect(nil); err != nil {
		return err
	}
	err := r.all()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case isLost(err):
		return r.gaveUp(err)
	}
	return err
}

func (r *run) all() error {
	if err := r.session(); err != nil {
		return err
	}
	if err := r.sieve(); err != nil {
		return err
	}
	folders, err := r.folders()
	if err != nil {
		return err
	}
	if err := r.readFolders(folders, r.settings); err != nil {
		return err
	}
	if err := r.keepReport(folders); err != nil {
		return err
	}
	if r.link != nil {
		_, _ = r.link.conn.Do(imapwire.NewCommand("LOGOUT")) // everything is kept; the answer changes nothing
	}
	return nil
}

// session keeps what the connection itself says: greeting, encryption, capabilities, ID, NAMESPACE.
func (r *run) session() error {
	r.step("session")
	l := r.link
	err := r.keep("greeting", "", r.name(sessionDir, "greeting.txt"), protocolText, "", l.greeting.Raw, time.Now())
	if err != nil {
		return err
	}
	if err := r.keepTLS(tlsSession{
		resource: "tls", name: func(file string) string { return r.name(sessionDir, file) }, addr: r.c.addr, serverName: r.c.serverName(),
		startTLS: !r.c.tls, state: l.tls,
	}); err != nil {
		return err
	}
	for _, a := range []struct {
		item   string
		answer *imapwire.Answer
	}{{"before-tls", l.beforeTLS}, {"before-login", l.beforeLogin}, {"after-login", l.afterLogin}} {
		if a.answer == nil {
			continue
		}
		err := r.keepAnswer("capability", a.item, "capability-"+a.item+".txt", imapwire.NewCommand("CAPABILITY"), a.answer)
		if err != nil {
			return err
		}
	}
	if err := r.ask("id", l.caps.has("ID"), "id.txt", r.c.idCommand()); err != nil {
		return err
	}
	return r.namespace()
}

func (c *Collector) idCommand() *imapwire.Command {
	cmd := imapwire.NewCommand("ID")
	if len(c.cfg.ClientID) == 0 {
		return cmd.Atom("NIL")
	}
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(c.cfg.ClientID)) {
		pairs = append(pairs, quote(key), quote(c.cfg.ClientID[key]))
	}
	return cmd.Atom("(" + strings.Join(pairs, " ") + ")")
}

// quote writes a quoted string; what cannot stand in one is left out, since the pairs of ID are only for show.
func quote(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c >= ' ' && c < 0x7f && c != '"' && c != '\\' {
			b.WriteByte(c)
		}
	}
	return `"` + b.String() + `"`
}

// ask asks one question about the account and keeps the answer under resource.
func (r *run) ask(resource string, offered bool, file string, cmd *imapwire.Command) error {
	if !offered {
		return r.notOffered(resource)
	}
	if err := r.expect(resource, ""); err != nil || r.sink.Has(r.scope.Account, resource, "") {
		return err
	}
	answer, err := r.try(cmd)
	if broken := (*brokenError)(nil); errors.As(err, &broken) {
		return r.gap(resource, "", evidence.GapFailed, cmd.Shown(), broken.Error())
	}
	if err != nil {
		return err
	}
	return r.keepAnswer(resource, "", file, cmd, answer)
}

// do sends a command and reads its answer, over another connection if this one is lost on the way, and again if the
// server is busy.
func (r *run) do(cmd *imapwire.Command) (*imapwire.Answer, error) {
	for {
		answer, err := r.doHere(cmd)
		if err == nil {
			r.fruitless = 0
			return answer, nil
		}
		if err := r.recover(err); err != nil {
			return nil, err
		}
	}
}

// How often a question, or the opening of a folder, may cost the connection before it is given up, and how many such in a
// row are met before the server itself is.
const (
	maxBreaks   = 3
	maxBreakers = 5
)

// A brokenError says that a question was given up, and that there is another connection.
type brokenError struct {
	times int
	cause error
}

func (e *brokenError) Error() string {
	return fmt.Sprintf("the connection broke %d times at this question: %v", e.times, e.cause)
}

// try is do for what a collection can go without. A question that costs the connection each time it is asked is given up
// with a brokenError.
func (r *run) try(cmd *imapwire.Command) (*imapwire.Answer, error) {
	for times := 1; ; times++ {
		answer, err := r.doHere(cmd)
		if err == nil {
			r.fruitless, r.breakers = 0, 0
			return answer, nil
		}
		if rerr := r.recover(err); rerr != nil {
			return nil, rerr
		}
		if times >= maxBreaks && r.breakers < maxBreakers {
			r.breakers++
			r.fruitless = 0
			return nil, &brokenError{times, err}
		}
	}
}

// doHere is do over the present connection only, for what is said within a folder: over another one the folder must be
// opened first.
func (r *run) doHere(cmd *imapwire.Command) (*imapwire.Answer, error) {
	for {
		answer, err := r.link.conn.Do(cmd)
		if err != nil {
			return nil, lost(r.ctx, err)
		}
		again, err := r.bear(answer.Status, &r.stalled)
		if !again || err != nil {
			return answer, err
		}
	}
}

// step tells what is being read.
func (r *run) step(what string) {
	r.at = what
	r.c.cfg.Report.Step(what)
}

// recover opens another connection after err, waiting longer each time that a connection brought nothing. It returns
// err itself, or why there is no other connection.
func (r *run) recover(err error) error {
	if !isLost(err) || r.extra {
		return err
	}
	r.link.close()
	r.link = nil
	return r.connect(err)
}

func (r *run) gaveUp(err error) error {
	return &Error{
		Account: r.scope.Account, Doing: "reading from " + r.c.addr, Kinds: []error{ErrLost},
		Err: fmt.Errorf("%w, after %d connections that brought nothing", err, r.fruitless-1),
	}
}

// sessionDir is the directory of exhibits that belong to no folder. A folder of this name gets another directory.
const sessionDir = "session"

func (r *run) name(elements ...string) string {
	return evidence.SafeName(r.scope.Account) + "/imap/" + strings.Join(elements, "/")
}

// keepAnswer keeps the answer to a command as received, or writes down that the server refused it.
func (r *run) keepAnswer(resource, item, file string, cmd *imapwire.Command, answer *imapwire.Answer) error {
	if !answer.OK() {
		if err := r.expect(resource, item); err != nil {
			return err
		}
		return r.gap(resource, item, evidence.GapRefused, cmd.Shown(), serverSays{answer.Status}.Error())
	}
	return r.keep(resource, item, r.name(sessionDir, file), protocolText, cmd.Shown(), answer.Raw, answer.At)
}

// keep puts an exhibit that is in memory, unless an earlier run has put it.
func (r *run) keep(resource, item, name, mediaType, request string, body []byte, at time.Time) error {
	if err := r.expect(resource, item); err != nil {
		return err
	}
	if r.sink.Has(r.scope.Account, resource, item) {
		return nil
	}
	_, err := r.sink.Put(evidence.Exhibit{
		Account: r.scope.Account, Collector: r.c.Name(), Resource: resource, Item: item, Name: name,
		MediaType: mediaType, FetchedAt: at.UTC(), Request: request,
	}, bytes.NewReader(body))
	if errors.Is(err, evidence.ErrTaken) {
		return r.gap(resource, item, evidence.GapInvalid, request, err.Error())
	}
	if err != nil {
		return fmt.Errorf("%s: imap: keeping %s: %w", visible.Text(r.scope.Account), resource, err)
	}
	return nil
}

// expect announces one more item of a resource whose items become known one by one.
func (r *run) expect(resource, item string) error {
	r.shared.mu.Lock()
	defer r.shared.mu.Unlock()
	items := r.shared.expected[resource]
	if items == nil {
		items = map[string]bool{}
		r.shared.expected[resource] = items
	}
	if items[item] {
		return nil
	}
	items[item] = true
	count := len(items)
	if resource == "examine" {
		count = max(count, r.toExamine)
	}
	return r.sink.Expect(evidence.Expectation{
		Account: r.scope.Account, Collector: r.c.Name(), Resource: resource, Count: int64(count),
	})
}

func (r *run) gap(resource, item string, class evidence.GapClass, request, reason string) error {
	return r.sink.Gap(evidence.Gap{
		Account: r.scope.Account, Collector: r.c.Name(), Resource: resource, Item: item, Class: class,
		Request: request, Reason: reason, At: time.Now().UTC(),
	})
}
