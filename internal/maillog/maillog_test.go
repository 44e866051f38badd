package maillog

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func scan(t testing.TB, text string, o Options) ([]Event, Summary) {
	t.Helper()
	s := NewScanner(strings.NewReader(text), o)
	var events []Event
	for s.Scan() {
		events = append(events, *s.Event())
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return events, s.Summary()
}

const login = "dovecot: imap-login: Login: user=<alice>, method=PLAIN, rip=192.0.2.10, lip=198.51.100.1, TLS, session=<s>"

func TestScannerCountsEveryLine(t *testing.T) {
	text := "Jan  2 03:04:05 mx " + login + "\r\n" + "\n" + "words without a time\n" + "Jan  2 03:04:06 mx cron[1]: hello\n" +
		"Jan  2 03:04:06 mx dovecot: master: Info: hello\n" + "Jan  2 03:04:07 mx dovecot: auth: Debug: x(a,192.0.2.1): unknown user\n" +
		"Jan  2 03:04:08 mx " + login // without a line break
	events, sum := scan(t, text, Options{Year: 2023})
	if len(events) != 2 || sum.Parsed != 2 || sum.Lines != 7 || sum.Bytes != int64(len(text)) {
		t.Fatalf("%d events, %+v", len(events), sum)
	}
	if e := events[1]; e.Line != 7 || !strings.HasPrefix(text[e.Offset:], "Jan  2 03:04:08") || e.Session != "s" {
		t.Errorf("the last event is %+v", e)
	}
	if e := events[0]; e.Session != "s" || e.Offset != 0 || e.Line != 1 {
		t.Errorf("the carriage return is in the way: %+v", e)
	}
	for _, reason := range []string{ReasonEmpty, ReasonNoStamp, ReasonOtherProgram, ReasonNoFormat, ReasonDebug} {
		if sum.Unparsed[reason] != 1 {
			t.Errorf("%s is counted %d times: %v", reason, sum.Unparsed[reason], sum.Unparsed)
		}
	}
}

func TestScannerPassesOverLongLines(t *testing.T) {
	long := "Jan  2 03:04:05 mx " + strings.Replace(login, "alice", strings.Repeat("a", 3*MaxLine), 1) + "\n"
	text := long + "Jan  2 03:04:05 mx " + login + "\n"
	events, sum := scan(t, text, Options{Year: 2023})
	if len(events) != 2 || events[0].Kind != Unparsed || events[0].Offset != 0 || events[1].User != "alice" || events[1].Offset != int64(len(long)) || events[1].Line != 2 {
		t.Errorf("%+v", events)
	}
	if sum.Unparsed[ReasonTooLong] != 1 || sum.Parsed != 1 || sum.Lines != 2 {
		t.Errorf("%+v", sum)
	}
	exactly := strings.Repeat("x", MaxLine) + "\n"
	if _, sum := scan(t, exactly, Options{}); sum.Unparsed[ReasonTooLong] != 0 || sum.Unparsed[ReasonNoStamp] != 1 {
		t.Errorf("a line of MaxLine bytes: %+v", sum)
	}
}

func TestScannerReturnsTheReadersError(t *testing.T) {
	broken := errors.New("broken")
	s := NewScanner(io.MultiReader(strings.NewReader("Jan  2 03:04:05 mx "+login+"\nhalf a li"), iotest.ErrReader(broken)), Options{})
	n := 0
	for s.Scan() {
		n++
	}
	if n != 1 || !errors.Is(s.Err(), broken) {
		t.Errorf("%d events, error %v", n, s.Err())
	}
}

// journal is journalctl -o export: a plain record, one whose message is binary, one without a message.
func journal() string {
	message := "imap-login: Login: user=<b\x01b>, method=PLAIN, rip=192.0.2.10, lip=198.51.100.1, TLS, session=<s>"
	var b strings.Builder
	b.WriteString("__CURSOR=s=1\n__REALTIME_TIMESTAMP=1705312800123456\n_HOSTNAME=mx\nSYSLOG_IDENTIFIER=dovecot\n_PID=812\nMESSAGE=" +
		strings.TrimPrefix(login, "dovecot: ") + "\n\n")
	fmt.Fprintf(&b, "__CURSOR=s=2\n__REALTIME_TIMESTAMP=1705312801123456\nSYSLOG_IDENTIFIER=dovecot\nMESSAGE\n%s%s\n\n",
		[]byte{byte(len(message)), 0, 0, 0, 0, 0, 0, 0}, message)
	b.WriteString("__CURSOR=s=3\n__REALTIME_TIMESTAMP=1705312802123456\nSYSLOG_IDENTIFIER=dovecot\n\n")
	return b.String()
}

func TestScannerReadsTheJournal(t *testing.T) {
	events, sum := scan(t, journal(), Options{})
	if len(events) != 2 || sum.Lines != 3 || sum.Unparsed[ReasonNoMessage] != 1 {
		t.Fatalf("%+v, %+v", events, sum)
	}
	if e := events[0]; e.User != "alice" || e.Host != "mx" || e.PID != "812" || e.Inferred != 0 || !e.Time.Equal(time.UnixMicro(1705312800123456)) {
		t.Errorf("%+v", e)
	}
	if e := events[1]; e.User != "b\x01b" || e.Offset != int64(strings.Index(journal(), "__CURSOR=s=2")) {
		t.Errorf("%+v", e)
	}
	cut := journal()[:len(journal())-80]
	if events, _ := scan(t, cut, Options{}); len(events) > 2 {
		t.Errorf("a journal that was cut off gives %d events", len(events))
	}
	huge := "__CURSOR=s\nMESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xffx\n"
	s := NewScanner(strings.NewReader(huge), Options{})
	for s.Scan() {
	}
	if s.Err() == nil {
		t.Error("a field of 2^64 bytes is believed")
	}
}

func TestYears(t *testing.T) {
	for _, test := range []struct {
		name   string
		lines  []string
		latest time.Time
		want   int
	}{
		{"the year of the last change", []string{"Mar  1 00:00:00", "Apr  1 00:00:00"}, utc(2024, 4, 2), 2024},
		{"over new year", []string{"Dec 30 00:00:00", "Jan  2 00:00:00"}, utc(2024, 1, 3), 2023},
		{"rotated in January, all of December", []string{"Dec 30 00:00:00", "Dec 31 00:00:00"}, utc(2024, 1, 1), 2023},
		{"clock a day ahead", []string{"Jan  1 03:00:00"}, utc(2023, 12, 31), 2024},
		{"two turns", []string{"Nov  1 00:00:00", "Feb  1 00:00:00", "Nov  1 00:00:00", "Feb  1 00:00:00"}, utc(2024, 2, 2), 2022},
		{"a straggler after midnight", []string{"Dec 31 23:59:58", "Jan  1 00:00:00", "Dec 31 23:59:59", "Jan  1 00:00:01"}, utc(2024, 1, 2), 2023},
		{"a line behind says the year", []string{"Dec 30 00:00:00", "Dec 31 00:00:00", "2020-01-01T00:00:00Z"}, utc(2024, 6, 1), 2019},
		{"a line in front says the year", []string{"2020-12-31T00:00:00Z", "Jan  1 00:00:00"}, utc(2024, 6, 1), 2021},
		{"29 February", []string{"Feb 29 00:00:00", "Mar  1 00:00:00"}, utc(2026, 6, 1), 2024},
	} {
		t.Run(test.name, func(t *testing.T) {
			var y Years
			for _, line := range test.lines {
				y.Observe(line + " mx " + login)
			}
			if !y.Needed() {
				t.Fatal("the year is not needed")
			}
			if got, _ := y.First(test.latest); got != test.want {
				t.Errorf("the first line is of %d, want %d", got, test.want)
			}
		})
	}
	var y Years
	y.Observe("2020-01-01T00:00:00Z mx " + login)
	if y.Needed() {
		t.Error("lines with a year need none")
	}
}

func TestTheYearTurns(t *testing.T) {
	text := "Dec 31 23:59:58 mx " + login + "\nJan  1 00:00:00 mx cron[1]: x\nDec 31 23:59:59 mx " + login + "\nJan  1 00:00:01 mx " + login + "\n"
	events, _ := scan(t, text, Options{Year: 2023, Location: time.FixedZone("", 3600)})
	want := []string{"2023-12-31T23:59:58+01:00", "2023-12-31T23:59:59+01:00", "2024-01-01T00:00:01+01:00"}
	for i, e := range events {
		if got := e.Time.Format(time.RFC3339); got != want[i] || e.Inferred != YearInferred|ZoneGiven {
			t.Errorf("line %d is of %s (%s), want %s", e.Line, got, e.Inferred, want[i])
		}
	}
	if len(events) != 3 {
		t.Errorf("%d events", len(events))
	}
}

func TestSecrets(t *testing.T) {
	for _, test := range []struct{ line, want string }{
		{"auth: Info: passwd-file(a,192.0.2.1,<s>): Password mismatch (given password: Sup3r)secret)", "auth: Info: passwd-file(a,192.0.2.1,<s>): Password mismatch (given password: #)"},
		{"auth: sql(a,192.0.2.1): unknown user (given password: x) - trying the next passdb", "auth: sql(a,192.0.2.1): unknown user (given password: #) - trying the next passdb"},
		{"auth: sql(a,192.0.2.1): unknown user (SHA1 of given password: 21bd12)", "auth: sql(a,192.0.2.1): unknown user (SHA1 of given password: #)"},
		{"auth: Debug: passwd-file(a,192.0.2.1): PLAIN(Sup3r)secret) != 'correct horse'", "auth: Debug: passwd-file(a,192.0.2.1): PLAIN(#) != '#'"},
		{"auth: Debug: client in: AUTH\t1\tPLAIN\tservice=imap\tresp=AGFsaWNlAFM= (previous base64 data may contain sensitive data)", "auth: Debug: client in: AUTH\t1\tPLAIN\tservice=imap\tresp=# (previous base64 data may contain sensitive data)"},
		{"auth: Debug: client in: AUTH#0111#011PLAIN#011resp=AGFsaWNlAFM=", "auth: Debug: client in: AUTH#0111#011PLAIN#011resp=#"},
		{"auth: Debug: client in: CONT\t1\tAGFsaWNlAFM= (previous", "auth: Debug: client in: CONT\t1\t# (previous"},
		{"auth: Debug: client in: CONT<hidden>", "auth: Debug: client in: CONT<hidden>"},
		{"auth: Debug: client passdb out: OK\t1\tuser=a\tpass=correct horse\tx=y", "auth: Debug: client passdb out: OK\t1\tuser=a\tpass=#\tx=y"},
		{"1611912345.123456 PASS correct horse", "1611912345.123456 PASS #"},
		{"C: pass correct horse", "C: pass #"},
		{`1611912345.123456 a1 LOGIN alice "correct horse"`, "1611912345.123456 a1 LOGIN alice #"},
		{`a1 login "al ice" secret`, `a1 login "al ice" #`},
		{"postfix/smtpd[1]: < unknown[192.0.2.1]: AUTH PLAIN AGFsaWNlAFM=", "postfix/smtpd[1]: < unknown[192.0.2.1]: AUTH PLAIN #"},
		{"postfix/smtpd[1]: xsasl_dovecot_server_first: sasl_method PLAIN, init_response AGFsaWNlAFM=", "postfix/smtpd[1]: xsasl_dovecot_server_first: sasl_method PLAIN, init_response #"},
		{"imapd: LOGIN: DEBUG: ip=[::ffff:192.0.2.1], password=correct horse", "imapd: LOGIN: DEBUG: ip=[::ffff:192.0.2.1], password=#"},
		{"authdaemond: supplied password 'a'b' does not match encrypted password '$1$x'", "authdaemond: supplied password '#' does not match encrypted password '#'"},
		{"authdaemond: Authenticated: sysusername=vmail, clearpasswd=secret, passwd=$1$x", "authdaemond: Authenticated: sysusername=vmail, clearpasswd=#, passwd=#"},
		{`192.0.2.1 - - "POST /login/?user=a&pass=secret&x=1 HTTP/1.1"`, `192.0.2.1 - - "POST /login/?user=a&pass=#&x=1 HTTP/1.1"`},
		{"query: SELECT * FROM u WHERE name='a' AND password = 'it''s'", "query: SELECT * FROM u WHERE name='a' AND password = '#'"},
		{`{"SYSLOG_IDENTIFIER":"dovecot","MESSAGE":"auth: sql(a,192.0.2.1): Password mismatch (given password: x\"y)","Z":"(z)"}`, `{"SYSLOG_IDENTIFIER":"dovecot","MESSAGE":"auth: sql(a,192.0.2.1): Password mismatch (given password: #)","Z":"(z)"}`},
		{"Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.abc", "Authorization: Bearer #"},
		// What must stay.
		{"postfix/smtpd[1]: warning: unknown[192.0.2.1]: SASL LOGIN authentication failed: UGFzc3dvcmQ6", "postfix/smtpd[1]: warning: unknown[192.0.2.1]: SASL LOGIN authentication failed: UGFzc3dvcmQ6"},
		{"failed mail authentication attempt for user 'x' (password len=8)", "failed mail authentication attempt for user 'x' (password len=8)"},
		{"imapd: LOGIN, user=alice, ip=[192.0.2.1], protocol=IMAP", "imapd: LOGIN, user=alice, ip=[192.0.2.1], protocol=IMAP"},
		{"x spf=pass dmarc=pass dkim=pass", "x spf=pass dmarc=pass dkim=pass"},
		{"auth plain disabled", "auth plain disabled"},
		{"(given password: [redacted:3 bytes])", "(given password: #)"},
	} {
		var s Secrets
		if got := hide(&s, test.line); got != test.want {
			t.Errorf("of %q\nstays %q\nwant  %q", test.line, got, test.want)
		}
	}
}

// TestSecretsOverSeveralLines follows exchanges whose secret comes lines later.
func TestSecretsOverSeveralLines(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"AUTH LOGIN", "1.1 AUTH LOGIN\n< VXNlcm5hbWU6\n> YWxpY2U=\n> c2VjcmV0\n", "1.1 AUTH LOGIN\n< #\n> #\n> #\n"},
		{"AUTHENTICATE", "a AUTHENTICATE PLAIN\n+\nAGFsaWNlAHNlY3JldA==\na OK x\n", "a AUTHENTICATE PLAIN\n+\n#\na OK x\n"},
		{"Postfix", "postfix/smtpd[1]: < unknown[192.0.2.1]: AUTH LOGIN\npostfix/smtpd[1]: < unknown[192.0.2.1]: YWxpY2U=\n", "postfix/smtpd[1]: < unknown[192.0.2.1]: AUTH LOGIN\npostfix/smtpd[1]: < unknown[192.0.2.1]: #\n"},
		{"LOGIN with literals", "a LOGIN {5}\nalice {6}\nsecret\nb NOOP\n", "a LOGIN {5}\n#\n#\nb NOOP\n"},
		{"LOGIN with one literal", "a LOGIN alice {6+}\nsecret\nb NOOP\n", "a LOGIN alice {6+}\n#\nb NOOP\n"},
	} {
		var s Secrets
		var got strings.Builder
		for line := range strings.Lines(test.text) {
			got.WriteString(hide(&s, strings.TrimSuffix(line, "\n")) + "\n")
		}
		if got.String() != test.want {
			t.Errorf("%s:\n%s\nwant\n%s", test.name, got.String(), test.want)
		}
	}
}

