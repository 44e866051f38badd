package imap

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/mbaudit/mbaudit/collectors/imap/imapwire"
	"github.com/mbaudit/mbaudit/evidence/earlier"
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

// A queue hands folders out to connections.
type queue struct {
	mu      sync.Mutex
	folders []*folder
}

// next takes the next folder, nil if there is none.
func (q *queue) next() *folder {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.folders) == 0 {
		return nil
	}
	f := q.folders[0]
	q.folders = q.folders[1:]
	return f
}

// putBack returns a folder that a connection could not finish. What was read of it stays read.
func (q *queue) putBack(f *folder) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.folders = append(q.folders, f)
}

// readFolders reads the folders over as many connections as help. The first one is the run's own and does whatever the
// others could not: a server that allows only one loses nothing but time.
func (r *run) readFolders(folders []*folder) error {
	n := min(r.connections(), len(folders))
	if n > 1 {
		folders = r.largestFirst(folders)
	}
	q := &queue{folders: folders}
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	var others sync.WaitGroup
	errs := make([]error, max(n, 1))
	for i := 1; i < n; i++ {
		others.Go(func() { errs[i] = r.beside(ctx, q) })
	}
	err := r.drain(q)
	if err != nil {
		cancel()
	}
	others.Wait()
	errs[0] = err
	if err := firstOf(errs); err != nil {
		return err
	}
	return r.drain(q) // what the others put back
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

// connections is how many connections help.
func (r *run) connections() int {
	if r.link.roundTrip < distant {
		return 1
	}
	return r.c.cfg.Connections
}

// largestFirst sorts folders so that none is left for the end that takes longer than all the others.
func (r *run) largestFirst(folders []*folder) []*folder {
	sorted := slices.Clone(folders)
	slices.SortStableFunc(sorted, func(a, b *folder) int {
		return int(min(1<<30, r.status[b.raw].messages)) - int(min(1<<30, r.status[a.raw].messages))
	})
	return sorted
}

// drain reads folders until none is left.
func (r *run) drain(q *queue) error {
	for f := q.next(); f != nil; f = q.next() {
		if err := r.folder(f); err != nil {
			return err
		}
	}
	return nil
}

// beside reads folders over a connection of its own, as long as the server lets it. A connection that is refused or lost
// is no gap and is not tried again: its folder goes back to the queue.
func (r *run) beside(ctx context.Context, q *queue) error {
	link, err := r.c.connect(ctx, r.scope.Account)
	if err != nil {
		return nil
	}
	own := *r
	own.ctx, own.link, own.fruitless, own.extra = ctx, link, 0, true
	defer func() { own.link.close() }()
	if link.tls != nil {
		if err := own.keepOtherChain(link.tls.PeerCertificates); err != nil {
			return err
		}
	}
	for f := q.next(); f != nil; f = q.next() {
		err := own.folder(f)
		if isLost(err) && ctx.Err() == nil {
			q.putBack(f)
			return nil
		}
		if err != nil {
			return err
		}
	}
	_, _ = own.link.conn.Do(imapwire.NewCommand("LOGOUT")) // everything is kept; the answer changes nothing
	return nil
}
