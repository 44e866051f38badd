package imap

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/secret"
)

func oneInbox() *fake { return &fake{folders: []*fakeFolder{inbox(1)}} }

// TestSieveConversation compares all that is sent with what reading needs, and what is kept with what came.
func TestSieveConversation(t *testing.T) {
	f := &fakeSieve{scripts: threeScripts()}
	c := mustNew(t, f.start(t, oneInbox()))
	sink := collectSieve(t, c)
	checkKept(t, sink, f.scripts...)
	if gaps := sink.Gaps(); len(gaps) > 0 {
		t.Errorf("gaps: %+v", gaps)
	}
	plain := base64.StdEncoding.EncodeToString([]byte("\x00alice@example.test\x00" + fakePassword))
	want := []string{"AUTHENTICATE PLAIN " + plain, "CAPABILITY", "NOOP", "LISTSCRIPTS", "GETSCRIPT first", "GETSCRIPT second", "GETSCRIPT third",
		"LISTSCRIPTS", "LOGOUT"}
	if got := f.sent(); !slices.Equal(got, want) {
		t.Errorf("sent\n%q, want\n%q", got, want)
	}
	for _, k := range sink.Resource("sieve") {
		if around := fmt.Sprintf("{%d}\r\n\r\nOK\r\n", len(k.Body)); string(k.Response) != around {
			t.Errorf("around %s is %q, want %q", k.Item, k.Response, around)
		}
		if active := fmt.Sprint(k.Item == "second"); k.Attrs["active"] != active || k.Attrs["script"] != k.Item {
			t.Errorf("%s: %v", k.Item, k.Attrs)
		}
	}
	for _, k := range sink.Resource("sieve-list") {
		if list := "{5}\r\nfirst\r\n{6}\r\nsecond ACTIVE\r\n{5}\r\nthird\r\nOK\r\n"; string(k.Body) != list {
			t.Errorf("the list %s is %q, want %q", k.Item, k.Body, list)
		}
	}
	if e, _ := sink.Expected("sieve"); e.Count != 3 || e.Note != "3 scripts, 1 active; "+notListed+"; IMAP does not offer FILTER=SIEVE" {
		t.Errorf("announced: %+v", e)
	}
	before := len(sink.Kept())
	if err := c.Collect(t.Context(), collectors.Scope{Account: "alice@example.test", Messages: collectors.MessagesNone}, sink); err != nil {
		t.Fatal(err)
	}
	if len(sink.Kept()) != before || f.conns != 1 {
		t.Errorf("taken up again, %d more exhibits came over %d connections", len(sink.Kept())-before, f.conns)
	}
}

// TestSieveCutAtEveryByte closes each connection after so many bytes. What is kept is whole, what is not is a gap.
func TestSieveCutAtEveryByte(t *testing.T) {
	whole := 0
	for cut := 1; whole == 0; cut++ {
		f := &fakeSieve{scripts: threeScripts()[1:], cut: cut}
		cfg := f.start(t, oneInbox())
		cfg.Retries = 1
		sink := collectSieve(t, mustNew(t, cfg))
		kept := sink.Resource("sieve")
		for _, k := range kept {
			i := slices.IndexFunc(f.scripts, func(s fakeScript) bool { return s.name == k.Item })
			if i < 0 || f.scripts[i].body != string(k.Body) {
				t.Errorf("cut after %d bytes, %s is kept as %q", cut, k.Item, k.Body)
			}
		}
		if len(sink.Gaps()) == 0 {
			whole = cut
			checkKept(t, sink, f.scripts...)
		}
		if len(sink.Resource("sieve-list")) < 2 && len(sink.Gaps()) == 0 {
			t.Errorf("cut after %d bytes, the list is not there twice and no gap says so", cut)
		}
		if t.Failed() {
			return
		}
	}
	if whole < 200 {
		t.Errorf("after %d bytes everything was there: the test cuts nothing", whole)
	}
}