func hide(s *Secrets, line string) string {
	var b strings.Builder
	at := 0
	for _, span := range s.Find([]byte(line)) {
		b.WriteString(line[at:span.Start] + "#")
		at = span.End
	}
	return b.String() + line[at:]
}

// FuzzParse: whatever a line holds, the fields are parts of it, addresses are addresses, and a line that strangers wrote
// only into the user's place keeps its address.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.txt")
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(raw)) {
			if !strings.HasPrefix(line, arrow) {
				f.Add(strings.TrimSpace(line), "alice")
			}
		}
	}
	f.Add(journal(), ">, rip=203.0.113.66, session=<x")
	f.Fuzz(func(t *testing.T, text, name string) {
		s := NewScanner(strings.NewReader(text), Options{Year: 2024})
		for s.Scan() {
			e := s.Event()
			if e.Kind == "" || e.Line < 1 || e.Offset < 0 || e.Offset > int64(len(text)) {
				t.Fatalf("%+v", e)
			}
			for _, ip := range []string{e.ClientIP, e.ServerIP} {
				if _, ok := address(ip); ip != "" && !ok {
					t.Fatalf("%q is not an address", ip)
				}
			}
		}
		sum := s.Summary()
		var lines int64
		for _, n := range sum.Unparsed {
			lines += n
		}
		if s.Err() == nil && (lines+sum.Parsed != sum.Lines || sum.Bytes != int64(len(text))) {
			t.Fatalf("not every line is counted: %+v of %d bytes", sum, len(text))
		}
		checkForgery(t, name)
		var secrets Secrets
		for line := range strings.Lines(text) {
			end := 0
			for _, span := range secrets.Find([]byte(line)) {
				if span.Start < end || span.End <= span.Start || span.End > len(line) || span.Rule == "" {
					t.Fatalf("%+v of %q", span, line)
				}
				end = span.End
			}
		}
	})
}

