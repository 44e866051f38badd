package imap

import (
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/internal/imapwire"
)

// TestBusyStatus has what servers say, as known from their own documents and from reports of other clients.
func TestBusyStatus(t *testing.T) {
	for _, test := range []struct {
		name, code, text string
		busy             bool
		after            time.Duration
	}{
		{"NO", "UNAVAILABLE", "Temporary authentication failure.", true, 0},
		{"NO", "unavailable", "Internal error", true, 0},
		{"NO", "INUSE", "Mailbox in use", true, 0},
		{"NO", "LIMIT", "Maximum number of connections from user+IP exceeded", true, 0},
		{"NO", "THROTTLED", "slow down", true, 0},
		{"BYE", "THROTTLED", "retry after 30s", true, 30 * time.Second},
		{"NO", "ALERT", "Too many simultaneous connections. (Failure)", true, 0},
		{"NO", "OVERQUOTA", "Account exceeded command or bandwidth limits.", true, 0},
		{"BAD", "", "Request is throttled. Suggested Backoff Time: 299961 milliseconds", true, 299961 * time.Millisecond},
		{"NO", "", "Server Unavailable. 15", true, 0},
		{"NO", "", "Server busy, please try again in 2 minutes", true, 2 * time.Minute},
		{"NO", "ALERT", "Rate limit hit, wait for 1 hour", true, time.Hour},
		{"NO", "UNAVAILABLE", "try again in 999999999 hours", true, 24 * time.Hour},

		{"OK", "", "Too many connections", false, 0},
		{"NO", "AUTHENTICATIONFAILED", "try again later", false, 0},
		{"NO", "EXPIRED", "try again in 5 seconds", false, 0},
		{"NO", "", "Invalid credentials, try again later", false, 0},
		{"NO", "ALERT", "Too many failed login attempts, try again in 10 minutes", false, 0},
		{"NO", "", "Account temporarily locked", false, 0},
		{"NO", "OVERQUOTA", "Mailbox is full", false, 0},
		{"NO", "NONEXISTENT", "temporarily gone", false, 0},
		{"NO", "", "no such folder", false, 0},
	} {
		after, busy := busyStatus(imapwire.Status{Name: test.name, Code: test.code, Text: test.text})
		if busy != test.busy || after != test.after {
			t.Errorf("%s [%s] %s: %v after %v, want %v after %v", test.name, test.code, test.text, busy, after, test.busy, test.after)
		}
	}
}

// FuzzStatus feeds status lines to all that reads them.
func FuzzStatus(f *testing.F) {
	for _, seed := range []string{"A1 NO [THROTTLED] retry in 45 seconds", "* BYE Too many simultaneous connections", "A1 BAD Backoff Time: 99999999999999 ms",
		"A1 NO [UIDVALIDITY 1] [x", "A1 OK [COPYUID 1 2:3 4:5]", "* NO [] ]", "A1 NO wait 1", "A1 NO [ALERT] temporarily"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		status := imapwire.ParseHead([]byte(line)).Status()
		after, busy := busyStatus(status)
		if after < 0 || after > 0 && !busy {
			t.Errorf("%q: busy %v, %v", line, busy, after)
		}
		_ = authKinds(status)
		_ = status.CodeName() + status.CodeArg() + serverSays{status}.Error()
	})
}