// TestSieveTrouble has one script of three that the server will not, or cannot, give.
func TestSieveTrouble(t *testing.T) {
	for name, test := range map[string]struct {
		answer string // to GETSCRIPT second; the connection is closed after it if it does not end with a line break
		class  evidence.GapClass
		reason string
	}{
		"NO":                  {"NO \"I will \x1b[2J not\"\r\n", evidence.GapRefused, `the server says: I will \u{001B}[2J not`},
		"NO with odd quotes":  {"NO \"the \"second\" one\r\n", evidence.GapRefused, `the "second`},
		"NO in a literal":     {"NO (NONEXISTENT) {9}\r\ntwo\r\nline\r\n", evidence.GapRefused, `(NONEXISTENT) two\u{000D}\u{000A}line`},
		"TRYLATER for ever":   {"NO (TRYLATER) \"busy\"\r\n", evidence.GapRefused, "(TRYLATER) busy"},
		"BYE":                 {"BYE (TRYLATER) \"shutting down\"\r\n", evidence.GapRefused, "goodbye: (TRYLATER) shutting down"},
		"absurd literal":      {"{99999999999999999999999}\r\n", evidence.GapInvalid, "a literal of 99999999999999999999999 bytes"},
		"large literal":       {"{999999999999999}\r\nx", evidence.GapInvalid, "over the limit of 16777216"},
		"negative literal":    {"{-1}\r\n", evidence.GapInvalid, "a brace does not announce a literal"},
		"two strings":         {"\"a\" \"b\"\r\nOK\r\n", evidence.GapInvalid, "a script is one string"},
		"two lines":           {"\"a\"\r\n\"b\"\r\nOK\r\n", evidence.GapInvalid, "a script is one string"},
		"nothing":             {"OK\r\n", evidence.GapInvalid, "a script is one string"},
		"raw script":          {"keep;\r\nOK\r\n", evidence.GapInvalid, "begins with no string"},
		"line breaks in text": {"\"keep;\r\nOK\r\n", evidence.GapInvalid, "does not end in its line"},
		"endless line":        {"\"" + strings.Repeat("x", 70<<10), evidence.GapInvalid, "over the limit of 65536"},
		"cut":                 {"{100}\r\nredirect", evidence.GapFailed, "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeSieve{scripts: threeScripts()}
			f.command = func(c *sieveConn, name string, args []string) bool {
				if name != "GETSCRIPT" || args[0] != "second" {
					return false
				}
				c.say("%s", test.answer)
				if !strings.HasSuffix(test.answer, "\n") {
					c.nc.Close()
				}
				return true
			}
			sink := collectSieve(t, mustNew(t, f.start(t, oneInbox())))
			checkKept(t, sink, f.scripts[0], f.scripts[2])
			checkSieveGap(t, sink, "second", test.class, test.reason)
			if len(sink.Gaps()) != 1 {
				t.Errorf("gaps: %+v", sink.Gaps())
			}
		})
	}
}

// TestSieveRecovers has troubles that are over at the second attempt.
func TestSieveRecovers(t *testing.T) {
	for name, answer := range map[string]string{"TRYLATER": "NO (TRYLATER) \"busy\"\r\n", "lost": "{9}\r\nkee"} {
		f := &fakeSieve{scripts: threeScripts()}
		f.command = func(c *sieveConn, name string, args []string) bool {
			if name != "GETSCRIPT" || c.n > 1 {
				return false
			}
			c.say("%s", answer)
			if !strings.HasSuffix(answer, "\n") {
				c.nc.Close()
			}
			return true
		}
		sink := collectSieve(t, mustNew(t, f.start(t, oneInbox())))
		checkKept(t, sink, f.scripts...)
		if len(sink.Gaps()) > 0 {
			t.Errorf("%s: gaps: %+v", name, sink.Gaps())
		}
	}
}

