package facts

import (
	"slices"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
)

// own knows the traces that the collections of the case left in the logs themselves: each access token of the service account
// stands in the log of tokens as an application's, from the operator's address, in the name of the account examined.
type own struct {
	clients map[string]bool // OAuth client ids, as exhibits name them
	windows []window
	places  map[string][]string // by client: the addresses that its tokens were asked for from
}

// A window is when a bundle was made.
type window struct{ from, to time.Time }

func (w window) holds(at time.Time, before, after time.Duration) bool {
	return !at.Before(w.from.Add(-before)) && !at.After(w.to.Add(after))
}

// A collection is preceded by a preflight; its tokens live for an hour.
const (
	ownBefore = 24 * time.Hour
	ownAfter  = 2 * time.Hour
)

func newOwn() *own { return &own{clients: map[string]bool{}, places: map[string][]string{}} }

// take notes when a bundle was made.
func (o *own) take(b *evidence.Bundle) {
	to := b.SealedAt
	if to.Before(b.Opening.CreatedAt) {
		to = b.Opening.CreatedAt
	}
	o.windows = append(o.windows, window{b.Opening.CreatedAt, to})
}

// maxClients bounds what a bundle can make ours.
const maxClients = 100

// exhibit notes the client that an exhibit was read with.
func (o *own) exhibit(s *source) {
	if client := s.Attrs["client"]; client != "" && len(o.clients) < maxClients {
		o.clients[client] = true
	}
}

// maxPlaces bounds how many clients are remembered, and how many addresses of each.
const maxPlaces = 1_000

// learn notes from where a client's tokens were asked for while a bundle was made: who has stolen the key uses it elsewhen, too.
func (o *own) learn(f *Fact) {
	if f.Kind != KindAudit || f.Text("event.application") != "token" || !o.during(f.Time, 10*time.Minute, time.Minute) {
		return
	}
	client, ip := f.Text("client_id"), f.Text("ip")
	if all := o.places[client]; client != "" && ip != "" && (all != nil || len(o.places) < maxPlaces) && len(all) < maxPlaces && !slices.Contains(all, ip) {
		o.places[client] = append(all, ip)
	}
}

// mark says whether an event is a trace of ours, and marks it: own_trace. A token of a client of ours is one in the time around a
// collection of the case; what was then read by the API, or over IMAP, from where these tokens were asked for is one while a
// bundle was made. The same client outside of the case's collections is somebody else's deed, or another case's: own_client, and
// it is judged as any other. That an administrator delegated to the client is a trace of ours whenever it was.
func (o *own) mark(f *Fact) bool {
	if len(o.clients) == 0 {
		return false
	}
	trace := false
	switch {
	case f.Kind == KindMailLog, f.Kind == KindAudit && f.Text("event.application") == "gmail" && slices.Contains([]string{"API", "IMAP"}, f.Text("event_info.client_context.client_type")):
		trace = o.here(f.Text("ip")) && o.during(f.Time, 0, time.Minute)
	case f.Kind != KindAudit:
	case f.Text("event.name") == "AUTHORIZE_API_CLIENT_ACCESS":
		trace = o.clients[f.Text("api_client_name")]
	case f.Text("event.application") == "token" && o.clients[f.Text("client_id")]:
		f.Set("own_client", Bool(true))
		trace = o.during(f.Time, ownBefore, ownAfter)
	}
	if trace {
		f.Set("own_trace", Bool(true))
	}
	return trace
}

// here says whether tokens of ours were asked for from an address.
func (o *own) here(ip string) bool {
	for client := range o.clients {
		if ip != "" && slices.Contains(o.places[client], ip) {
			return true
		}
	}
	return false
}

func (o *own) during(at time.Time, before, after time.Duration) bool {
	return slices.ContainsFunc(o.windows, func(w window) bool { return w.holds(at, before, after) })
}
