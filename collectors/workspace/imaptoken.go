package workspace

import (
	"context"
	"errors"
	"fmt"

	"github.com/mbaudit/mbaudit/internal/secret"
)

// ScopeIMAP is what Gmail's IMAP server wants of a token. It allows writing too: Google has no narrower one for IMAP. It is
// asked for only where somebody reads messages over IMAP with the delegation; it is not among [Scopes].
const ScopeIMAP = "https://mail.google.com/"

// IMAPToken gives an access token of the user for Gmail's IMAP server, good for five minutes at the least. It lives in
// memory, as all tokens do. The error of a user or scope that is not let in wraps ErrNotLetIn.
func (c *Collector) IMAPToken(ctx context.Context, account string) (secret.String, error) {
	token, err := c.tokens.get(ctx, grant{account, ScopeIMAP})
	switch {
	case err == nil || ctx.Err() != nil:
		return token, err
	case errors.Is(err, ErrDelegation):
		err = fmt.Errorf("%w; add %s to the domain-wide delegation of client %s to read the messages over IMAP (docs/WORKSPACE.md)", err, ScopeIMAP, c.clientID())
	}
	return secret.String{}, errors.Join(err, letIn(err))
}