func TestSieveNames(t *testing.T) {
	names := []string{"", ".", "..", "../../etc/passwd", "a/b", `a\b`, "a\x00b", "two\r\nDELETESCRIPT \"x\"", "\u202egnp.txt", "Case", "case", "CASE",
		"\xff\xfe", "ﬁle", "file", "CON", `\empty`, "quoted \"name\"", strings.Repeat("long", 250), "x{5}", "😀", " ", "first\\2"}
	f := &fakeSieve{}
	for i, name := range names {
		f.scripts = append(f.scripts, fakeScript{name, fmt.Sprintf("# %d\n", i), i == 3})
	}
	sink := collectSieve(t, mustNew(t, f.start(t, oneInbox())))
	checkKept(t, sink, f.scripts...)
	if gaps := sink.Gaps(); len(gaps) > 0 {
		t.Errorf("gaps: %+v", gaps)
	}
	for _, name := range names {
		if !slices.Contains(f.sent(), "GETSCRIPT "+name) {
			t.Errorf("%q was not asked for", name)
		}
	}
	for _, sent := range f.sent() {
		if strings.HasPrefix(sent, "DELETESCRIPT") {
			t.Errorf("a name became a command: %q", sent)
		}
	}
}

func TestSieveNameTooLong(t *testing.T) {
	f := &fakeSieve{scripts: append(threeScripts(), fakeScript{name: strings.Repeat("x", 5000), body: "keep;"})}
	sink := collectSieve(t, mustNew(t, f.start(t, oneInbox())))
	checkKept(t, sink, f.scripts[:3]...)
	checkSieveGap(t, sink, scriptLabel(f.scripts[3].name), evidence.GapInvalid, "5000 bytes")
}

func TestSieveListedTwice(t *testing.T) {
	f := &fakeSieve{scripts: []fakeScript{{"a", "keep;", true}, {"b", "stop;", true}, {"a", "discard;", false}}}
	sink := collectSieve(t, mustNew(t, f.start(t, oneInbox())))
	checkKept(t, sink, f.scripts[:2]...)
	checkSieveGap(t, sink, `a\2`, evidence.GapInvalid, "more than once")
	for _, k := range sink.Resource("sieve") {
		if k.Attrs["active"] != "true" {
			t.Errorf("%s: %v", k.Item, k.Attrs)
		}
	}
	if e, _ := sink.Expected("sieve"); e.Count != 3 || !strings.HasPrefix(e.Note, "2 scripts, 2 active") {
		t.Errorf("announced: %+v", e)
	}
}

// TestSieveRefusedLater loses the connection, and the login is refused when it is taken up again: once, since more
// attempts lock accounts. Every script is a gap then.
func TestSieveRefusedLater(t *testing.T) {
	f := &fakeSieve{scripts: threeScripts()}
	f.command = func(c *sieveConn, name string, args []string) bool {
		switch {
		case name == "GETSCRIPT":
			c.nc.Close()
		case name == "AUTHENTICATE" && c.n > 1:
			c.say("NO \"not again\"\r\n")
		default:
			return false
		}
		return true
	}
	sink := collectSieve(t, mustNew(t, f.start(t, oneInbox())))
	for _, s := range f.scripts {
		checkSieveGap(t, sink, s.name, evidence.GapRefused, "not again")
	}
	if f.conns != 2 {
		t.Errorf("%d connections, want 2", f.conns)
	}
}

// TestSieveListChanges stores another script while the scripts are read.
func TestSieveListChanges(t *testing.T) {
	f := &fakeSieve{scripts: threeScripts()}
	listed := 0
	f.command = func(c *sieveConn, name string, args []string) bool {
		if name == "LISTSCRIPTS" {
			if listed++; listed == 2 {
				c.say("\"new\" ACTIVE\r\n")
			}
		}
		return false
	}
	sink := collectSieve(t, mustNew(t, f.start(t, oneInbox())))
	checkKept(t, sink, f.scripts...)
	checkSieveGap(t, sink, "new", evidence.GapUnaccounted, "it came while the scripts were read")
}

