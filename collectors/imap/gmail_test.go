package imap

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/internal/secret"
)

// gmail is a server like Gmail's: tokens, its own extension, and sessions that end when their token does.
func gmail(messages, endAfter int) *fake {
	answered := map[int]int{}
	f := &fake{caps: "AUTH=XOAUTH2 SASL-IR X-GM-EXT-1", folders: []*fakeFolder{inbox(messages)}}
	f.message = func(c *fakeConn, uid uint32, _ bool) bool {
		if answered[c.n]++; c.n == 1 && answered[c.n] > endAfter {
			c.say("* BYE Session expired, please login again.\r\n")
			_ = c.nc.Close()
			return true
		}
		whole := c.folder.messages[uid]
		c.say("* %d FETCH (X-GM-THRID %d X-GM-MSGID %d X-GM-LABELS (\"\\\\Inbox\" \"Priv&AOk-\" foo) UID %d FLAGS () INTERNALDATE \"17-Jul-2026 02:44:25 +0000\" RFC822.SIZE %d BODY[] {%d}\r\n%s)\r\n",
			c.seq(uid), 1278455344230334000+uint64(uid), 1278455344230335000+uint64(uid), uid, len(whole), len(whole), whole)
		return true
	}
	return f
}

// TestTokenForEachLogin asks for a new token when the session of the last one ends, and keeps what Gmail adds.
func TestTokenForEachLogin(t *testing.T) {
	f := gmail(6, 2)
	cfg := f.start(t)
	cfg.Password = secret.String{}
	given := 0
	cfg.Tokens = func(_ context.Context, account string) (secret.String, error) {
		given++
		return secret.New(fmt.Sprintf("ya29.%s.%d", account, given)), nil
	}
	sink := &collectortest.Sink{}
	if err := mustNew(t, cfg).Collect(t.Context(), rawScope, sink); err != nil {
		t.Fatal(err)
	}
	collectortest.CheckMessages(t, sink, f.bodies())
	collectortest.CheckSink(t, sink)
	logins := 0
	for _, command := range f.sent() {
		name, args, _ := strings.Cut(command, " ")
		switch name {
		case "AUTHENTICATE":
			logins++
			want := "XOAUTH2 " + base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "user=alice@example.test\x01auth=Bearer ya29.alice@example.test.%d\x01\x01", logins))
			if args != want {
				t.Errorf("login %d is %q, want %q", logins, args, want)
			}
		case "SELECT", "STORE", "APPEND", "COPY", "MOVE", "EXPUNGE", "CLOSE", "LOGIN":
			t.Errorf("%s was sent", command)
		case "UID":
			if strings.HasPrefix(args, "FETCH") && (!strings.Contains(args, "BODY.PEEK[") && args != "FETCH 1:* (UID)" || strings.Contains(args, " BODY[")) {
				t.Errorf("%s was sent", command)
			}
		}
	}
	if logins != 2 || given != 2 {
		t.Errorf("%d logins with %d tokens, want 2", logins, given)
	}
	for _, k := range sink.Messages() {
		uid := k.Attrs["uid"]
		if k.Attrs["x-gm-msgid"] != "127845534423033500"+uid || k.Attrs["x-gm-thrid"] != "127845534423033400"+uid || k.Attrs["x-gm-labels"] != `"\\Inbox" "Priv&AOk-" foo` ||
			k.Attrs["labels"] != `"\\Inbox" "Privé" foo` {
			t.Errorf("%s: %v", k.Name, k.Attrs)
		}
		if !strings.Contains(k.Request, "X-GM-MSGID X-GM-THRID X-GM-LABELS") {
			t.Errorf("%s: %s", k.Name, k.Request)
		}
		if all := fmt.Sprint(k.Exhibit) + string(k.Body); strings.Contains(all, "ya29.") {
			t.Errorf("a token is in %s", k.Name)
		}
	}
}

// TestNoTokenToBeHad ends with what stood in the way, and sends no login.
func TestNoTokenToBeHad(t *testing.T) {
	wrong := errors.New("not delegated")
	for name, c := range map[string]struct {
		token secret.String
		err   error
		want  error
	}{"refused": {secret.String{}, wrong, wrong}, "empty": {secret.String{}, nil, ErrAuth}, "two lines": {secret.New("a\r\nb"), nil, ErrAuth}} {
		f := gmail(1, 9)
		cfg := f.start(t)
		cfg.Password = secret.String{}
		cfg.Tokens = func(context.Context, string) (secret.String, error) { return c.token, c.err }
		err := mustNew(t, cfg).Collect(t.Context(), rawScope, &collectortest.Sink{})
		var typed *Error
		if !errors.Is(err, c.want) || !errors.As(err, &typed) || !strings.Contains(err.Error(), "getting a token for ") {
			t.Errorf("%s: %v", name, err)
		}
		for _, command := range f.sent() {
			if strings.HasPrefix(command, "AUTHENTICATE") || strings.HasPrefix(command, "LOGIN") {
				t.Errorf("%s: %s was sent", name, command)
			}
		}
	}
	_, err := New(Config{URL: "imaps://imap.gmail.com", Token: secret.New("a"), Tokens: func(context.Context, string) (secret.String, error) { return secret.String{}, nil }})
	if err == nil || !strings.Contains(err.Error(), "only one is used") {
		t.Errorf("a token and tokens: %v", err)
	}
}
