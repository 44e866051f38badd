package imap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/imapwire"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// How a folder is read. The measurements behind the numbers: ranges of 2000 hide a round trip of 40 ms, the second
// command in flight the rest; servers must take command lines of 8192 bytes (RFC 7162 section 4).
const (
	inFlight     = 2
	maxSetBytes  = 7000
	maxRounds    = 3   // readings of what arrived meanwhile
	maxRefusals  = 100 // single messages refused, or not sent, in a row before the rest of a folder is given up
	maxPoisoned  = 20  // messages in a row that cost the connection before the rest of a folder is given up
	maxRecounts  = 2   // searches in a row for what is left of messages that do not come
	usualTail    = ")\r\n"
	memoryLimit  = 1 << 20
	deathsPerUID = 2 // times that a message may cost the connection before it is a gap
	busyDeaths   = 4 // the same, where the server says that it is busy
	baseItems    = "UID FLAGS INTERNALDATE RFC822.SIZE"
	rawItem      = "BODY[]"
	metadataItem = "BODY[HEADER]"
)

// What has become of a UID.
type uidState byte

const (
	wanted uidState = iota
	asked
	lent        // another connection reads it
	wantedAlone // was asked for and did not come: is asked for once more by itself
	done        // kept, or named in a gap
)

// A reading is how far a folder has been read.
type reading struct {
	path        string // directory of the exhibits
	moved       bool   // path was found taken once
	uidValidity uint32
	uidNext     uint32 // up to which all is known
	known       bool   // uids is filled
	uids        []uint32
	state       []uidState
	kept        int64 // exhibits under an earlier UIDVALIDITY, in this run
	part        bool  // it has some of the messages only, for another connection
	parts       []*part
	earlier     int64 // messages that the earlier bundle holds
	absent      int64 // messages that EXAMINE counted and no search found
	rounds      int
	restarts    int
	announced   bool // to the progress bar

	cursor int            // no UID before it is wanted
	size   int            // messages per command at the moment
	chunk  int            // messages per command at the most
	deaths map[uint32]int // how often the connection broke at this UID

	// In a row, since a message was kept: single messages refused, single messages not sent, messages that cost the
	// connection, answers that say that the server is busy, searches for what is left.
	refusals, unsent, poisoned, starved, recounts int

	breaks  int  // connections lost in a row before a message was asked for
	recount bool // what is left is to be searched for
	basic   bool // the server refuses the extended items
	modseq  bool
	retries []*batch // halves of what was refused
}

// folder reads one folder, over as many connections as it takes.
func (r *run) folder(f *folder) error {
	r.step(f.label)
	f.reading.size, f.reading.chunk = r.c.cfg.Chunk, r.c.cfg.Chunk
	f.reading.deaths = map[uint32]int{}
	defer r.reclaim(f)
	for {
		err := r.readFolder(f)
		if errors.As(err, new(errNoFolder)) {
			return nil
		}
		if !isLost(err) {
			return err
		}
		if err := f.reading.afterLoss(r, err, f); err != nil {
			return err
		}
		rerr := r.recover(err)
		if rerr != nil && r.extra {
			return rerr // another connection goes on
		}
		if rerr != nil {
			return errors.Join(rerr, r.announceUnread(f, rerr))
		}
		if f.reading.breaks >= maxBreaks && r.breakers < maxBreakers {
			r.breakers++
			r.fruitless = 0
			return r.gapOpening(f, err)
		}
	}
}

// announceUnread writes down of a folder whose reading ends early which messages are unread and why. They are no gaps: a
// later run reads them. If none does, the sealing makes them one.
func (r *run) announceUnread(f *folder, cause error) error {
	g := &f.reading
	if !g.known || r.ctx.Err() != nil {
		return nil
	}
	r.reclaim(f)
	return r.sink.Expect(evidence.Expectation{
		Account: r.scope.Account, Collector: r.c.Name(), Resource: f.resource(), Count: g.kept + int64(len(g.uids)) - g.earlier + g.absent,
		Note: fmt.Sprintf("unread are %s: %v", g.unread(), cause),
	})
}

// unread names the UIDs of which nothing has come and that no gap names, as ranges, as far as there is room.
func (g *reading) unread() string {
	var left []uint32
	for i, s := range g.state {
		if s != done {
			left = append(left, g.uids[i])
		}
	}
	return g.name(left)
}