// TestSieveSlow has servers that always send something and never come to an end.
func TestSieveSlow(t *testing.T) {
	for name, test := range map[string]struct {
		first, drip string
		change      func(p *sievePlace)
		reason      string
	}{
		"a script byte by byte":        {"{100000}\r\n", "x", func(p *sievePlace) { p.progress = 300 * time.Millisecond }, "i/o timeout"},
		"a line that never ends":       {"\"", "x", func(p *sievePlace) { p.progress = 300 * time.Millisecond }, "i/o timeout"},
		"lines that follow each other": {"", "\"x\"\r\n", func(p *sievePlace) { p.within = 500 * time.Millisecond }, "takes too long, more than 500ms"},
		"silence":                      {"", "", func(p *sievePlace) { p.within = 500 * time.Millisecond }, "takes too long"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeSieve{scripts: threeScripts()}
			f.command = func(c *sieveConn, name string, args []string) bool {
				if name != "GETSCRIPT" {
					return false
				}
				_, err := c.nc.Write([]byte(test.first))
				for tick := time.NewTicker(20 * time.Millisecond); err == nil && test.drip != ""; <-tick.C {
					_, err = c.nc.Write([]byte(test.drip))
				}
				return true
			}
			cfg := f.start(t, oneInbox())
			cfg.Retries = 1
			c := mustNew(t, cfg)
			test.change(&c.sieve)
			sink := collectSieve(t, c)
			checkKept(t, sink)
			checkSieveGap(t, sink, "first", evidence.GapFailed, test.reason)
			if len(sink.Gaps()) != 3 {
				t.Errorf("gaps: %+v", sink.Gaps())
			}
		})
	}
}

// TestSieveRefused has servers that do not let us in. The IMAP part is read all the same, and the ledger says why.
func TestSieveRefused(t *testing.T) {
	refuse := func(answer string) func(c *sieveConn, name string, args []string) bool {
		return func(c *sieveConn, name string, args []string) bool {
			if name == "AUTHENTICATE" {
				c.say("%s", answer)
			}
			return name == "AUTHENTICATE"
		}
	}
	for name, test := range map[string]struct {
		server *fakeSieve
		config func(c *Config)
		class  evidence.GapClass
		reason string
	}{
		"wrong password": {&fakeSieve{command: refuse("NO \"no, not " + fakePassword + "\"\r\n")}, nil, evidence.GapRefused, "the server says: no, not [redacted]"},
		"referral":       {&fakeSieve{command: refuse("BYE (REFERRAL \"sieve://other.example\") \"go there\"\r\n")}, nil, evidence.GapRefused, `(REFERRAL "sieve://other.example") go there; the referral is not followed`},
		"busy":           {&fakeSieve{greeting: "BYE (TRYLATER) \"too many\"\r\n"}, nil, evidence.GapRefused, "(TRYLATER) too many"},
		"refusing":       {&fakeSieve{greeting: "NO \"not you\"\r\n"}, nil, evidence.GapRefused, "not you"},
		"another protocol": {&fakeSieve{greeting: "220 mail ESMTP\r\n"}, nil, evidence.GapInvalid,
			"not ManageSieve"},
		"no mechanism": {&fakeSieve{sasl: "GSSAPI DIGEST-MD5"}, nil, evidence.GapRefused, `its mechanisms are "GSSAPI DIGEST-MD5"`},
		"no authorisation identity": {&fakeSieve{sasl: "LOGIN"}, func(c *Config) {
			c.Password, c.MasterUser, c.MasterPassword, c.MasterAuthzID = secret.String{}, "auditor", secret.New("m"), true
		}, evidence.GapRefused, ErrNoMechanism.Error()},
		"no list": {&fakeSieve{command: func(c *sieveConn, name string, args []string) bool {
			if name == "LISTSCRIPTS" {
				c.say("NO \"not today\"\r\n")
			}
			return name == "LISTSCRIPTS"
		}}, nil, evidence.GapRefused, "listing the scripts: the server says: not today"},
	} {
		t.Run(name, func(t *testing.T) {
			test.server.scripts = threeScripts()
			imapServer := oneInbox()
			imapServer.caps = "AUTH=PLAIN SASL-IR"
			cfg := test.server.start(t, imapServer)
			if test.config != nil {
				test.config(&cfg)
			}
			sink := collectSieve(t, mustNew(t, cfg))
			checkKept(t, sink)
			checkSieveGap(t, sink, "", test.class, test.reason)
			for _, sent := range test.server.sent() {
				if strings.HasPrefix(sent, "AUTHENTICATE") && test.server.command == nil {
					t.Errorf("%q was sent", sent)
				}
			}
			if test.server.conns != 1 {
				t.Errorf("%d connections: a refused login must not be tried again", test.server.conns)
			}
		})
	}
}

