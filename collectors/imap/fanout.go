package imap

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/mbaudit/mbaudit/evidence/earlier"
	"github.com/mbaudit/mbaudit/internal/imapwire"
)

// When more connections help, measured on a Dovecot of two cores: on the loopback interface a second connection makes
// nothing faster, since the server's encryption is the limit. Over a line with round trips of 40 ms, folders read side by
// side hide the round trips of each, and servers that hold each connection to a rate give more in all. MaxConnections is
// how many there are at the most: many servers allow no more from one address.
const (
	MaxConnections = 4
	distant        = 5 * time.Millisecond // a round trip over which folders are read side by side
)

// A ledger is what the connections of one run share.
type ledger struct {
	mu       sync.Mutex
	expected map[string]map[string]bool // resource -> items announced, for resources that grow as they are read
	paths    map[string]bool            // directories of folders that are taken, as pathKey folds them
	reports  []earlier.FolderReport
}

// A part is some of a folder's messages, lent by the connection that reads the folder to one that has nothing to do.
type part struct {
	folder *folder       // a copy, whose reading has these messages only
	ended  chan struct{} // closed when nobody reads it any more
}

// A job is a folder or a part of one.
type job struct {
	folder *folder
	part   *part // nil for a whole folder
}

// A queue hands jobs out to connections.
type queue struct {
	mu     sync.Mutex
	change sync.Cond
	jobs   []job
	busy   int // connections that read something, which may come back or be lent
	idle   int // connections that wait
	ended  bool
}

func newQueue(folders []*folder) *queue {
	q := &queue{}
	q.change.L = &q.mu
	for _, f := range folders {
		q.jobs = append(q.jobs, job{folder: f})
	}
	return q
}

// next waits for a job. It says false when nothing is left and nobody has anything that could come back.
func (q *queue) next() (job, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.jobs) == 0 && q.busy > 0 && !q.ended {
		q.idle++
		q.change.Wait()
		q.idle--
	}
	if len(q.jobs) == 0 || q.ended {
		q.change.Broadcast()
		return job{}, false
	}
	j := q.jobs[0]
	q.jobs = q.jobs[1:]
	q.busy++
	return j, true
}

// done says that a job is over. What could not be finished of a whole folder goes back; of a part, its lender knows.
func (q *queue) done(j job, finished bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.busy--
	if j.part != nil {
		close(j.part.ended)
	} else if !finished {
		q.jobs = append(q.jobs, j)
	}
	q.change.Broadcast()
}

// end makes everyone stop waiting.
func (q *queue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.change.Broadcast()
}

// hungry says whether a connection waits for something to read.
func (q *queue) hungry() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.idle > len(q.jobs)
}

// offer puts a part up.
func (q *queue) offer(p *part) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.jobs = append(q.jobs, job{folder: p.folder, part: p})
	q.change.Signal()
}

// withdraw takes a part back that nobody has begun to read.
func (q *queue) withdraw(p *part) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	before := len(q.jobs)
	q.jobs = slices.DeleteFunc(q.jobs, func(j job) bool { return j.part == p })
	return len(q.jobs) < before
}

// readFolders reads the folders over as many connections as help, and the settings meanwhile over the first one. That one is
// the run's own and does whatever the others could not: a server that allows only one loses nothing but time.
func (r *run) readFolders(folders []*folder, settings func() error) error {
	n := r.connections(folders)
	if n == 1 {
		if err := settings(); err != nil {
			return err
		}
	} else {
		folders = r.largestFirst(folders)
	}
	q := newQueue(folders)
	r.queue = q
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	var others sync.WaitGroup
	errs := make([]error, n)
	for i := 1; i < n; i++ {
		own := *r // before anything of it changes
		own.ctx, own.extra = ctx, true
		others.Go(func() { errs[i] = own.beside(q) })
	}
	if n > 1 {
		errs[0] = settings()
	}
	if errs[0] == nil {
		errs[0] = r.drain(q)
	}
	if errs[0] != nil {
		cancel()
		q.end()
	}
	others.Wait()
	return firstOf(errs)
}

// firstOf returns an error that is more than the end that another one brought about.
func firstOf(errs []error) error {
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return errors.Join(errs...)
}

