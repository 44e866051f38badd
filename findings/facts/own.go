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
}

type window struct{ from, to time.Time }

// A collection is preceded by a preflight; its tokens live for an hour.
const (
	ownBefore = 24 * time.Hour
	ownAfter  = 2 * time.Hour
)

func newOwn() *own { return &own{clients: map[string]bool{}} }

// take notes when a bundle was made.
func (o *own) take(b *evidence.Bundle) {
	to := b.SealedAt
	if to.Before(b.Opening.CreatedAt) {
		to = b.Opening.CreatedAt
	}
	o.windows = append(o.windows, window{b.Opening.CreatedAt.Add(-ownBefore), to.Add(ownAfter)})
}

// maxClients bounds what a bundle can make ours.
const maxClients = 100

// exhibit notes the client that an exhibit was read with.
func (o *own) exhibit(s *source) {
	if client := s.Attrs["client"]; client != "" && len(o.clients) < maxClients {
		o.clients[client] = true
	}
}

// mark says whether an event is a trace of ours, and marks it: own_trace. The same client outside of the case's
// collections is somebody else's deed, or another case's: own_client, and it is judged as any other. That an administrator
// delegated to the client is a trace of ours whenever it was.
func (o *own) mark(f *Fact) bool {
	if f.Kind != KindAudit || len(o.clients) == 0 {
		return false
	}
	delegated := f.Text("event.name") == "AUTHORIZE_API_CLIENT_ACCESS"
	client := f.Text("client_id")
	if delegated {
		client = f.Text("api_client_name")
	}
	if !o.clients[client] || f.Text("event.application") != "token" && !delegated {
		return false
	}
	f.Set("own_client", Bool(true))
	trace := delegated || slices.ContainsFunc(o.windows, func(w window) bool { return !f.Time.Before(w.from) && !f.Time.After(w.to) })
	if trace {
		f.Set("own_trace", Bool(true))
	}
	return trace
}