// TestSieveClearTextRefused has an encrypted IMAP server beside a ManageSieve server that offers no encryption.
func TestSieveClearTextRefused(t *testing.T) {
	f := &fakeSieve{scripts: threeScripts()}
	cfg := f.start(t, oneInbox())
	addr, ca, _ := memServer(t, goimap.CapSet{goimap.CapIMAP4rev1: {}})
	_, port, _ := net.SplitHostPort(addr)
	cfg.URL, cfg.RootCAFile, cfg.InsecurePlaintext = "imaps://localhost:"+port, ca.file, false
	sink := collectSieve(t, mustNew(t, cfg))
	checkKept(t, sink)
	checkSieveGap(t, sink, "", evidence.GapRefused, ErrPlaintextRefused.Error())
	if sent := f.sent(); len(sent) > 0 {
		t.Errorf("sent in clear text: %q", sent)
	}
}

func TestSieveNotThere(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	for name, test := range map[string]struct {
		caps, sieve string
		dial        error
		note, gap   string
	}{
		"nothing listens":  {"", "", refused, "nothing listens at 127.0.0.1:4190 (connection refused); IMAP does not offer FILTER=SIEVE", ""},
		"no answer":        {"", "", &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}, "no answer from 127.0.0.1:4190 within 5s", ""},
		"context's time":   {"", "", context.DeadlineExceeded, "no answer from 127.0.0.1:4190 within 5s", ""},
		"no route":         {"", "", syscall.EHOSTUNREACH, "127.0.0.1:4190 cannot be reached: no route to host", ""},
		"not asked for":    {"", SieveNone, errors.New("dialled"), "not asked for", ""},
		"asked for":        {"", "sieve://mail.example.test", refused, "", "nothing listens at mail.example.test:4190"},
		"advertised":       {"IMAPSIEVE=sieve://sieve.example.test", "", refused, "", "IMAP offers IMAPSIEVE=SIEVE://SIEVE.EXAMPLE.TEST"},
		"filters by Sieve": {"FILTER=SIEVE", "", refused, "", "IMAP offers FILTER=SIEVE"},
	} {
		t.Run(name, func(t *testing.T) {
			f := oneInbox()
			f.caps = test.caps
			cfg := f.start(t)
			cfg.Sieve = test.sieve
			cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				if strings.HasSuffix(address, ":4190") {
					return nil, test.dial
				}
				return (&net.Dialer{}).DialContext(ctx, network, address)
			}
			sink := collectSieve(t, mustNew(t, cfg))
			e, announced := sink.Expected("sieve")
			if test.gap != "" {
				checkSieveGap(t, sink, "", evidence.GapFailed, test.gap)
				if announced {
					t.Errorf("announced: %+v", e)
				}
				return
			}
			if !e.NotOffered || !strings.HasPrefix(e.Note, test.note) || len(sink.Gaps()) > 0 {
				t.Errorf("announced: %+v, gaps %+v, want not offered: %s", e, sink.Gaps(), test.note)
			}
		})
	}
}

