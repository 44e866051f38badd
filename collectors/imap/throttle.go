package imap

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/internal/imapwire"
)

// How long to wait for a server that is busy, where it does not say so itself: the first time as many times longer than
// before another connection, and never longer than maxWait, whatever it says.
const (
	busyFactor = 10
	maxWait    = 15 * time.Minute
	maxBackoff = time.Minute
)

// A busyError says that the server refuses for the moment only.
type busyError struct {
	err   error
	after time.Duration // the server's own words; 0 where it does not tell
}

func (e *busyError) Error() string { return e.err.Error() }
func (e *busyError) Unwrap() error { return e.err }

// busyStatus says whether a server that answers NO, BAD or BYE asks for patience, and for how long if it tells. The code
// decides where there is one (RFC 5530; LIMIT is in RFC 9051 and RFC 5530, THROTTLED is Yahoo's); large providers say it
// in words: Gmail "[ALERT] Too many simultaneous connections. (Failure)" and "[OVERQUOTA] Account exceeded command or
// bandwidth limits.", Outlook "BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds". A text of wrong
// passwords and locked accounts never counts: asking again makes that worse.
func busyStatus(s imapwire.Status) (after time.Duration, busy bool) {
	if s.Name == "OK" || s.Name == "PREAUTH" {
		return 0, false
	}
	text := s.Text[:min(len(s.Text), maxStatusText)]
	switch s.CodeName() {
	case "UNAVAILABLE", "INUSE", "LIMIT", "THROTTLED":
		return waitStated(text), true
	case "", "ALERT", "OVERQUOTA":
		if busyWords.MatchString(text) && !lockWords.MatchString(text) {
			return waitStated(text), true
		}
	}
	return 0, false
}

// maxStatusText is how much of a status text is looked at.
const maxStatusText = 1000

// What providers say of being busy, of logins that it would be wrong to try again, and of how long to wait.
var (
	busyWords = regexp.MustCompile(`(?i)too many (simultaneous |concurrent |open )*(connections|sessions)|throttled|rate.?limit|back-?off time|` +
		`try again (later|in \d)|retry (later|after|in \d)|temporar(y|ily)|(server|service) (is )?(too )?(busy|unavailable|overloaded)|` +
		`command or bandwidth limits|maximum number of connections|connection limit`)
	lockWords = regexp.MustCompile(`(?i)password|credential|passwd|username|locked|blocked|(failed|invalid|unsuccessful|bad) (login|log-in|attempt|auth)|` +
		`(login|log-in|auth\w*) (attempt|failure)s`)
	waitWords = regexp.MustCompile(`(?i)(?:back-?off time:?|again (?:in|after)|retry (?:in|after)|retry-after:?|wait(?: for)?)\s*(\d{1,9})\s*([a-z]*)`)
)

// waitStated finds how long a server says to wait, a day at the most, 0 if it does not say.
func waitStated(text string) time.Duration {
	m := waitWords.FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		return 0
	}
	unit := time.Second
	switch word := strings.ToLower(m[2]); {
	case word == "ms", strings.HasPrefix(word, "milli"):
		unit = time.Millisecond
	case word == "m", strings.HasPrefix(word, "min"):
		unit = time.Minute
	case word == "h", strings.HasPrefix(word, "hour"):
		unit = time.Hour
	}
	return time.Duration(min(n, int64(24*time.Hour/unit))) * unit
}

// busyIn finds in an error what a server said of being busy.
func busyIn(err error) (after time.Duration, busy bool) {
	var b *busyError
	var bye *imapwire.ByeError
	switch {
	case errors.As(err, &b):
		return b.after, true
	case errors.As(err, &bye):
		return busyStatus(bye.Status)
	}
	return 0, false
}

// wait waits before the nth try in a row after cause: as long as the server says, else Backoff, twice as long with each
// try, and longer where the server says that it is busy.
func (r *run) wait(n int, cause error) error {
	d := r.c.cfg.Backoff
	after, busy := busyIn(cause)
	if busy {
		d *= busyFactor
	}
	d = min(d<<min(n-1, 16), maxBackoff)
	if after > 0 {
		d = min(after, maxWait)
	}
	r.c.cfg.Report.Step(fmt.Sprintf("waiting %v: %v", d.Round(time.Millisecond), cause))
	defer r.c.cfg.Report.Step(r.at)
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-r.ctx.Done():
		return context.Cause(r.ctx)
	case <-timer.C:
		return nil
	}
}

// bear waits where a status says that the server is busy, and says whether to ask again. It does so Retries times in a
// row at the most; then the status stands.
func (r *run) bear(s imapwire.Status, inARow *int) (again bool, err error) {
	after, busy := busyStatus(s)
	if !busy {
		*inARow = 0
		return false, nil
	}
	if *inARow >= r.c.cfg.Retries {
		return false, nil
	}
	*inARow++
	return true, r.wait(*inARow, &busyError{serverSays{s}, after})
}