// checkForgery puts name where strangers may write, and wants the server's own address or none.
func checkForgery(t *testing.T, name string) {
	if strings.ContainsAny(name, "\r\n") || len(name) > 1000 {
		return
	}
	for _, form := range []string{
		"Jan  2 03:04:05 mx dovecot: imap-login: Disconnected (auth failed, 1 attempts): user=<%s>, method=PLAIN, rip=192.0.2.66, lip=198.51.100.1, TLS, session=<s>",
		"Jan  2 03:04:05 mx dovecot: imap-login: Aborted login (auth failed, 1 attempts): user=<%s>, method=PLAIN, rip=192.0.2.66, lip=198.51.100.1",
		"Jan  2 03:04:05 mx dovecot: auth: sql(%s,192.0.2.66,<s>): unknown user",
		"Jan  2 03:04:05 mx dovecot: auth: sql(alice,192.0.2.66,<s>): Password mismatch (given password: %s)",
		"Jan  2 03:04:05 mx postfix/smtpd[1]: warning: unknown[192.0.2.66]: SASL LOGIN authentication failed: x, sasl_username=%s",
		"2024-01-02 03:04:05 plain authenticator failed for (h) [192.0.2.66]:5: 535 Incorrect authentication data (set_id=%s)",
		"Jan  2 03:04:05 mx imapd: LOGIN FAILED, user=%s, ip=[::ffff:192.0.2.66]",
		"Jan  2 03:04:05 mx cyrus/imap[1]: badlogin: [192.0.2.66] plaintext %s SASL(-13): authentication failure",
		"[02-Jan-2024 03:04:05 +0000]: <ab> Failed login for %s from 192.0.2.66 in session ab (error: 0)",
		"Jan  2 03:04:05 mx sogod[1]: SOGoRootPage Login from '192.0.2.66' for user '%s' might not have worked - password policy: 65535",
		"[2024-01-02 03:04:05 +0000] info [webmaild] 192.0.2.66 - %s \"POST / HTTP/1.1\" FAILED LOGIN webmaild: user password incorrect",
		"2024-01-02 03:04:05,123 WARN  [x] [ip=192.0.2.66;] security - cmd=Auth; account=%s; protocol=imap; error=authentication failed for [%s], invalid password;",
		"2024-01-02 03:04:05,123 INFO  [x] [name=a;oip=192.0.2.66;ua=%s;] soap - AuthRequest elapsed=3",
		"2024-01-02 03:04:05,123 INFO  [x] [oip=192.0.2.66;] SoapEngine - handler exception: authentication failed for [%s], account not found",
		"Jan  2 03:04:05 mx plesk_saslauthd[1]: failed mail authentication attempt for user '%s' (password len=8)",
		"Jan  2 03:04:05 mx dovecot: lmtp(alice)<1><s>: sieve: msgid=<%s>: stored mail into mailbox 'INBOX'",
		"Jan  2 03:04:05 mx dovecot: imap(alice)<1><s>: save: box=INBOX, uid=1, msgid=<%s>, size=1",
		"Jan  2 03:04:05 mx postfix/qmgr[1]: 3F2A1C0042: from=<%s>, size=1, nrcpt=1 (queue active)",
		"Jan  2 03:04:05 mx postfix/cleanup[1]: 3F2A1C0042: message-id=<%s>",
	} {
		line := strings.ReplaceAll(form, "%s", name)
		var e Event
		if NewParser(Options{Year: 2024}).Parse(line, &e) != "" {
			continue
		}
		if e.ClientIP != "192.0.2.66" && e.ClientIP != "" {
			t.Errorf("the name %q forges the address %s: %s", name, e.ClientIP, line)
		}
		if e.Kind == SignIn || e.Kind == Submission || e.Kind == Sieve && (e.Action == "redirected" || e.Action == "discarded") {
			t.Errorf("the name %q forges a %s: %s", name, e.Kind, line)
		}
	}
}

