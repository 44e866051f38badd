package workspace

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/mbaudit/mbaudit/internal/secret"
)

const (
	// tokenMargin is how long before its end an access token is not used any more.
	tokenMargin = 5 * time.Minute
	// tokensAtMost are held at once: a collection of thousands of accounts comes back to none of those that it is through.
	tokensAtMost = 2048
)

// A grant is for whom an access token is and for what. That of nobody is for the credentials' own use.
type grant struct{ subject, scope string }

// tokens are the access tokens of one collection, one for each grant. They live in memory only.
type tokens struct {
	c    *Collector
	mu   sync.Mutex
	held map[grant]*heldToken
	uses int64
}

type heldToken struct {
	used int64 // the last of all uses; of tokens.mu

	mu      sync.Mutex
	value   secret.String
	expires time.Time
	err     error // a grant that was refused is refused for the whole collection
}

// get gives an access token. Who asks for one that is on its way waits for it.
func (t *tokens) get(ctx context.Context, g grant) (secret.String, error) {
	h := t.at(g)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err != nil {
		return secret.String{}, h.err
	}
	if !h.value.Empty() && time.Until(h.expires) > tokenMargin {
		return h.value, nil
	}
	err := t.c.persist(ctx, func(ctx context.Context) error {
		var err error
		h.value, h.expires, err = t.c.access.mint(ctx, t.c, g)
		return err
	})
	if err != nil && ctx.Err() == nil {
		h.err = err
	}
	return h.value, err
}

// forget drops a token that an API does not take any more, unless another came in its place.
func (t *tokens) forget(g grant, value secret.String) {
	h := t.at(g)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.value == value {
		h.value = secret.String{}
	}
}

func (t *tokens) at(g grant) *heldToken {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held[g] == nil {
		t.evict()
		t.held[g] = &heldToken{}
	}
	t.uses++
	t.held[g].used = t.uses
	return t.held[g]
}

// evict makes room: where there are too many, the half that was used longest ago goes. Who waits for one of them still
// gets it.
func (t *tokens) evict() {
	if len(t.held) < tokensAtMost {
		return
	}
	grants := make([]grant, 0, len(t.held))
	for g := range t.held {
		grants = append(grants, g)
	}
	slices.SortFunc(grants, func(a, b grant) int { return cmp.Compare(t.held[a].used, t.held[b].used) })
	for _, g := range grants[:len(grants)/2] {
		delete(t.held, g)
	}
}

// authorise puts the access token of a grant on a request.
func (t *tokens) authorise(ctx context.Context, req *http.Request, g grant) (secret.String, error) {
	value, err := t.get(ctx, g)
	if err == nil {
		req.Header.Set("Authorization", "Bearer "+value.Reveal())
	}
	return value, err
}

// prepare gets the access tokens of stages, side by side, while others are read. What goes wrong is said when they are
// asked for. The function that it returns ends it.
func (r *run) prepare(ctx context.Context, stages []stage) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	slots := make(chan struct{}, parallel)
	for _, g := range r.grants(stages) {
		group.Go(func() {
			select {
			case slots <- struct{}{}:
				defer func() { <-slots }()
				_, _ = r.c.tokens.get(ctx, g)
			case <-ctx.Done():
			}
		})
	}
	return func() {
		cancel()
		group.Wait()
	}
}

// grants are those that the sources of stages need, each once.
func (r *run) grants(stages []stage) []grant {
	var wanted []grant
	for _, st := range stages {
		for _, s := range st.rows(r) {
			g := grant{r.subject(s), s.scope}
			if g.subject != "" && g.scope != "" && !slices.Contains(wanted, g) {
				wanted = append(wanted, g)
			}
		}
	}
	return wanted
}

// mint implements access: the JWT bearer grant of RFC 7523, signed with the key.
func (k serviceKey) mint(ctx context.Context, c *Collector, g grant) (secret.String, time.Time, error) {
	config := k.Assertion(g.subject, g.scope)
	line, ctx, cancel := c.listen(ctx)
	defer cancel()
	token, err := config.TokenSource(ctx).Token()
	if err != nil {
		return secret.String{}, time.Time{}, line.failure()
	}
	return given(token)
}

// replaceBody reads the body of a refusal and puts it back.
func replaceBody(resp *http.Response) []byte {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, refusalLimit)) // one that is cut off is a refusal all the same
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return body
}
