package main

import (
	"context"
	"sync"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// A pusher sends segments away as soon as they are sealed, while collection goes on: what has left the machine is safe
// from whatever happens to it next. It never holds collection up. What it could not send, the push after sealing sends.
type pusher struct {
	t      *terminal
	d      *destination
	bundle string                // directory
	before []evidence.SealedFile // what goes before the first segment; a bundle that gets none leaves no trace away from here
	queue  chan evidence.SealedFile
	ended  sync.WaitGroup

	mu   sync.Mutex
	sent int
	err  error // the first; nothing is sent after it
}

// queued is how many files may wait, which is thousands of segments. One that finds no place waits for the push after
// sealing.
const queued = 1 << 14

func startPusher(ctx context.Context, t *terminal, d *destination, bundle string, before []evidence.SealedFile) *pusher {
	p := &pusher{t: t, d: d, bundle: bundle, before: before, queue: make(chan evidence.SealedFile, queued)}
	p.ended.Go(func() { p.work(ctx) })
	return p
}

// add hands over files that will not change any more. It is called by one goroutine at a time.
func (p *pusher) add(files []evidence.SealedFile) {
	files, p.before = append(p.before, files...), nil
	for _, file := range files {
		select {
		case p.queue <- file:
		default:
		}
	}
}

func (p *pusher) work(ctx context.Context) {
	for file := range p.queue {
		if p.failed() || ctx.Err() != nil {
			continue // drains the queue
		}
		created, err := p.d.pushFile(ctx, p.bundle, file)
		p.mu.Lock()
		if created {
			p.sent++
		}
		p.err = err
		p.mu.Unlock()
		if err != nil && ctx.Err() == nil {
			p.t.say("pushing while collecting stopped, collection goes on: %s", visible.Line(err.Error()))
		}
	}
}

func (p *pusher) failed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err != nil
}

// wait ends the work when all that was added is sent, and says how many objects that were and what went wrong.
func (p *pusher) wait() (sent int, err error) {
	close(p.queue)
	p.ended.Wait()
	return p.sent, p.err
}