func TestForgery(t *testing.T) {
	for _, name := range []string{
		"alice", "", ", rip=1.2.3.4,", "x>, rip=203.0.113.66, lip=203.0.113.1, session=<y", "> : Login: user=<x>", "a,203.0.113.66): unknown user",
		"a,203.0.113.66,<s>): unknown user", " [203.0.113.66] PLAIN SASL(-1): x", ", ip=[203.0.113.66]", "x from 203.0.113.66 in session y", "' for user 'bob",
		"x) [203.0.113.66]: 535 (set_id=y", ">, method=X", "session=<x", ">, session=<x", "x;] security - cmd=Auth; account=bob; protocol=imap;", "x>: forwarded to <b@example.org", "]: Login: user=<x>, rip=203.0.113.66", "user=<x>, rip=203.0.113.66, session=<s>",
	} {
		checkForgery(t, name)
	}
}

// generated is a stream of Dovecot lines: sign-ins, failures, mail_log, ends of sessions, and others of the same host.
type generated struct {
	lines []string
	left  int64
	rest  string
	n     int
}

func newGenerated(size int64) *generated {
	return &generated{left: size, lines: []string{
		"Sep  8 07:16:%02d mx dovecot: imap-login: Login: user=<user%d@example.com>, method=PLAIN, rip=192.0.2.10, lip=198.51.100.1, mpid=4711, TLS, session=<PeYcgjjOGOisEQAB>\n",
		"Sep  8 07:16:%02d mx dovecot: imap-login: Disconnected: Connection closed (auth failed, 1 attempts in 2 secs): user=<user%d@example.com>, method=PLAIN, rip=192.0.2.66, lip=198.51.100.1, TLS, session=<azdaDADSqqsvf-za>\n",
		"Sep  8 07:16:%02d mx dovecot: imap(user%d@example.com)<27043><Uyz+phZhur5/AAAB>: expunge: box=INBOX, uid=17, msgid=<20240908.4711@example.com>, size=69123, flags=(\\Deleted \\Seen)\n",
		"Sep  8 07:16:%02d mx dovecot: imap(user%d@example.com)<27043><Uyz+phZhur5/AAAB>: Disconnected: Logged out in=531 out=2205 deleted=2 expunged=1 trashed=0 hdr_count=0 hdr_bytes=0 body_count=1 body_bytes=74\n",
		"Sep  8 07:16:%02d mx dovecot: lmtp(user%d@example.com)<4711><s0>: sieve: msgid=<a@example.com>: stored mail into mailbox 'INBOX'\n",
		"Sep  8 07:16:%02d mx spamd[812]: spamd: processing message <%d@example.com> for nobody:65534\n",
	}}
}