// gapOpening gives up a folder that costs the connection each time that it is opened. Where all its messages have been
// read already, it is only not known what became of it meanwhile.
func (r *run) gapOpening(f *folder, cause error) error {
	g := &f.reading
	reason := fmt.Sprintf("the connection broke %d times while the folder was opened: %v", g.breaks, cause)
	item := f.label + " once more"
	if err := r.expect("examine", item); err != nil {
		return err
	}
	if err := r.gap("examine", item, evidence.GapFailed, "EXAMINE", reason); err != nil {
		return err
	}
	unread := slices.ContainsFunc(g.state, func(s uidState) bool { return s != done })
	switch {
	case r.scope.Messages == collectors.MessagesNone, g.known && !unread:
		return nil
	case unread:
		reason += "; unread are " + g.unread()
	}
	return r.gap(f.resource(), "", evidence.GapFailed, "EXAMINE", reason)
}

// name writes UIDs as a person reads them: "3 messages (UIDs 4:5,9 under UIDVALIDITY 77)".
func (g *reading) name(uids []uint32) string {
	if len(uids) == 0 {
		return "no messages"
	}
	var set []byte
	n := 0
	for n < len(uids) && len(set) < maxShownSet {
		first := n
		for n+1 < len(uids) && uids[n+1] == uids[n]+1 {
			n++
		}
		set = imapwire.AppendRange(set, uids[first], uids[n])
		n++
	}
	if n < len(uids) {
		set = fmt.Appendf(set, " and %d more up to %d", len(uids)-n, uids[len(uids)-1])
	}
	return fmt.Sprintf("%d messages (UIDs %s under UIDVALIDITY %d)", len(uids), set, g.uidValidity)
}

// maxShownSet is how long a set of UIDs in a sentence may grow.
const maxShownSet = 2000

// readFolder reads what is missing of a folder over the present connection.
func (r *run) readFolder(f *folder) error {
	g := &f.reading
	if err := r.enableQResync(); err != nil {
		return err
	}
	for {
		sel, err := r.examine(f, "before")
		if err != nil {
			return err
		}
		if r.scope.Messages == collectors.MessagesNone {
			return nil
		}
		if err := r.checkValidity(f, sel); err != nil {
			return err
		}
		g.modseq = sel.modseq
		if !g.known {
			if err := r.enumerate(f, sel, 1); err != nil {
				return err
			}
		}
		again, err := r.fetchAndLookAgain(f)
		if err != nil || !again {
			return err
		}
	}
}

// fetchAndLookAgain fetches what is wanted and opens the folder once more. It says true where UIDVALIDITY changed.
func (r *run) fetchAndLookAgain(f *folder) (again bool, err error) {
	g := &f.reading
	for {
		if err := r.fetch(f); err != nil {
			return false, err
		}
		when := "after"
		if g.rounds > 0 {
			when = fmt.Sprintf("after-%d", g.rounds+1)
		}
		sel, err := r.examine(f, when)
		if err != nil {
			return false, err
		}
		if sel.uidValidity != g.uidValidity {
			return true, nil
		}
		if sel.uidNext != 0 && sel.uidNext < g.uidNext {
			return false, r.gap(f.resource(), "", evidence.GapInvalid, "EXAMINE", fmt.Sprintf(
				"UIDNEXT fell from %d to %d under the same UIDVALIDITY %d, which no sound server does: the UIDs may mean other messages now",
				g.uidNext, sel.uidNext, g.uidValidity))
		}
		if g.uidNext == 0 || sel.uidNext <= g.uidNext {
			return false, r.missing(f, sel)
		}
		if g.rounds++; g.rounds >= maxRounds {
			if err := r.missing(f, sel); err != nil {
				return false, err
			}
			return false, r.gap(f.resource(), "", evidence.GapUnaccounted, "EXAMINE", fmt.Sprintf(
				"messages keep arriving: UIDNEXT rose from %d to %d while the folder was read, these were not read",
				g.uidNext, sel.uidNext))
		}
		if err := r.enumerate(f, sel, g.uidNext); err != nil {
			return false, err
		}
	}
}