// connections is how many connections help: as many as are allowed over a distance, where there is enough to read.
func (r *run) connections(folders []*folder) int {
	if r.link.roundTrip < distant {
		return 1
	}
	var messages int64
	for _, f := range folders {
		status, known := r.status[f.raw]
		if !known {
			return r.c.cfg.Connections
		}
		messages += status.messages
	}
	enough := len(folders) + int(messages/int64(2*r.c.cfg.Chunk))
	return max(1, min(r.c.cfg.Connections, enough))
}

// largestFirst sorts folders so that none is left for the end that takes longer than all the others.
func (r *run) largestFirst(folders []*folder) []*folder {
	sorted := slices.Clone(folders)
	slices.SortStableFunc(sorted, func(a, b *folder) int {
		return cmp.Compare(r.status[b.raw].messages, r.status[a.raw].messages)
	})
	return sorted
}

// drain reads until nothing is left.
func (r *run) drain(q *queue) error {
	for {
		j, ok := q.next()
		if !ok {
			return nil
		}
		err := r.read(j)
		if j.part != nil && isLost(err) && !r.extra {
			err = r.recover(err) // the part goes back to its lender, who may be able to read it
		}
		q.done(j, err == nil)
		if err != nil {
			return err
		}
	}
}

func (r *run) read(j job) error {
	if j.part != nil {
		return r.readPart(j.part)
	}
	return r.folder(j.folder)
}

// beside reads over a connection of its own, as long as the server lets it; the run is a copy for that. A connection that is refused or lost is no gap
// and is not tried again: what it had goes back.
func (r *run) beside(q *queue) error {
	link, err := r.c.connect(r.ctx, r.scope.Account)
	if err != nil {
		return nil
	}
	r.link = link
	defer func() { r.link.close() }()
	if link.tls != nil {
		if err := r.keepOtherChain(link.tls.PeerCertificates); err != nil {
			return err
		}
	}
	err = r.drain(q)
	if isLost(err) && r.ctx.Err() == nil {
		return nil
	}
	if err != nil {
		q.end()
		return err
	}
	_, _ = r.link.conn.Do(imapwire.NewCommand("LOGOUT")) // everything is kept; the answer changes nothing
	return nil
}

// lend gives half of what is yet to be asked for of a folder to a connection that waits, if there is one.
func (r *run) lend(f *folder) {
	g := &f.reading
	chunk := r.c.cfg.Chunk
	if r.queue == nil || g.part || g.size < chunk || len(g.retries) > 0 || len(g.uids)-g.cursor < 2*chunk || !r.queue.hungry() {
		return
	}
	var left []int
	for i := g.cursor; i < len(g.uids); i++ {
		if g.state[i] == wanted {
			left = append(left, i)
		}
	}
	if len(left) < 2*chunk {
		return
	}
	left = left[len(left)/2:]
	copied := *f
	copied.reading = reading{path: g.path, uidValidity: g.uidValidity, uidNext: g.uidNext, known: true, part: true, announced: true,
		size: chunk, chunk: chunk, deaths: map[uint32]int{}, basic: g.basic, modseq: g.modseq}
	for _, i := range left {
		g.state[i] = lent
		copied.reading.uids = append(copied.reading.uids, g.uids[i])
	}
	copied.reading.state = make([]uidState, len(left))
	p := &part{folder: &copied, ended: make(chan struct{})}
	g.parts = append(g.parts, p)
	r.queue.offer(p)
}

// readPart reads the messages of a part. Whatever it cannot have is left to the lender.
func (r *run) readPart(p *part) error {
	f := p.folder
	answer, err := r.doHere(imapwire.NewCommand("EXAMINE").String(f.raw))
	if err != nil {
		return err
	}
	if !answer.OK() || parseSelection(answer).uidValidity != f.reading.uidValidity {
		return nil
	}
	return r.fetch(f)
}

// reclaim waits for the parts of a folder that were lent, and says whether something of them is still to be read.
func (r *run) reclaim(f *folder) (more bool) {
	g := &f.reading
	for _, p := range g.parts {
		if !r.queue.withdraw(p) {
			<-p.ended // its connection ends at the latest with the context
		}
		theirs := &p.folder.reading
		for i, uid := range theirs.uids {
			at, ok := slices.BinarySearch(g.uids, uid)
			switch {
			case !ok || g.state[at] != lent:
			case theirs.state[i] == done:
				g.state[at] = done
			default:
				g.state[at] = wanted
				g.cursor = min(g.cursor, at)
				more = true
			}
		}
	}
	g.parts = nil
	return more
}
