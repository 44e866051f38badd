package workspace

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

// How a bucket follows what its API says.
const (
	haste       = 2                // a period's units may be spent so many times as fast as they come
	longestShut = 16 * time.Second // after refusals that do not say how long: 1, 2, 4 … seconds
	growEvery   = time.Second      // a step up, while nothing is refused
	growSteps   = 20               // of so many steps is the way from nothing to the whole pace, and to a limit that was guessed
	slowest     = 1.0 / 64         // of the whole pace: what no refusal goes below
	idleAfter   = 10 * time.Minute // a bucket that was not used for so long is as new

	// What is known of a limit that is not the one that was begun with.
	lessonAfter = 3 * time.Second // of refusals: what passed in the period before them was the limit
	lessonKeeps = 0.95            // of what passed
	nearlyAll   = 0.8             // of what is allowed: then it is this limit that was met
	lessonLeast = 1.0 / 8         // of what is allowed: where less passed, something else than a limit is in the way
	regrow      = 1.005           // a step up from what was learned
	guessMost   = 16              // times what was guessed
	guessGate   = 4               // times as many requests at once
)

// A limiter keeps requests within the quotas: one bucket for each limit and those who share it. As many units are let through
// in a period as the limit has, first come first served, so that accounts that are read side by side get equal parts, and
// not all at once. Where Google names no limit it begins with a guess, and asks for more as long as nothing is refused.
//
// An API that refuses for its quota all the same halves the pace of the bucket that it may be, which then grows by equal
// steps, and is left alone for as long as it says, else for a moment: who waits meanwhile is not refused, and uses up no
// try. Where it goes on to refuse, what it let through in the period before is taken for its limit.
type limiter struct {
	now   func() time.Time
	sleep func(ctx context.Context, d time.Duration) error

	mu      sync.Mutex
	buckets map[bucketKey]*bucket
	swept   time.Time
}

// A bucket is a limit, and what was spent of it.
type bucket struct {
	gate gate

	mu      sync.Mutex
	limit   limit     // that was begun with
	allowed float64   // units in a period, as is known now
	spent   window    // what was let through, or will be
	share   float64   // of the pace, that is used now
	free    time.Time // when all that was let through would have flowed at the pace
	last    time.Time // that a request was let through, or will be
	born    time.Time
	used    time.Time
	pressed time.Time // when somebody had to wait last
	grown   time.Time

	closed  time.Time // left alone until then
	refused int       // refusals in a row, of requests that were sent one after the other's refusal
	first   time.Time // of them
	cut     time.Time // the last of them
	passed  float64   // units that passed in the period before the first
	learned bool      // allowed is what passed once
	opened  time.Time // when the first request passed after refusals, or the first at all: then a period of the API's began
}

func newLimiter(now func() time.Time, sleep func(context.Context, time.Duration) error) *limiter {
	return &limiter{now: now, sleep: sleep, buckets: map[bucketKey]*bucket{}}
}

// A ticket is one request that was let through.
type ticket struct {
	l       *limiter
	api     api
	charges []charge
	buckets []*bucket // of the charges
	sent    time.Time
	at      time.Time // when it was to be sent
}

// enter waits until a request that costs so much may be sent.
func (l *limiter) enter(ctx context.Context, a api, charges []charge) (ticket, error) {
	t := ticket{l: l, api: a, charges: charges}
	for _, b := range l.bucketsOf(charges) {
		if err := b.gate.enter(ctx); err != nil {
			t.leave()
			return ticket{}, err
		}
		t.buckets = append(t.buckets, b)
	}
	for {
		if wait := t.reserve(); wait > 0 {
			if err := l.sleep(ctx, wait); err != nil {
				t.release()
				t.leave()
				return ticket{}, err
			}
		}
		if !t.shut() { // else it was closed while this one waited
			t.sent = l.now()
			return t, nil
		}
		t.release()
	}
}

// bucketsOf are those that a request is counted in.
func (l *limiter) bucketsOf(charges []charge) []*bucket {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.sweep(now)
	var found []*bucket
	for _, c := range charges {
		b := l.buckets[c.of]
		if b == nil {
			b = newBucket(c.limit, now)
			l.buckets[c.of] = b
		}
		b.mu.Lock()
		b.used = now
		b.mu.Unlock()
		found = append(found, b)
	}
	return found
}