// checkValidity compares UIDVALIDITY with what it was. If it changed, the UIDs mean other messages now: what is
// unread of the old ones is a gap, and the folder is read anew, once.
func (r *run) checkValidity(f *folder, sel selection) error {
	g := &f.reading
	if !g.known {
		g.uidValidity = sel.uidValidity
		return nil
	}
	if g.uidValidity == sel.uidValidity {
		return nil
	}
	r.reclaim(f)
	unread := 0
	for _, s := range g.state {
		if s != done {
			unread++
		}
	}
	err := r.gap(f.resource(), "", evidence.GapVanished, "EXAMINE", fmt.Sprintf(
		"UIDVALIDITY changed from %d to %d while the folder was read; of %d messages under the old one unread are %s",
		g.uidValidity, sel.uidValidity, len(g.uids), g.unread()))
	if err != nil {
		return err
	}
	if g.restarts++; g.restarts > 1 {
		if err := r.gap(f.resource(), "", evidence.GapFailed, "EXAMINE", "UIDVALIDITY changed again; the folder is given up: unread are "+g.unread()); err != nil {
			return err
		}
		return errNoFolder{}
	}
	*g = reading{
		path: r.path(f, sel.uidValidity, true), uidValidity: sel.uidValidity, restarts: g.restarts,
		kept: g.kept + int64(len(g.uids)-unread), announced: g.announced, size: g.chunk, chunk: g.chunk, deaths: map[uint32]int{},
	}
	return nil
}

// enumerate finds the messages from a UID on, announces them, and leaves out those that the sink has.
func (r *run) enumerate(f *folder, sel selection, from uint32) error {
	g := &f.reading
	found, err := r.search(f, sel, from)
	if err != nil {
		return err
	}
	held := g.earlier
	have := r.addUIDs(f, found)
	held = g.earlier - held
	g.known = true
	g.uidNext = sel.uidNext
	g.cursor = 0
	if !g.announced || from > 1 {
		r.c.cfg.Report.Expect(int64(len(found))-held, 0)
	}
	g.announced = true
	r.c.cfg.Report.Done(have, 0)
	count := int64(len(g.uids))
	note := ""
	if !r.bounded() && from <= 1 && sel.exists != count {
		note = fmt.Sprintf("EXAMINE said %d messages, UID SEARCH found %d", sel.exists, count)
		g.absent = max(0, sel.exists-count)
	}
	if from > 1 {
		note = fmt.Sprintf("messages arrived while the folder was read: UIDNEXT is now %d, and they were read too", sel.uidNext)
	}
	if g.earlier > 0 {
		note = strings.TrimPrefix(note+fmt.Sprintf("; %d more are in the earlier bundle %s", g.earlier, r.scope.Earlier.Bundle), "; ")
		count -= g.earlier
	}
	return r.sink.Expect(evidence.Expectation{
		Account: r.scope.Account, Collector: r.c.Name(), Resource: f.resource(), Count: g.kept + count + g.absent, Note: note,
	})
}

// addUIDs adds what a search found to what is wanted, and returns how many of it the sink has already. A server may find
// late what it should have found before.
func (r *run) addUIDs(f *folder, found []uint32) (have int64) {
	g := &f.reading
	states := make(map[uint32]uidState, len(g.uids))
	for i, uid := range g.uids {
		states[uid] = g.state[i]
	}
	g.uids = mergeUIDs(g.uids, found)
	g.state = make([]uidState, len(g.uids))
	held := r.known(f)
	for i, uid := range g.uids {
		state, known := states[uid]
		switch {
		case known:
		case r.holds(held, uid):
			state = done
			g.earlier++
		case r.sink.Has(r.scope.Account, f.resource(), g.item(uid)):
			state = done
			have++
		}
		g.state[i] = state
	}
	return have
}

func (g *reading) item(uid uint32) string { return fmt.Sprintf("%d/%d", g.uidValidity, uid) }

// A batch is one UID FETCH.
type batch struct {
	tag   string
	index []int // into reading.uids
	alone bool  // a single message, asked for once more
	basic bool  // without the items of extensions
	set   string
	items string // as sent
}

