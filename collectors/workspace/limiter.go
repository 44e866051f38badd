package workspace

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How a bucket follows what its API says.
const (
	burst       = time.Second      // what flows in this time may be asked for at once, and makes up for lines that are not even
	longestShut = 16 * time.Second // after refusals that do not say how long: 1, 2, 4 … seconds
	growEvery   = time.Second      // a step up, while nothing is refused
	growSteps   = 20               // of so many steps is the way from nothing to the whole pace
	slowest     = 1.0 / 64         // of the whole pace: what no refusal goes below
	idleAfter   = 10 * time.Minute // a bucket that was not used for so long is as new
)

// A limiter keeps requests within the quotas: one bucket for each API and user spoken for, and one for all users of an API
// that counts them together. Requests flow evenly at the pace of the quota, first come first served, so that accounts that
// are read side by side get equal parts. An API that refuses for its quota all the same halves the pace of its bucket,
// which then grows by equal steps, and is left alone for as long as it says, else for a moment: who waits meanwhile is not
// refused, and uses up no try.
type limiter struct {
	quota Quota
	now   func() time.Time
	sleep func(ctx context.Context, d time.Duration) error

	mu      sync.Mutex
	buckets map[bucketKey]*bucket
	swept   time.Time
}

type bucketKey struct {
	api  api
	user string // "" for all users together
}

// A bucket is the part of a quota that some requests share.
type bucket struct {
	units *rate.Limiter
	gate  gate

	mu      sync.Mutex
	whole   rate.Limit // units a second, when nothing is refused
	share   float64    // of it, that is used now
	cut     time.Time  // when it was halved
	refused int        // cuts in a row
	grown   time.Time
	closed  time.Time // left alone until then
	used    time.Time
}

func newLimiter(q Quota, now func() time.Time, sleep func(context.Context, time.Duration) error) *limiter {
	return &limiter{quota: q, now: now, sleep: sleep, buckets: map[bucketKey]*bucket{}}
}

// A ticket is one request that was let through.
type ticket struct {
	l       *limiter
	api     api
	buckets []*bucket
	sent    time.Time
}

// enter waits until a request that costs so many units may be sent for a user.
func (l *limiter) enter(ctx context.Context, a api, user string, units int) (ticket, error) {
	t := ticket{l: l, api: a}
	for _, b := range l.bucketsOf(a, user) {
		if err := b.gate.enter(ctx); err != nil {
			t.leave()
			return ticket{}, err
		}
		t.buckets = append(t.buckets, b)
	}
	for {
		until, wait := l.reserve(t.buckets, units)
		if wait > 0 {
			if err := l.sleep(ctx, wait); err != nil {
				t.leave()
				return ticket{}, err
			}
		}
		if !shut(t.buckets, until) { // else it was closed while this one waited
			t.sent = l.now()
			return t, nil
		}
	}
}

// bucketsOf are those that a request is counted in.
func (l *limiter) bucketsOf(a api, user string) []*bucket {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep()
	found := []*bucket{l.bucket(bucketKey{a, user}, l.quota.of(a))}
	if all, ok := l.quota.project(a); ok {
		found = append(found, l.bucket(bucketKey{a, ""}, all))
	}
	return found
}

func (l *limiter) bucket(key bucketKey, of limit) *bucket {
	b := l.buckets[key]
	if b == nil {
		whole := rate.Limit(max(of.perMinute-of.atOnce, of.perMinute/2) / time.Minute.Seconds()) // with what is asked for at once, a minute's units
		b = &bucket{units: rate.NewLimiter(whole, int(of.atOnce)), whole: whole, share: 1, gate: gate{limit: of.parallel, most: of.parallel}}
		l.buckets[key] = b
	}
	b.mu.Lock()
	b.used = l.now()
	b.mu.Unlock()
	return b
}

// sweep forgets buckets of users who are not asked for any more: many accounts cost no more memory than few.
func (l *limiter) sweep() {
	now := l.now()
	if now.Sub(l.swept) < idleAfter {
		return
	}
	l.swept = now
	for key, b := range l.buckets {
		if b.idle(now) {
			delete(l.buckets, key)
		}
	}
}

