package workspace

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestNoPeriodHasMoreThanIsAllowed reserves at random moments, and counts in each period that begins with a request.
func TestNoPeriodHasMoreThanIsAllowed(t *testing.T) {
	type spending struct {
		at    time.Time
		units float64
	}
	for name, l := range map[string]limit{
		"by the minute":         {units: 100, period: time.Minute, atOnce: 2, parallel: 5},
		"much at once":          {units: 250, period: time.Minute, atOnce: 50, parallel: 20},
		"by the second":         {units: 150, period: time.Second, atOnce: 150, parallel: 10},
		"dear and little of it": {units: 12, period: time.Minute, atOnce: 10, parallel: 5},
	} {
		random := rand.New(rand.NewPCG(7, 7))
		began := time.Date(2026, 10, 15, 8, 0, 0, 0, time.UTC)
		now, b := began, newBucket(l, began)
		var spent []spending
		total := 0.0
		for range 3000 {
			units := float64(1 + random.IntN(10))
			at := b.earliest(now, now, units)
			b.take(at, units)
			spent, total = append(spent, spending{at, units}), total+units
			if random.IntN(4) == 0 && at.After(now) {
				now = at
			}
		}
		in, first := 0.0, 0
		for _, s := range spent {
			for in += s.units; s.at.Sub(spent[first].at) >= l.period; first++ {
				in -= spent[first].units
			}
			if in > l.units {
				t.Fatalf("%s: %v units in the period before %s, of %v", name, in, s.at.Sub(began), l.units)
			}
		}
		periods := spent[len(spent)-1].at.Sub(began).Seconds() / l.period.Seconds()
		if used := total / (l.units * periods); used < 0.6 {
			t.Errorf("%s: %.2f of what is allowed was used", name, used)
		} else {
			t.Logf("%s: %.3f used", name, used)
		}
	}
}

// TestOneMailboxSlowsNoOther has the quota of one mailbox refuse: the project's, of which little is spent, goes on.
func TestOneMailboxSlowsNoOther(t *testing.T) {
	now := time.Date(2026, 10, 15, 8, 0, 0, 0, time.UTC)
	l := newLimiter(func() time.Time { return now }, nil)
	one, err := l.enter(t.Context(), gmail, Quota{}.charges(source{api: gmail, units: 20}, "a@example.com"))
	if err != nil {
		t.Fatal(err)
	}
	one.heard(&failure{kind: ErrUnavailable, status: 429, again: true, after: time.Minute})
	one.leave()
	if _, err := l.enter(t.Context(), gmail, Quota{}.charges(source{api: gmail, units: 20}, "b@example.com")); err != nil {
		t.Fatal(err) // it would have waited, and there is nobody to wait
	}
	again := l.bucketsOf(Quota{}.charges(source{api: gmail}, "a@example.com"))[0]
	if !again.closed.Equal(now.Add(time.Minute)) {
		t.Errorf("the mailbox that was refused is left alone until %s", again.closed)
	}
}