// fetch asks for all that is wanted and keeps what comes.
func (r *run) fetch(f *folder) error {
	g := &f.reading
	if r.link.began.at.IsZero() {
		r.link.began = r.link.gauge.mark()
	}
	var flight []*batch
	for {
		if r.ctx.Err() != nil { // also while all that is left is in the buffer already
			return context.Cause(r.ctx)
		}
		if g.part {
			g.recount = false // that is for who reads the whole folder
		}
		r.judgeLine()
		if r.link.compressNext && len(flight) == 0 {
			if err := r.compress(); err != nil {
				return err
			}
		}
		if g.recount && len(flight) == 0 {
			if err := r.recount(f); err != nil {
				return err
			}
		}
		for len(flight) < g.window() && !g.recount && !r.link.compressNext {
			b := g.next(r.bounded(), r.chunk())
			if b == nil {
				break
			}
			if err := r.send(f, b); err != nil {
				return lost(r.ctx, err)
			}
			flight = append(flight, b)
		}
		if len(flight) == 0 {
			if r.reclaim(f) {
				continue
			}
			return nil
		}
		resp, err := r.link.conn.Next()
		if err != nil {
			return r.readFailed(f, err)
		}
		switch {
		case resp.Kind == imapwire.Tagged:
			i := slices.IndexFunc(flight, func(b *batch) bool { return b.tag == resp.Tag })
			if i < 0 {
				continue
			}
			b := flight[i]
			flight = slices.Delete(flight, i, i+1)
			r.link.conn.Wanted()
			if err := r.settle(f, b, resp.Status()); err != nil {
				return err
			}
			r.lend(f)
		case resp.Name == "FETCH":
			if err := r.message(f, flight, resp); err != nil {
				return err
			}
		}
	}
}

// window is how many commands are under way. With one message at a time there is one, so that it is known which
// message broke the connection.
func (g *reading) window() int {
	if g.size <= 1 {
		return 1
	}
	return inFlight
}

// next makes the next batch of what is wanted, of at most so many messages, nil if there is nothing.
func (g *reading) next(bounded bool, most int) *batch {
	if n := len(g.retries); n > 0 {
		b := g.retries[n-1]
		g.retries = g.retries[:n-1]
		return g.ask(b, bounded)
	}
	b := &batch{}
	for ; g.cursor < len(g.uids) && len(b.index) < min(g.size, most); g.cursor++ {
		switch g.state[g.cursor] {
		case wantedAlone:
			if len(b.index) == 0 {
				b.index, b.alone = []int{g.cursor}, true
				g.cursor++
			}
			return g.ask(b, bounded)
		case wanted:
			b.index = append(b.index, g.cursor)
		}
	}
	if len(b.index) == 0 {
		return nil
	}
	return g.ask(b, bounded)
}

// ask writes the set of a batch and marks its messages. A set that grows too long ends the batch early. A range may
// pass over UIDs that are not in uids only where uids holds all there are: in a search with bounds, what lies between
// two UIDs may be messages out of scope.
func (g *reading) ask(b *batch, bounded bool) *batch {
	var set []byte
	n := 0
	for n < len(b.index) && len(set) < maxSetBytes {
		first := n
		for n+1 < len(b.index) && b.index[n+1] == b.index[n]+1 &&
			(!bounded || g.uids[b.index[n+1]] == g.uids[b.index[n]]+1) {
			n++
		}
		set = imapwire.AppendRange(set, g.uids[b.index[first]], g.uids[b.index[n]])
		n++
	}
	if n < len(b.index) {
		g.cursor = min(g.cursor, b.index[n])
		b.index = b.index[:n]
	}
	for _, i := range b.index {
		g.state[i] = asked
	}
	b.set = string(set)
	return b
}

func (r *run) send(f *folder, b *batch) error {
	b.basic = f.reading.basic
	b.items = r.items(f, b)
	cmd := imapwire.NewCommand("UID FETCH").Atom(b.set).Atom("(" + b.items + ")")
	tags, err := r.link.conn.Send(cmd)
	if err != nil {
		return err
	}
	b.tag = tags[0]
	return nil
}

// items are the items of a batch. What is asked for once more is asked for with fewer, in case one of them was what
// the server stumbled over.
func (r *run) items(f *folder, b *batch) string {
	raw := r.scope.Messages == collectors.MessagesRaw
	switch {
	case b.alone && raw:
		return baseItems + " BODY.PEEK[]"
	case b.alone:
		return baseItems + " BODY.PEEK[HEADER]"
	}
	return fetchItems(raw, !b.basic, f.reading.modseq, r.link.caps.has)
}