// reserve takes units out of all buckets and says until when to wait for them.
func (l *limiter) reserve(buckets []*bucket, units int) (until time.Time, wait time.Duration) {
	now := l.now()
	for _, b := range buckets {
		wait = max(wait, b.reserve(now, units))
	}
	return now.Add(wait), wait
}

func (b *bucket) reserve(now time.Time, units int) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := now
	if b.closed.After(at) {
		at = b.closed
	}
	return b.units.ReserveN(at, min(units, b.units.Burst())).DelayFrom(now)
}

// shut says whether one of the buckets is to be left alone for longer than until then.
func shut(buckets []*bucket, until time.Time) bool {
	for _, b := range buckets {
		b.mu.Lock()
		closed := b.closed.After(until)
		b.mu.Unlock()
		if closed {
			return true
		}
	}
	return false
}

func (b *bucket) idle(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return now.Sub(b.used) >= idleAfter && !b.closed.After(now)
}

// leave ends a request, whatever came of it.
func (t ticket) leave() {
	for _, b := range t.buckets {
		b.gate.leave()
	}
}

// heard tells the buckets what came of a request.
func (t ticket) heard(err error) {
	now := t.l.now()
	f := quotaRefusal(t.api, err)
	for _, b := range t.buckets {
		switch {
		case f != nil:
			b.slow(now, t.sent, f)
		case err == nil:
			b.grow(now)
		}
	}
}

// slow halves the pace and closes the bucket. A refusal of what was sent before it was cut last says nothing new but how
// long the API wants to be left alone.
func (b *bucket) slow(now, sent time.Time, f *failure) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if f.after > 0 && f.after <= longestWait {
		b.close(now.Add(f.after))
	}
	if sent.Before(b.cut) {
		return
	}
	if b.refused++; f.after == 0 {
		b.close(now.Add(min(firstWait<<min(b.refused-1, 10), longestShut)))
	}
	b.cut, b.grown = now, now
	b.share = max(b.share/2, slowest)
	b.units.SetLimitAt(now, b.whole*rate.Limit(b.share))
	if f.status == http.StatusTooManyRequests {
		b.gate.narrow()
	}
}

func (b *bucket) close(until time.Time) {
	if until.After(b.closed) {
		b.closed = until
	}
}

// grow gives the pace back, step by step.
func (b *bucket) grow(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refused = 0
	if b.share >= 1 || now.Sub(b.grown) < growEvery {
		return
	}
	b.grown = now
	b.share = min(b.share+1.0/growSteps, 1)
	b.units.SetLimitAt(now, b.whole*rate.Limit(b.share))
	b.gate.widen()
}

// quotaRefusal is the failure of a request that was refused because too much was asked; nil for all others. Reports says
// so with 503.
func quotaRefusal(a api, err error) *failure {
	var f *failure
	if !errors.As(err, &f) || !f.again || f.kind != ErrUnavailable {
		return nil
	}
	switch {
	case f.status == http.StatusForbidden, f.status == http.StatusTooManyRequests, f.status == http.StatusServiceUnavailable && (a == reports || f.after > 0):
		return f
	}
	return nil
}

// A gate lets so many requests through at once, the first who came before the others.
type gate struct {
	mu          sync.Mutex
	limit, most int
	busy        int
	waiting     []chan struct{}
}

func (g *gate) enter(ctx context.Context) error {
	g.mu.Lock()
	if g.busy < g.limit && len(g.waiting) == 0 {
		g.busy++
		g.mu.Unlock()
		return ctx.Err()
	}
	mine := make(chan struct{})
	g.waiting = append(g.waiting, mine)
	g.mu.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
		g.give(mine)
		return ctx.Err()
	}
}

// give takes one who waits out of the row; if he was let in at that moment, he leaves.
func (g *gate) give(mine chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, one := range g.waiting {
		if one == mine {
			g.waiting = append(g.waiting[:i], g.waiting[i+1:]...)
			return
		}
	}
	g.busy--
	g.admit()
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.busy--
	g.admit()
}

// admit lets in who may.
func (g *gate) admit() {
	for g.busy < g.limit && len(g.waiting) > 0 {
		close(g.waiting[0])
		g.waiting = g.waiting[1:]
		g.busy++
	}
}

func (g *gate) narrow() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limit = max(g.limit/2, 1)
}

func (g *gate) widen() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limit = min(g.limit+1, g.most)
	g.admit()
}