func newBucket(of limit, now time.Time) *bucket {
	b := &bucket{limit: of, allowed: of.units, spent: window{period: of.period}, share: 1, born: now, opened: now, gate: gate{limit: of.parallel, most: of.parallel}}
	if of.guessed {
		b.gate.most *= guessGate
	}
	return b
}

// sweep forgets buckets of users who are not asked for any more: many accounts cost no more memory than few.
func (l *limiter) sweep(now time.Time) {
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

// reserve takes what the request costs out of all its buckets at the first moment at which all have it, and says how long
// that is to be waited for.
func (t *ticket) reserve() time.Duration {
	for _, b := range t.buckets { // in the order of the charges, which is the same for all who share two
		b.mu.Lock()
		defer b.mu.Unlock()
	}
	now := t.l.now()
	t.at = now
	for moved := true; moved; {
		moved = false
		for i, b := range t.buckets {
			if at := b.earliest(now, t.at, float64(t.charges[i].units)); at.After(t.at) {
				t.at, moved = at, true
			}
		}
	}
	for i, b := range t.buckets {
		b.take(t.at, float64(t.charges[i].units))
	}
	return t.at.Sub(now)
}

// release gives back what a request cost that was not sent, or that was refused.
func (t *ticket) release() {
	for i, b := range t.buckets {
		b.mu.Lock()
		b.spent.add(t.at, -float64(t.charges[i].units))
		b.mu.Unlock()
	}
}

// rate is how many units may flow in a second.
func (b *bucket) rate() float64 { return haste * b.share * b.allowed / b.limit.period.Seconds() }

// earliest is the first moment from at on at which so many units may be spent.
func (b *bucket) earliest(now, at time.Time, units float64) time.Time {
	from := at
	for _, t := range []time.Time{b.last, b.free.Add(seconds((units - b.limit.atOnce) / b.rate()))} {
		if t.After(from) {
			from = t
		}
	}
	from = b.spent.earliest(now, from, units, b.allowed)
	if from.After(at) {
		b.pressed = now
	}
	if b.closed.After(from) {
		return b.closed
	}
	return from
}

func (b *bucket) take(at time.Time, units float64) {
	if at.After(b.free) {
		b.free = at
	}
	b.free = b.free.Add(seconds(units / b.rate()))
	b.last = at
	b.spent.add(at, units)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// shut says whether one of the buckets was closed for longer than until the request was to be sent.
func (t *ticket) shut() bool {
	for _, b := range t.buckets {
		b.mu.Lock()
		closed := b.closed.After(t.at)
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
func (t *ticket) leave() {
	for _, b := range t.buckets {
		b.gate.leave()
	}
}

// heard tells the buckets what came of a request.
func (t *ticket) heard(err error) {
	now := t.l.now()
	if f := quotaRefusal(t.api, err); f != nil {
		for _, b := range t.blamed(now) {
			b.slow(now, t.sent, f)
		}
		t.release()
		return
	}
	if err == nil {
		for _, b := range t.buckets {
			b.grow(now, t.sent)
		}
	}
}

// blamed are the buckets whose limit may be what refused a request, which no API says: those of which nearly all is spent; if
// there are none, those of which so much is that their limit may be lower than was said; else the fullest.
func (t *ticket) blamed(now time.Time) []*bucket {
	parts, most := make([]float64, len(t.buckets)), 0.0
	for i, b := range t.buckets {
		b.mu.Lock()
		parts[i] = b.spent.until(now) / b.allowed
		b.mu.Unlock()
		most = max(most, parts[i])
	}
	least := min(most, lessonLeast)
	if most >= nearlyAll {
		least = nearlyAll
	}
	var found []*bucket
	for i, b := range t.buckets {
		if parts[i] >= least {
			found = append(found, b)
		}
	}
	return found
}

// slow halves the pace at the first refusal, and closes the bucket. A refusal of what was sent before the last refusal says
// nothing new but how long the API wants to be left alone.
func (b *bucket) slow(now, sent time.Time, f *failure) {
	b.mu.Lock()
	defer b.mu.Unlock()
	told := f.after > 0 && f.after <= longestWait
	if told {
		b.close(now.Add(f.after))
	}
	if sent.Before(b.cut) {
		return
	}
	if b.refused++; b.refused == 1 {
		b.first, b.passed = now, b.spent.until(now)
		b.share = max(b.share/2, slowest)
	}
	b.cut, b.grown = now, now
	if now.Sub(b.first) >= lessonAfter || told && f.after >= lessonAfter {
		b.learn()
	}
	if !told {
		b.close(b.again(now, min(firstWait<<min(b.refused-1, 10), longestShut)))
	}
	if f.status == http.StatusTooManyRequests {
		b.gate.narrow()
	}
}

// learn takes what passed in the period before the refusals for the limit, if there was one, and it was near enough to what
// is allowed that a limit may be what was in the way.
func (b *bucket) learn() {
	if b.first.Sub(b.born) < b.limit.period || b.passed >= b.allowed || b.passed < b.allowed*lessonLeast {
		return
	}
	b.allowed, b.learned, b.share = b.passed*lessonKeeps, true, 1
}

// again is when to ask again after a pause: not later than when the API's period is over, if it counts by whole ones.
func (b *bucket) again(now time.Time, pause time.Duration) time.Time {
	left := b.limit.period - now.Sub(b.opened)%b.limit.period + b.limit.period/slots
	return now.Add(min(pause, max(left, firstWait/2)))
}

func (b *bucket) close(until time.Time) {
	if until.After(b.closed) {
		b.closed = until
	}
}

// grow gives the pace back, step by step, and lets more through where the limit is not known and is what holds up.
func (b *bucket) grow(now, sent time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refused > 0 && !sent.Before(b.cut) {
		b.refused, b.opened = 0, sent
	}
	if now.Sub(b.grown) < growEvery {
		return
	}
	b.grown = now
	b.share = min(b.share+1.0/growSteps, 1)
	if now.Sub(b.pressed) <= growEvery {
		b.allow()
	}
	b.gate.widen()
}

// allow is a step up.
func (b *bucket) allow() {
	most := b.limit.units
	if b.limit.guessed {
		most *= guessMost
	}
	if b.learned {
		b.allowed = min(b.allowed*regrow, most)
		return
	}
	b.allowed = min(b.allowed+b.limit.units/growSteps, most)
}

// slots is into how many parts a window cuts its period.
const slots = 240

// A window knows what was spent in the period before a moment, in parts of time: up to two of them too long, so that what is
// under way for longer than what comes after it does not arrive within the same period. (A token bucket, as
// golang.org/x/time/rate is, either lets a period have more than its limit or never uses it up.)
type window struct {
	period time.Duration
	parts  []spentIn // in the order of time
}

type spentIn struct {
	slot  int64
	units float64
}

func (w *window) slot() time.Duration { return w.period / slots }

// over is when what was spent in a slot does not count any more.
func (w *window) over(slot int64) time.Time {
	return time.Unix(0, (slot+2)*int64(w.slot())).Add(w.period)
}

// add notes what is spent at a moment; less than nothing takes it back.
func (w *window) add(at time.Time, units float64) {
	slot := at.UnixNano() / int64(w.slot())
	for i := len(w.parts) - 1; i >= 0 && w.parts[i].slot >= slot; i-- {
		if w.parts[i].slot == slot {
			w.parts[i].units += units
			return
		}
	}
	if units > 0 {
		w.parts = append(w.parts, spentIn{slot, units})
	}
}

// earliest is the first moment from at on in whose period so many units may be spent besides those that are.
func (w *window) earliest(now, at time.Time, units, allowed float64) time.Time {
	for len(w.parts) > 0 && !w.over(w.parts[0].slot).After(now) {
		w.parts = w.parts[1:]
	}
	total := 0.0
	for _, p := range w.parts {
		total += p.units
	}
	for _, p := range w.parts {
		if over := w.over(p.slot); over.After(at) {
			if total+units <= allowed {
				break
			}
			at = over
		}
		total -= p.units
	}
	return at
}

// until is what was spent in the period before a moment.
func (w *window) until(now time.Time) float64 {
	total := 0.0
	for _, p := range w.parts {
		if at := time.Unix(0, p.slot*int64(w.slot())); !at.After(now) && now.Sub(at) < w.period {
			total += p.units
		}
	}
	return total
}

// quotaRefusal is the failure of a request that was refused because too much was asked; nil for all others. Reports and
// Alert Center say so with 503.
func quotaRefusal(a api, err error) *failure {
	var f *failure
	if !errors.As(err, &f) || !f.again || f.kind != ErrUnavailable {
		return nil
	}
	switch {
	case f.status == http.StatusForbidden, f.status == http.StatusTooManyRequests, f.status == http.StatusServiceUnavailable && (a == reports || a == alertCenter || f.after > 0):
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