func (g *generated) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if g.rest == "" {
			if g.left <= 0 {
				break
			}
			var b strings.Builder
			for range 64 {
				fmt.Fprintf(&b, g.lines[g.n%len(g.lines)], g.n/100%60, g.n%1000)
				g.n++
			}
			g.rest = b.String()
		}
		k := copy(p[n:], g.rest)
		n, g.rest, g.left = n+k, g.rest[k:], g.left-int64(k)
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// repeated gives the same block again and again, so that making it does not count.
type repeated struct {
	block []byte
	at    int
	left  int64
}

func newRepeated(t testing.TB, size int64) *repeated {
	block, err := io.ReadAll(newGenerated(1 << 20))
	if err != nil {
		t.Fatal(err)
	}
	return &repeated{block: block, left: size}
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.left <= 0 && r.at == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.block[r.at:])
	r.at = (r.at + n) % len(r.block)
	r.left -= int64(n)
	return n, nil
}

// TestMemoryIsFlat reads 64 MB and wants the heap to stay below a few times MaxLine plus the runtime's own.
func TestMemoryIsFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 64 MB")
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s := NewScanner(newRepeated(t, 64<<20), Options{Year: 2024})
	for s.Scan() {
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	if sum := s.Summary(); sum.Parsed == 0 {
		t.Errorf("%+v", sum)
	}
}
