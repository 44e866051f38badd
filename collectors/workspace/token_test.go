package workspace

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/internal/secret"
)

// A minter is an access that mints at once, tokens that live as long as it is told.
type minter struct {
	serviceKey
	life   time.Duration
	minted int
}

func (m *minter) mint(context.Context, *Collector, grant) (secret.String, time.Time, error) {
	m.minted++
	return secret.New(fmt.Sprint(m.minted)), time.Now().Add(m.life), nil
}

// TestTokensAreBounded asks for the tokens of more users than are held, and finds the last of them held.
func TestTokensAreBounded(t *testing.T) {
	m := &minter{life: time.Hour}
	c := &Collector{cfg: Config{Tries: 1}, access: m}
	c.tokens = &tokens{c: c, held: map[grant]*heldToken{}}
	get := func(i int) {
		if _, err := c.tokens.get(t.Context(), grant{fmt.Sprint(i), scopeGmail}); err != nil {
			t.Fatal(err)
		}
	}
	const users = 3*tokensAtMost + 1
	for i := range users {
		get(0) // the administrator's, all the while
		get(i)
	}
	if n := len(c.tokens.held); n > tokensAtMost {
		t.Errorf("%d tokens are held, want %d at most", n, tokensAtMost)
	}
	if m.minted != users {
		t.Errorf("%d tokens were minted for %d users", m.minted, users)
	}
	get(users - 1)
	if m.minted != users {
		t.Error("the last one was minted again")
	}
	get(1)
	if m.minted != users+1 {
		t.Error("one of long ago is held")
	}
}

// TestTokensEnd renews a token that has less than five minutes to live.
func TestTokensEnd(t *testing.T) {
	for _, c := range []struct {
		life time.Duration
		want int
	}{{time.Hour, 1}, {tokenMargin + time.Minute, 1}, {tokenMargin - time.Second, 2}} {
		m := &minter{life: c.life}
		collector := &Collector{cfg: Config{Tries: 1}, access: m}
		collector.tokens = &tokens{c: collector, held: map[grant]*heldToken{}}
		for range 2 {
			if _, err := collector.tokens.get(t.Context(), grant{"a", scopeGmail}); err != nil {
				t.Fatal(err)
			}
		}
		if m.minted != c.want {
			t.Errorf("of a life of %s: %d minted, want %d", c.life, m.minted, c.want)
		}
	}
}
