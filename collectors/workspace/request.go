package workspace

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/internal/secret"
)

const (
	triesAtMost    = 7  // waits of 1, 2, 4 … 32 seconds: a minute, after which a quota by the minute is whole again
	quotaTries     = 20 // where a quota is what is in the way: a quarter of an hour of it
	firstWait      = time.Second
	longestPause   = 32 * time.Second
	longestWait    = 15 * time.Minute // that a server may ask for
	bodyLimit      = 256 << 20        // a message of 150 MB, which Gmail imports, is 200 MB as base64
	refusalLimit   = 1 << 20
	userAgent      = "mbaudit"
	headerLongest  = 200
	contentTypeAPI = "application/json"
)

// An answer is what came with status 200.
type answer struct {
	body    []byte // as received
	json    []byte // the same, unpacked where the server compressed it unasked
	packed  string // the Content-Encoding, if there is one
	header  http.Header
	status  int
	tries   int
	asked   time.Time // when the request was sent
	at      time.Time // when the answer began to arrive
	request request

	next  string            // token of the next page
	items []json.RawMessage // of a list
	more  map[string]string // what else its exhibit says
}

// get asks for one page of a source until it comes whole, or it is clear that it will not.
func (r *run) get(ctx context.Context, s source, token string) (*answer, error) {
	g := grant{r.subject(s), s.scope}
	wanted := r.asks(s, token)
	var got *answer
	renewed, tries := false, 0
	err := r.c.persist(ctx, func(ctx context.Context) error {
		tries++
		pass, err := r.c.limiter.enter(ctx, s.api, r.c.cfg.Quota.charges(s, g.subject))
		if err != nil {
			return err
		}
		a, used, err := r.once(ctx, g, wanted)
		pass.heard(err)
		pass.leave()
		var f *failure
		if errors.As(err, &f) && f.expired && !renewed && !used.Empty() {
			r.c.tokens.forget(g, used)
			renewed, f.again = true, true
		}
		if err == nil {
			err = a.parse(s)
		}
		got = a
		return err
	})
	if err != nil {
		return nil, err
	}
	got.tries = tries
	return got, nil
}

// once sends one request.
func (r *run) once(ctx context.Context, g grant, wanted request) (*answer, secret.String, error) {
	req, err := http.NewRequest(wanted.verb, wanted.address, wanted.reader())
	if err != nil {
		return nil, secret.String{}, &failure{kind: ErrRefused, text: "the request cannot be written"}
	}
	used, err := r.c.tokens.authorise(ctx, req, g)
	if err != nil {
		return nil, used, err
	}
	ctx, cancel := context.WithTimeout(ctx, r.c.cfg.Patience)
	defer cancel()
	req.Header.Set("Accept", contentTypeAPI)
	req.Header.Set("User-Agent", userAgent)
	if len(wanted.body) > 0 {
		req.Header.Set("Content-Type", contentTypeAPI)
	}
	a := &answer{request: wanted, asked: r.c.cfg.Now()}
	resp, err := r.c.client.Do(req.WithContext(ctx))
	if err != nil {
		return nil, used, lost(err)
	}
	defer resp.Body.Close()
	r.c.clock.see(a.asked, r.c.cfg.Now(), resp.Header)
	a.at, a.status, a.header, a.packed = r.c.cfg.Now(), resp.StatusCode, resp.Header, strings.ToLower(resp.Header.Get("Content-Encoding"))
	if a.status != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, refusalLimit)) // a refusal that is cut off is one all the same
		f := refusal(a.status, resp.Header, body)
		if a.body = body; !bytes.Contains(body, []byte(used.Reveal())) {
			f.answer = a
		}
		return nil, used, f
	}
	a.body, err = io.ReadAll(io.LimitReader(resp.Body, bodyLimit+1))
	if err != nil {
		return nil, used, lost(err)
	}
	return a, used, nil
}

// reader gives the body; nil where there is none.
func (q request) reader() io.Reader {
	if q.body == nil {
		return nil
	}
	return bytes.NewReader(q.body)
}

// persist does something again while it fails in a way that time may mend.
func (c *Collector) persist(ctx context.Context, do func(context.Context) error) error {
	for try := 1; ; try++ {
		err := do(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var f *failure
		if !errors.As(err, &f) || f.tries > 0 { // one with tries has been persisted in already
			return err
		}
		f.tries = try
		if !f.again || try >= min(f.triesAtMost(), c.cfg.Tries) {
			return f
		}
		if f.after > longestWait {
			f.text += fmt.Sprintf("; it wants to be left alone for %s", f.after)
			return f
		}
		if err := c.cfg.Sleep(ctx, pause(try, f)); err != nil {
			return err
		}
	}
}

// triesAtMost is how often a request that failed so is sent. A quota becomes whole again with time, however many share it.
func (f *failure) triesAtMost() int {
	if f.status == http.StatusForbidden || f.status == http.StatusTooManyRequests {
		return quotaTries
	}
	return triesAtMost
}

// pause is how long to wait after a try: what the server says, else twice as long each time up to longestPause, and up to
// a quarter more so that requests that failed together do not come back together.
func pause(try int, f *failure) time.Duration {
	if f.expired {
		return 0
	}
	wait := min(firstWait<<min(try-1, 10), longestPause)
	wait += rand.N(wait / 4)
	return max(wait, f.after)
}

// parse looks whether an answer is what was asked for.
func (a *answer) parse(s source) error {
	damaged := func(why string) error {
		return &failure{kind: ErrDamaged, text: ErrDamaged.Error() + ": " + why, again: true}
	}
	if len(a.body) > bodyLimit {
		return &failure{kind: ErrDamaged, text: fmt.Sprintf("%v: it is larger than %d MiB", ErrDamaged, bodyLimit>>20)}
	}
	var err error
	if a.json, err = unpack(a.body, a.packed); err != nil {
		return damaged("it cannot be unpacked")
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(a.json, &fields) != nil || fields == nil {
		return damaged("it is not a whole JSON object")
	}
	if raw, ok := fields["nextPageToken"]; ok && json.Unmarshal(raw, &a.next) != nil {
		return damaged("nextPageToken is not a string")
	}
	if raw, ok := fields[s.list]; ok && s.list != "" && json.Unmarshal(raw, &a.items) != nil {
		return damaged(s.list + " is not a list")
	}
	return nil
}

// unpack undoes a Content-Encoding.
func unpack(body []byte, encoding string) ([]byte, error) {
	switch encoding {
	case "":
		return body, nil
	case "gzip":
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		plain, err := io.ReadAll(io.LimitReader(z, bodyLimit+1))
		if err == nil && len(plain) > bodyLimit {
			err = ErrDamaged
		}
		return plain, err
	}
	return nil, ErrDamaged
}

// lost is a failure of the line.
func lost(err error) *failure {
	if errors.Is(err, ErrNotRead) {
		return &failure{kind: ErrNotRead, text: ErrNotRead.Error()}
	}
	return &failure{kind: ErrLost, text: ErrLost.Error() + ": " + networkWords(err), again: true}
}

// networkWords says what broke, without the URL that Go puts before it.
func networkWords(err error) string {
	var inURL *url.Error
	if errors.As(err, &inURL) {
		err = inURL.Err
	}
	var dns *net.DNSError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the answer ended too early"
	case errors.Is(err, io.EOF):
		return "it was closed before the answer"
	case errors.Is(err, context.DeadlineExceeded):
		return "no whole answer in time"
	case errors.As(err, &dns):
		return "the name " + dns.Name + " was not found"
	}
	return cut(err.Error(), longestWords)
}