func TestSieveStartTLS(t *testing.T) {
	ca := newTestCA(t)
	cert := ca.issue(t, "127.0.0.1")
	good := ca.issue(t, "localhost")
	f := &fakeSieve{scripts: threeScripts(), cert: &good}
	cfg := f.start(t, oneInbox())
	cfg.RootCAFile = ca.file
	cfg.Sieve = strings.Replace(cfg.Sieve, "127.0.0.1", "localhost", 1)
	sink := collectSieve(t, mustNew(t, cfg))
	checkKept(t, sink, f.scripts...)
	if n := len(sink.Resource("sieve-tls")); n != 2 {
		t.Errorf("%d exhibits of the encryption, want certificates and parameters", n)
	}
	if i := slices.Index(f.sent(), "STARTTLS"); i != 0 {
		t.Errorf("STARTTLS is not the first command: %q", f.sent())
	}

	untrusted := &fakeSieve{scripts: threeScripts(), cert: &cert}
	cfg = untrusted.start(t, oneInbox()) // trusts the system's authorities only
	sink = collectSieve(t, mustNew(t, cfg))
	checkKept(t, sink)
	checkSieveGap(t, sink, "", evidence.GapFailed, "certificate")
	if got := untrusted.sent(); !slices.Equal(got, []string{"STARTTLS"}) {
		t.Errorf("sent to a server that is not trusted: %q", got)
	}

	injecting := &fakeSieve{scripts: threeScripts(), cert: &good}
	injecting.command = func(c *sieveConn, name string, args []string) bool {
		c.say("OK\r\n\"IMPLEMENTATION\" \"evil\"\r\nOK\r\n")
		return true
	}
	cfg = injecting.start(t, oneInbox())
	sink = collectSieve(t, mustNew(t, cfg))
	checkSieveGap(t, sink, "", evidence.GapFailed, "data came in clear text after the answer to STARTTLS")
}

// TestSievePinned has a certificate that nobody trusts: the one that was pinned, and another one.
func TestSievePinned(t *testing.T) {
	cert := newTestCA(t).issue(t, "elsewhere.example")
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeSieve{scripts: threeScripts(), cert: &cert}
	cfg := f.start(t, oneInbox())
	cfg.Pin = fingerprint(leaf)
	checkKept(t, collectSieve(t, mustNew(t, cfg)), f.scripts...)

	cfg.Pin = pinPrefix + strings.Repeat("0", 64)
	sink := collectSieve(t, mustNew(t, cfg))
	checkKept(t, sink)
	checkSieveGap(t, sink, "", evidence.GapFailed, ErrTLSPin.Error())
	if sent := f.sent(); sent[len(sent)-1] != "STARTTLS" {
		t.Errorf("sent to a server with another certificate: %q", sent[len(sent)-1])
	}
}

func TestSieveEncryptedFromTheFirstByte(t *testing.T) {
	ca := newTestCA(t)
	cert := ca.issue(t, "localhost")
	f := &fakeSieve{scripts: threeScripts(), cert: &cert, implicit: true}
	cfg := f.start(t, oneInbox())
	cfg.RootCAFile = ca.file
	cfg.Sieve = strings.Replace(cfg.Sieve, "sieve://127.0.0.1", "sieves://localhost", 1)
	sink := collectSieve(t, mustNew(t, cfg))
	checkKept(t, sink, f.scripts...)
	if slices.Contains(f.sent(), "STARTTLS") {
		t.Errorf("STARTTLS was sent inside TLS: %q", f.sent())
	}
	for _, k := range sink.Resource("sieve-tls") {
		if k.Item == "parameters" && !bytes.Contains(k.Body, []byte(`"starttls": false`)) {
			t.Errorf("parameters: %s", k.Body)
		}
	}
}