// FetchItems returns the items that are asked of each message, from a server with the given capabilities (in upper
// case).
func FetchItems(mode collectors.MessageMode, has func(capability string) bool) string {
	return fetchItems(mode == collectors.MessagesRaw, true, true, has)
}

func fetchItems(raw, extended, modseq bool, has func(string) bool) string {
	items := baseItems
	if extended {
		items += extensionItems(modseq, has)
	}
	if raw {
		return items + " BODY.PEEK[]"
	}
	return items + " BODYSTRUCTURE BODY.PEEK[HEADER]"
}

// extensionItems are the items that the server's extensions add. modseq says that the folder keeps mod-sequences.
func extensionItems(modseq bool, has func(string) bool) string {
	items := ""
	if modseq && (has("CONDSTORE") || has("QRESYNC")) {
		items += " MODSEQ"
	}
	if has("SAVEDATE") {
		items += " SAVEDATE"
	}
	if has("OBJECTID") {
		items += " EMAILID THREADID"
	}
	if has("X-GM-EXT-1") {
		items += " X-GM-MSGID X-GM-THRID X-GM-LABELS"
	}
	return items
}

// settle looks at what a batch left unanswered once the server is through with it.
func (r *run) settle(f *folder, b *batch, status imapwire.Status) error {
	g := &f.reading
	var missing []int
	for _, i := range b.index {
		if g.state[i] == asked {
			missing = append(missing, i)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	again, err := r.bear(status, &g.starved)
	switch {
	case err != nil:
		return err
	case again:
		if status.CodeName() == "LIMIT" { // it may be of the command, not of the moment
			g.chunk = max(1, len(b.index)/2)
			g.size = min(g.size, g.chunk)
		}
		as := wanted
		if b.alone {
			as = wantedAlone
		}
		g.requeue(missing, as)
		return nil
	}
	if _, busy := busyStatus(status); busy {
		return r.giveUpFolder(f, evidence.GapRefused, fmt.Sprintf("the server was busy %d times in a row: %v", g.starved+1, serverSays{status}))
	}
	extra := extensionItems(g.modseq, r.link.caps.has)
	if status.Name == "BAD" && !b.basic && !b.alone && extra != "" {
		g.requeue(missing, wanted)
		if g.basic {
			return nil // the batch was under way when another one told
		}
		g.basic = true // announced and not understood: all that follows is asked for without
		return r.gap(f.resource(), "", evidence.GapRefused, "UID FETCH ("+strings.TrimSpace(extra)+")",
			"the messages are read without these items: "+serverSays{status}.Error())
	}
	gone := status.Name == "OK" || status.CodeName() == "EXPUNGEISSUED"
	switch {
	case gone && !b.alone:
		g.requeue(missing, wantedAlone)
		return nil
	case gone:
		if g.unsent++; g.unsent >= maxRefusals {
			g.unsent, g.recount = 0, true
		}
		return r.gapUID(f, b, missing[0], evidence.GapVanished, "the server announced this message and sent nothing of it, asked twice")
	case len(b.index) > 1 || len(missing) > 1:
		half := (len(missing) + 1) / 2
		g.requeue(missing, wanted)
		g.retries = append(g.retries, &batch{index: missing[half:]}, &batch{index: missing[:half]})
		if half == len(missing) {
			g.retries = append(g.retries[:len(g.retries)-2], g.retries[len(g.retries)-1])
		}
		return nil
	}
	if g.refusals++; g.refusals >= maxRefusals {
		return r.giveUpFolder(f, evidence.GapRefused, fmt.Sprintf("%d messages in a row were refused: %v", g.refusals, serverSays{status}))
	}
	return r.gapUID(f, b, missing[0], evidence.GapRefused, serverSays{status}.Error())
}

// recount asks what is left of a folder of which a long run of messages did not come, as where another client has emptied
// it: one question in place of one for each message. A server that goes on announcing what it does not send is given up.
func (r *run) recount(f *folder) error {
	g := &f.reading
	g.recount = false
	r.reclaim(f)
	if g.recounts++; g.recounts > maxRecounts {
		return r.giveUpFolder(f, evidence.GapVanished, fmt.Sprintf("the server announced these messages %d times and sent nothing of %d in a row", g.recounts, g.recounts*maxRefusals))
	}
	found, err := r.search(f, selection{}, 1)
	if err != nil {
		return err
	}
	var vanished []uint32
	for i, uid := range g.uids {
		if _, there := slices.BinarySearch(found, uid); !there && g.state[i] != done {
			g.state[i] = done
			vanished = append(vanished, uid)
		}
	}
	if len(vanished) == 0 {
		return nil
	}
	r.c.cfg.Report.Done(int64(len(vanished)), 0)
	return r.gap(f.resource(), "", evidence.GapVanished, "UID SEARCH", "these were found at first and not any more while the folder was read: "+g.name(vanished))
}

func (g *reading) requeue(index []int, as uidState) {
	for _, i := range index {
		g.state[i] = as
		g.cursor = min(g.cursor, i)
	}
}

// giveUpFolder names all that is unread of a folder in one gap.
func (r *run) giveUpFolder(f *folder, class evidence.GapClass, reason string) error {
	g := &f.reading
	r.reclaim(f)
	unread := g.unread()
	left := 0
	for i, s := range g.state {
		if s != done {
			g.state[i] = done
			left++
		}
	}
	g.retries, g.recount = nil, false
	r.c.cfg.Report.Done(int64(left), 0)
	return r.gap(f.resource(), "", class, "UID FETCH", fmt.Sprintf("given up are %s: %s", unread, reason))
}

func (r *run) gapUID(f *folder, b *batch, i int, class evidence.GapClass, reason string) error {
	g := &f.reading
	g.state[i] = done
	r.c.cfg.Report.Done(1, 0)
	request := "UID FETCH"
	if b != nil {
		request = "UID FETCH " + shortSet(b.set) + " (" + b.items + ")"
	}
	return r.gap(f.resource(), g.item(g.uids[i]), class, request, reason)
}

// afterLoss puts back what was under way when the connection broke, and finds out which message breaks it: the
// next ones are asked for one by one, twice as many at a time with each that comes, and one that breaks the connection
// by itself is a gap.
func (g *reading) afterLoss(r *run, cause error, f *folder) error {
	suspect := -1
	for i, s := range g.state {
		if s != asked {
			continue
		}
		if suspect < 0 {
			suspect = i
		}
		g.state[i] = wanted
	}
	g.cursor, g.retries = 0, nil
	if suspect < 0 {
		if _, busy := busyIn(cause); !busy {
			g.breaks++
		}
		return nil
	}
	g.breaks = 0
	alone := g.size == 1
	g.size = 1
	uid, limit := g.uids[suspect], deathsPerUID
	if _, busy := busyIn(cause); busy {
		limit = busyDeaths // the server has its own troubles, it may not be the message
	}
	if g.deaths[uid]++; g.deaths[uid] < limit || !alone {
		return nil
	}
	if limit == deathsPerUID {
		r.fruitless = 0 // it is known what the last connections were lost for
	}
	return r.poisoned(f, suspect, evidence.GapFailed, fmt.Sprintf("the connection broke %d times at this message: %v", g.deaths[uid], cause))
}

// poisoned names in a gap a message that costs the connection, and gives the folder up where one follows the other.
func (r *run) poisoned(f *folder, i int, class evidence.GapClass, reason string) error {
	g := &f.reading
	g.breaks = 0
	if g.poisoned++; g.poisoned >= maxPoisoned {
		return r.giveUpFolder(f, class, fmt.Sprintf("each of %d messages in a row cost the connection: %s", g.poisoned, reason))
	}
	return r.gapUID(f, nil, i, class, reason)
}

// readFailed handles an error of the connection while messages are read. A message whose announced size is absurd is
// a gap by itself; its connection is lost all the same.
func (r *run) readFailed(f *folder, err error) error {
	var limit *imapwire.LimitError
	if errors.As(err, &limit) && limit.What == "literal" {
		resp := imapwire.ParseHead(limit.Head)
		if i, ok := f.reading.find(uidOf(resp)); ok {
			r.fruitless = 0
			if gerr := r.poisoned(f, i, evidence.GapInvalid, limit.Error()); gerr != nil {
				return gerr
			}
		}
	}
	return lost(r.ctx, err)
}

// find returns the index of a UID that was asked for and has not come yet.
func (g *reading) find(uid uint32) (int, bool) {
	i, ok := slices.BinarySearch(g.uids, uid)
	return i, ok && uid != 0 && g.state[i] == asked
}

func uidOf(resp *imapwire.Response) uint32 {
	for name, value := range resp.Items() {
		if len(name) == 3 && strings.EqualFold(string(name), "UID") {
			n, _ := value.Number()
			return n
		}
	}
	return 0
}

// message keeps one FETCH response if it is an answer to what was asked. Flags that another client changes, messages
// that come twice and items that nobody asked for are left aside.
func (r *run) message(f *folder, flight []*batch, resp *imapwire.Response) error {
	if resp.Body == nil {
		return r.messageInLine(f, flight, resp)
	}
	if resp.Body.Item != r.wantItem() {
		return nil
	}
	uid := uidOf(resp)
	if uid != 0 {
		if _, ok := f.reading.find(uid); !ok {
			return nil
		}
	}
	complete, err := resp.Ahead()
	if err != nil {
		return lost(r.ctx, err)
	}
	if complete {
		return r.put(f, flight, resp, resp.Body, resp.Body.Size)
	}
	if uid != 0 && !r.oddTails {
		resp.Suppose(usualTail)
		return r.put(f, flight, resp, resp.Body, resp.Body.Size)
	}
	return r.putSpooled(f, flight, resp)
}

func (r *run) wantItem() string {
	if r.scope.Messages == collectors.MessagesRaw {
		return rawItem
	}
	return metadataItem
}

// messageInLine keeps a message whose body came as a quoted string, and writes down one that came as NIL.
func (r *run) messageInLine(f *folder, flight []*batch, resp *imapwire.Response) error {
	for name, value := range resp.Items() {
		if !strings.EqualFold(string(name), r.wantItem()) {
			continue
		}
		i, ok := f.reading.find(uidOf(resp))
		if !ok {
			return nil
		}
		if value.Kind == imapwire.Nil {
			return r.gapUID(f, batchOf(flight, i), i, evidence.GapVanished, "the server answered NIL in place of the message")
		}
		body := bytes.Clone(value.Text())
		return r.put(f, flight, resp, bytes.NewReader(body), int64(len(body)))
	}
	return nil
}

// putSpooled keeps a message that is too large to look past in the connection's buffer, where what follows it must be
// known first: it waits in memory up to 1 MiB, else in a temporary file.
func (r *run) putSpooled(f *folder, flight []*batch, resp *imapwire.Response) error {
	size := resp.Body.Size
	if size <= memoryLimit {
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return lost(r.ctx, err)
		}
		return r.put(f, flight, resp, bytes.NewReader(body), size)
	}
	file, err := os.CreateTemp(r.c.cfg.TempDir, "mbaudit-message-")
	if err != nil {
		return fmt.Errorf("imap: %w", err)
	}
	defer func() {
		_ = file.Close() // it is only read from here on, and then gone
		_ = os.Remove(file.Name())
	}()
	if _, err := io.Copy(file, resp.Body); err != nil {
		if resp.Body.Err() != nil {
			return lost(r.ctx, err)
		}
		return fmt.Errorf("imap: setting a message of %d bytes aside: %w", size, err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("imap: %w", err)
	}
	return r.put(f, flight, resp, file, size)
}

func batchOf(flight []*batch, i int) *batch {
	for _, b := range flight {
		// The indices of a batch rise, so that this is quick for each of thousands of messages.
		if _, ok := slices.BinarySearch(b.index, i); ok {
			return b
		}
	}
	return nil
}

// put hands a message to the sink. resp.Raw is complete, or what is supposed of it.
func (r *run) put(f *folder, flight []*batch, resp *imapwire.Response, body io.Reader, size int64) error {
	g := &f.reading
	ex := evidence.Exhibit{
		Account: r.scope.Account, Collector: r.c.Name(), Resource: f.resource(),
		MediaType: "message/rfc822", FetchedAt: time.Now().UTC(), Response: bytes.Clone(resp.Raw),
	}
	ending := "eml"
	if r.scope.Messages != collectors.MessagesRaw {
		ex.MediaType, ending = "text/rfc822-headers", "hdr"
	}
	uid := r.attrs(f, &ex, resp, size)
	i, ok := g.find(uid)
	if !ok {
		return nil
	}
	ex.Item = g.item(uid)
	ex.Name = r.name(g.path, fmt.Sprintf("%09d.%s", uid, ending))
	if b := batchOf(flight, i); b != nil {
		ex.Request = "UID FETCH " + shortSet(b.set) + " (" + b.items + ")"
	}
	_, err := r.sink.Put(ex, body)
	if err == nil {
		g.state[i] = done
		g.refusals, g.unsent, g.poisoned, g.starved, g.recounts, g.breaks = 0, 0, 0, 0, 0, 0
		r.fruitless, r.breakers = 0, 0
		r.link.conn.Wanted()
		g.size = min(2*g.size, g.chunk)
		r.c.cfg.Report.Done(1, size)
		return nil
	}
	return r.putFailed(f, flight, i, resp, err)
}

func (r *run) putFailed(f *folder, flight []*batch, i int, resp *imapwire.Response, err error) error {
	g := &f.reading
	switch {
	case r.ctx.Err() != nil && !errors.Is(err, evidence.ErrStorage):
		return context.Cause(r.ctx)
	case errors.Is(err, imapwire.ErrSupposed):
		r.oddTails = true
		g.requeue([]int{i}, wanted)
		return nil
	case resp.Body != nil && resp.Body.Err() != nil && errors.Is(err, resp.Body.Err()):
		return lost(r.ctx, err)
	case errors.Is(err, evidence.ErrStorage):
		return fmt.Errorf("%s: imap: keeping a message of %s: %w", visible.Text(r.scope.Account), f.label, err)
	case errors.Is(err, evidence.ErrTaken):
		return r.nameTaken(f, i, err)
	}
	return r.gapUID(f, batchOf(flight, i), i, evidence.GapInvalid, err.Error())
}

// nameTaken handles an exhibit that the sink has under this item (then all is well) or of this name: an earlier run
// met the folder under another UIDVALIDITY, or another folder under this path.
func (r *run) nameTaken(f *folder, i int, err error) error {
	g := &f.reading
	if r.sink.Has(r.scope.Account, f.resource(), g.item(g.uids[i])) {
		g.state[i] = done
		return nil
	}
	if g.moved {
		return r.gapUID(f, nil, i, evidence.GapInvalid, err.Error())
	}
	g.moved = true
	g.path = r.path(f, g.uidValidity, true)
	g.requeue([]int{i}, wanted)
	return nil
}

// attrs reads what the response says of the message into ex.Attrs, as far as it can be read, and returns the UID.
func (r *run) attrs(f *folder, ex *evidence.Exhibit, resp *imapwire.Response, size int64) (uid uint32) {
	a := make(map[string]string, 10)
	a["folder"] = f.name
	a["uidvalidity"] = fmt.Sprint(f.reading.uidValidity)
	for name, value := range resp.Items() {
		switch item := strings.ToUpper(string(name)); item {
		case "UID":
			if n, ok := value.Number(); ok && uid == 0 {
				uid = n
				a["uid"] = string(value.Text())
			}
		case "FLAGS", "INTERNALDATE", "RFC822.SIZE", "SAVEDATE", "X-GM-MSGID", "X-GM-THRID", "X-GM-LABELS":
			a[strings.ToLower(item)] = validText(value.Text())
			if item == "X-GM-LABELS" { // in modified UTF-7, as names of folders are
				if names, ok := imapwire.FolderName(value.Text()); ok && names != a["x-gm-labels"] {
					a["labels"] = names
				}
			}
		case "MODSEQ", "EMAILID", "THREADID": // in parentheses
			a[strings.ToLower(item)] = strings.Trim(validText(value.Text()), "()")
		}
	}
	if s := a["rfc822.size"]; s != "" && s != fmt.Sprint(size) && r.scope.Messages == collectors.MessagesRaw {
		a["size.received"] = fmt.Sprint(size)
		a["note"] = fmt.Sprintf("the server said %s bytes (RFC822.SIZE) and sent %d", s, size)
	}
	ex.Attrs = a
	return uid
}

func validText(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }

// shortSet shortens a set for a request that is kept with each message.
func shortSet(set string) string {
	if len(set) <= 80 {
		return set
	}
	first, _, _ := strings.Cut(set, ",")
	return first + ",…" + set[strings.LastIndexByte(set, ','):]
}

// mergeUIDs returns the numbers of both lists in rising order, each once.
func mergeUIDs(a, b []uint32) []uint32 {
	all := append(slices.Clip(a), b...)
	slices.Sort(all)
	return slices.Compact(all)
}
