package workspace

import (
	"net/http"
	"sync"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
)

// A googleClock compares our clock with the one of the server, by the Date of its answers, and keeps the comparison that
// is least uncertain.
type googleClock struct {
	mu                  sync.Mutex
	at                  time.Time // when it was compared; zero: never
	offset, uncertainty time.Duration
}

// see compares. Date is cut down to whole seconds (RFC 9110, section 5.6.7), and was written at some time between request
// and answer.
func (k *googleClock) see(asked, answered time.Time, header http.Header) {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return
	}
	const half = 500 * time.Millisecond
	trip := answered.Sub(asked)
	k.mu.Lock()
	defer k.mu.Unlock()
	if uncertainty := trip/2 + half; k.at.IsZero() || uncertainty < k.uncertainty {
		k.at, k.uncertainty = answered, uncertainty
		k.offset = date.Add(half).Sub(asked.Add(trip / 2))
	}
}

// Clock is the comparison of our clock with Google's.
func (c *Collector) Clock() evidence.Clock {
	c.clock.mu.Lock()
	defer c.clock.mu.Unlock()
	result := evidence.Clock{Against: "workspace " + c.Address(), Status: "unreachable", At: c.cfg.Now().UTC().Truncate(time.Millisecond)}
	if !c.clock.at.IsZero() {
		offset, uncertainty := c.clock.offset.Milliseconds(), c.clock.uncertainty.Milliseconds()+1
		result.Status, result.OffsetMS, result.UncertaintyMS = "measured", &offset, &uncertainty
		result.At, result.Note = c.clock.at.UTC().Truncate(time.Millisecond), "by the Date of an answer"
	}
	return result
}