// TestSieveLogins compares what is sent with what each way needs.
func TestSieveLogins(t *testing.T) {
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for name, test := range map[string]struct {
		sasl   string
		config func(c *Config)
		want   []string
	}{
		"LOGIN": {"LOGIN", func(c *Config) {}, []string{"AUTHENTICATE LOGIN", b64("alice@example.test"), b64(fakePassword)}},
		"master": {"PLAIN", func(c *Config) {
			c.Password, c.MasterUser, c.MasterPassword = secret.String{}, "auditor", secret.New("m")
		}, []string{"AUTHENTICATE PLAIN " + b64("\x00alice@example.test*auditor\x00m")}},
		"XOAUTH2": {"XOAUTH2", func(c *Config) { c.Password, c.Token = secret.String{}, secret.New("ya29.fake") },
			[]string{"AUTHENTICATE XOAUTH2 " + b64("user=alice@example.test\x01auth=Bearer ya29.fake\x01\x01")}},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeSieve{sasl: test.sasl, scripts: threeScripts()}
			f.command = func(c *sieveConn, name string, args []string) bool {
				switch {
				case name == "AUTHENTICATE" && args[0] == "LOGIN":
					c.say("\"%s\"\r\n", b64("User Name\x00"))
				case name == b64("alice@example.test"):
					c.say("{12}\r\n%s\r\n", b64("Password:"))
				case name == b64(fakePassword):
					c.say("OK\r\n")
				default:
					return false
				}
				return true
			}
			imapServer := oneInbox()
			imapServer.caps = "SASL-IR AUTH=XOAUTH2"
			cfg := f.start(t, imapServer)
			test.config(&cfg)
			sink := collectSieve(t, mustNew(t, cfg))
			checkKept(t, sink, f.scripts...)
			if got := f.sent()[:len(test.want)]; !slices.Equal(got, test.want) {
				t.Errorf("sent %q, want %q", got, test.want)
			}
			for _, k := range sink.Kept() {
				if bytes.Contains(k.Body, []byte(fakePassword)) {
					t.Errorf("the password is in %s", k.Name)
				}
			}
		})
	}
}

func TestSieveTokenRefused(t *testing.T) {
	for mechanism, last := range map[string]string{"OAUTHBEARER": "AQ==", "XOAUTH2": ""} {
		f := &fakeSieve{sasl: mechanism}
		f.command = func(c *sieveConn, name string, args []string) bool {
			switch name {
			case "AUTHENTICATE":
				c.say("\"%s\"\r\n", base64.StdEncoding.EncodeToString([]byte(`{"status":"invalid_token"}`)))
			case last:
				c.say("NO \"refused\"\r\n")
			}
			return true
		}
		imapServer := oneInbox()
		imapServer.caps = "AUTH=XOAUTH2"
		cfg := f.start(t, imapServer)
		cfg.Password, cfg.Token = secret.String{}, secret.New("ya29.fake")
		sink := collectSieve(t, mustNew(t, cfg))
		checkSieveGap(t, sink, "", evidence.GapRefused, "refused (invalid_token: the token is wrong or has expired)")
	}
}

// TestSieveEnds has what does end a collection: a bundle that takes nothing more, and a person who has had enough.
func TestSieveEnds(t *testing.T) {
	f := &fakeSieve{scripts: threeScripts()}
	c := mustNew(t, f.start(t, oneInbox()))
	for name, before := range map[string]func(cancel func()) error{
		"storage": func(func()) error { return evidence.ErrStorage },
		"cancel":  func(cancel func()) error { cancel(); return nil },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		sink := &collectortest.Sink{BeforePut: func(ex evidence.Exhibit) error {
			if ex.Item == "second" {
				return before(cancel)
			}
			return nil
		}}
		err := c.Collect(ctx, rawScope, sink)
		if want := map[string]error{"storage": evidence.ErrStorage, "cancel": context.Canceled}[name]; !errors.Is(err, want) {
			t.Errorf("%s: error is %v, want %v", name, err, want)
		}
		if gaps := sink.Gaps(); len(gaps) > 0 {
			t.Errorf("%s: gaps: %+v", name, gaps)
		}
		cancel()
	}
}

// TestSieveCancelled stops a collection while the server keeps it waiting. What was not read then is not a gap: the
// collection will go on.
func TestSieveCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f := &fakeSieve{scripts: threeScripts()}
	f.command = func(c *sieveConn, name string, args []string) bool {
		if name != "GETSCRIPT" || args[0] != "second" {
			return false
		}
		cancel()
		return true
	}
	sink := &collectortest.Sink{}
	err := mustNew(t, f.start(t, oneInbox())).Collect(ctx, rawScope, sink)
	if !errors.Is(err, context.Canceled) || len(sink.Gaps()) > 0 || len(sink.Resource("sieve")) != 1 {
		t.Errorf("error is %v, with gaps %+v and %d scripts", err, sink.Gaps(), len(sink.Resource("sieve")))
	}
}

// TestSieveGone takes up a collection whose ManageSieve server was there the first time, unfinished, and is not any more.
func TestSieveGone(t *testing.T) {
	f := &fakeSieve{scripts: threeScripts()}
	f.command = func(c *sieveConn, name string, args []string) bool {
		if name == "GETSCRIPT" && args[0] == "second" {
			c.say("NO \"not now\"\r\n")
			return true
		}
		return false
	}
	cfg := f.start(t, oneInbox())
	server := strings.TrimPrefix(cfg.Sieve, "sieve://")
	cfg.Sieve = ""
	there := true
	cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		switch {
		case strings.HasSuffix(address, ":4190") && there:
			address = server
		case strings.HasSuffix(address, ":4190"):
			return nil, syscall.ECONNREFUSED
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	c := mustNew(t, cfg)
	sink := collectSieve(t, c)
	checkSieveGap(t, sink, "second", evidence.GapRefused, "not now")
	there = false
	if err := c.Collect(t.Context(), collectors.Scope{Account: "alice@example.test", Messages: collectors.MessagesNone}, sink); err != nil {
		t.Fatal(err)
	}
	checkSieveGap(t, sink, "", evidence.GapFailed, "nothing listens at 127.0.0.1:4190")
	if e, _ := sink.Expected("sieve"); e.NotOffered {
		t.Errorf("announced: %+v", e)
	}
}

func TestSieveURLIsChecked(t *testing.T) {
	for _, bad := range []string{"mail.example.com", "imaps://mail.example.com", "sieve://", "sieve://a:b@mail.example.com", "sieve://mail.example.com/x", "NONE"} {
		_, err := New(Config{URL: "imaps://mail.example.com", Password: secret.New("x"), Sieve: bad})
		if !errors.Is(err, ErrSieveURL) {
			t.Errorf("%s: error is %v, want ErrSieveURL", bad, err)
		}
	}
	for given, want := range map[string]sievePlace{
		"":                            {addr: "mail.example.com:4190", serverName: "cert.example.com"},
		"none":                        {none: true, addr: "mail.example.com:4190", serverName: "cert.example.com"},
		"sieve://mail.example.com:99": {named: true, addr: "mail.example.com:99", serverName: "cert.example.com"},
		"sieves://sieve.example.com":  {named: true, addr: "sieve.example.com:4190", serverName: "sieve.example.com", tls: true},
		"sieve://[2001:db8::1]:4190":  {named: true, addr: "[2001:db8::1]:4190", serverName: "2001:db8::1"},
	} {
		want.within, want.progress = sieveTime, sieveProgress
		c := mustNew(t, Config{URL: "imaps://mail.example.com", ServerName: "cert.example.com", Password: secret.New("x"), Sieve: given})
		if c.sieve != want {
			t.Errorf("%q is read as %+v, want %+v", given, c.sieve, want)
		}
	}
}
