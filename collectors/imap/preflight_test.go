package imap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/mbaudit/mbaudit/internal/imapwire"
	"github.com/mbaudit/mbaudit/internal/secret"
	"github.com/mbaudit/mbaudit/internal/seedmail"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

// checkVerdicts compares a report with what is wanted by name; nothing may be missing on either side.
func checkVerdicts(t *testing.T, p *PreflightReport, want map[string]Verdict) {
	t.Helper()
	for _, c := range p.Checks {
		v, ok := want[c.Name]
		if !ok || v != c.Verdict {
			t.Errorf("%s is %q (%s), want %q", c.Name, c.Verdict, c.Detail, v)
		}
	}
	if len(p.Checks) != len(want) {
		t.Errorf("%d checks, want %d: %+v", len(p.Checks), len(want), p.Checks)
	}
}

// sieveServer listens as a ManageSieve server, says its greeting to all who come, and returns its port.
func sieveServer(t *testing.T, greeting string) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(nc, greeting) // a client that is gone is part of the test
			nc.Close()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

// nobodyListens returns a port that nothing listens on.
func nobodyListens(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func TestPreflightDovecot(t *testing.T) {
	d := servertest.Dovecot(t)
	alice := d.Users[0]
	sum := d.Seed(t, alice, seedmail.Spec{Seed: 11, Messages: 40})
	before := dovecotSnapshot(t, d, alice)
	c := mustNew(t, withSieve(dovecotConfig(d), d.SievePort))
	p, err := c.Preflight(t.Context(), alice, PreflightOptions{})
	if err != nil || !p.Usable {
		t.Fatalf("not usable: %v, %+v", err, p)
	}
	checkVerdicts(t, p, map[string]Verdict{
		"connection": OK, "encryption": OK, "certificate": OK, "mechanisms": OK, "login": OK, "ID": OK, "folders": OK, "messages": OK,
		"EXAMINE": OK, "size": OK, "CONDSTORE": OK, "QRESYNC": OK, "OBJECTID": NotOffered, "NAMESPACE": OK, "LIST-STATUS": OK, "SAVEDATE": OK,
		"ACL": OK, "METADATA": OK, "QUOTA": OK, "SPECIAL-USE": OK, "COMPRESS": OK, "FILTER=SIEVE": NotOffered, "X-GM-EXT-1": NotOffered,
		"MANAGESIEVE": OK,
	})
	if p.Kind != "dovecot" || !strings.HasPrefix(p.Software, "Dovecot 2.") {
		t.Errorf("the software is %s, %q", p.Kind, p.Software)
	}
	if want := int64(sum.Messages + len(sharedWithAlice(t, d))); p.Messages != want {
		t.Errorf("%d messages, want %d", p.Messages, want)
	}
	var bytes int64
	for _, m := range append(onWire(t, d.MailDir(alice)), sharedWithAlice(t, d)...) {
		bytes += int64(len(m))
	}
	if p.Bytes != bytes || p.BytesEstimated {
		t.Errorf("%d bytes, estimated %v, want %d", p.Bytes, p.BytesEstimated, bytes)
	}
	if after := dovecotSnapshot(t, d, alice); after != before {
		t.Errorf("the source changed.\nbefore:\n%s\nafter:\n%s", before, after)
	}
	if !strings.Contains(p.Check("mechanisms").Detail, "XOAUTH2") || !strings.Contains(p.Check("certificate").Detail, "mbaudit test authority") ||
		!strings.Contains(p.Check("MANAGESIEVE").Detail, "Pigeonhole") {
		t.Errorf("details are missing: %+v", p.Checks)
	}
	for _, h := range p.Hints {
		if h.For == "Dovecot 2.4" || strings.Contains(h.What, "METADATA") || strings.Contains(h.What, "ManageSieve") {
			t.Errorf("a hint for another version, or on what is there already: %+v", h)
		}
	}
}

// TestPreflightDovecotLogins has what goes wrong before and at the login, and what can be said of the server then.
func TestPreflightDovecotLogins(t *testing.T) {
	d := servertest.Dovecot(t)
	alice := d.Users[0]
	strict := "imap://" + net.JoinHostPort(d.StrictHost, strconv.Itoa(d.StrictPort))
	sieve := nobodyListens(t)
	unreached := map[string]Verdict{"connection": OK, "encryption": Refused, "certificate": Refused, "MANAGESIEVE": NotOffered}
	refused := map[string]Verdict{"connection": OK, "encryption": OK, "certificate": OK, "mechanisms": OK, "login": Refused, "MANAGESIEVE": NotOffered}
	startTLS := map[string]Verdict{"connection": OK, "encryption": Refused, "certificate": Refused, "mechanisms": Unknown, "login": Unknown, "MANAGESIEVE": NotOffered}
	for _, test := range []struct {
		name     string
		change   func(c *Config)
		want     error
		verdicts map[string]Verdict
	}{
		{"wrong password", func(c *Config) { c.Password = secret.New("no") }, ErrAuth, refused},
		{"unknown account", func(c *Config) { c.Logins = map[string]string{alice: "nobody"} }, ErrAuth, refused},
		{"wrong token", func(c *Config) { c.Password, c.Token = secret.String{}, secret.New("no") }, ErrAuth, refused},
		{"untrusted", func(c *Config) { c.RootCAFile = "" }, ErrTLSUntrusted, unreached},
		{"wrong name", func(c *Config) { c.ServerName = "mail.example.test" }, ErrTLSName, unreached},
		{"untrusted by STARTTLS", func(c *Config) { c.RootCAFile, c.URL = "", strict }, ErrTLSUntrusted, startTLS},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := dovecotConfig(d)
			test.change(&cfg)
			p, err := mustNew(t, withSieve(cfg, sieve)).Preflight(t.Context(), alice, PreflightOptions{})
			if !errors.Is(err, test.want) || p.Usable {
				t.Errorf("error is %v, want %v; usable: %v", err, test.want, p.Usable)
			}
			checkVerdicts(t, p, test.verdicts)
			if len(p.Hints) > 0 {
				t.Errorf("hints on settings although nothing works: %+v", p.Hints)
			}
			if c := p.Check("certificate"); !strings.Contains(c.Detail, "mbaudit test authority") || !strings.Contains(c.Detail, " days)") {
				t.Errorf("the certificate is not shown: %s", c.Detail)
			}
		})
	}
}

func TestPreflightCyrus(t *testing.T) {
	for _, kind := range cyrusKinds {
		t.Run(kind.name, func(t *testing.T) {
			c := kind.start(t)
			alice := c.Users[0]
			wire := seedCyrus(t, c)
			before := cyrusSnapshot(t, c, alice)
			c.LogCommands(t, alice)
			p, err := mustNew(t, withSieve(cyrusConfig(c), c.SievePort)).Preflight(t.Context(), alice, PreflightOptions{})
			if err != nil || !p.Usable {
				t.Fatalf("not usable: %v, %+v", err, p)
			}
			checkReadOnly(t, c.Commands(t, alice), 8)
			checkVerdicts(t, p, map[string]Verdict{
				"connection": OK, "encryption": OK, "certificate": OK, "mechanisms": OK, "login": OK, "ID": OK, "folders": OK, "messages": OK,
				"EXAMINE": OK, "size": OK, "CONDSTORE": OK, "QRESYNC": OK, "OBJECTID": OK, "NAMESPACE": OK, "LIST-STATUS": OK, "SAVEDATE": OK,
				"ACL": OK, "METADATA": OK, "QUOTA": OK, "SPECIAL-USE": OK, "COMPRESS": OK, "FILTER=SIEVE": NotOffered,
				"X-GM-EXT-1": NotOffered, "MANAGESIEVE": OK,
			})
			var bytes int64
			for _, m := range wire {
				bytes += int64(len(m))
			}
			if p.Kind != "cyrus" || p.Messages != int64(len(wire)) || p.Bytes != bytes || p.Folders != len(cyrusFolders(t, c, alice)) {
				t.Errorf("%s with %d folders, %d messages, %d bytes; want %d messages, %d bytes", p.Kind, p.Folders, p.Messages, p.Bytes, len(wire), bytes)
			}
			if after := cyrusSnapshot(t, c, alice); after != before {
				t.Errorf("the source changed.\nbefore:\n%s\nafter:\n%s", before, after)
			}
		})
	}
}

// TestPreflightNothingOffered has a server that offers nothing beyond IMAP4rev1, in clear text.
func TestPreflightNothingOffered(t *testing.T) {
	f := &fake{folders: []*fakeFolder{inbox(12)}}
	f.command = func(c *fakeConn, tag, name, args string) bool {
		switch name {
		case "STATUS":
			c.say("* STATUS INBOX (MESSAGES 12 UIDNEXT 13 UIDVALIDITY 77 UNSEEN 0)\r\n%s OK done\r\n", tag)
		case "FETCH":
			for i := range 12 {
				c.say("* %d FETCH (RFC822.SIZE %d)\r\n", i+1, 1000+i)
			}
			c.say("%s OK done\r\n", tag)
		default:
			return false
		}
		return true
	}
	p, err := mustNew(t, withSieve(f.start(t), nobodyListens(t))).Preflight(t.Context(), "alice", PreflightOptions{})
	if err != nil || !p.Usable {
		t.Fatalf("not usable: %v", err)
	}
	checkVerdicts(t, p, map[string]Verdict{
		"connection": OK, "encryption": NotOffered, "mechanisms": OK, "login": OK, "ID": NotOffered, "folders": OK, "messages": OK, "EXAMINE": OK,
		"size": OK, "CONDSTORE": NotOffered, "QRESYNC": NotOffered, "OBJECTID": NotOffered, "NAMESPACE": NotOffered, "LIST-STATUS": NotOffered,
		"SAVEDATE": NotOffered, "ACL": NotOffered, "METADATA": NotOffered, "QUOTA": NotOffered, "SPECIAL-USE": NotOffered,
		"COMPRESS": NotOffered, "FILTER=SIEVE": NotOffered, "X-GM-EXT-1": NotOffered, "MANAGESIEVE": NotOffered,
	})
	if p.Messages != 12 || p.Bytes != 12*1005 || !p.BytesEstimated {
		t.Errorf("%d messages of %d bytes, estimated: %v", p.Messages, p.Bytes, p.BytesEstimated)
	}
	if p.Kind != "other" || len(p.Hints) == 0 {
		t.Errorf("the software is %q with %d hints", p.Kind, len(p.Hints))
	}
}

// TestPreflightRefusals has a server that announces all and refuses all but what a collection needs.
func TestPreflightRefusals(t *testing.T) {
	f := &fake{
		folders: []*fakeFolder{inbox(2)},
		caps:    "ID NAMESPACE LIST-EXTENDED LIST-STATUS ACL METADATA QUOTA CONDSTORE QRESYNC OBJECTID SAVEDATE SPECIAL-USE STATUS=SIZE",
	}
	f.command = func(c *fakeConn, tag, name, args string) bool {
		switch {
		case name == "LIST" && strings.Contains(args, "RETURN"):
			c.say("%s NO [CANNOT] not today\r\n", tag)
		case name == "ID", name == "NAMESPACE", name == "MYRIGHTS", name == "GETMETADATA", name == "GETQUOTAROOT":
			c.say("%s NO not for you\r\n", tag)
		case name == "EXAMINE":
			c.folder = c.folders[0]
			c.say("* 2 EXISTS\r\n* OK [UIDVALIDITY 77] ok\r\n* OK [NOMODSEQ] ok\r\n%s OK done\r\n", tag)
		default:
			return false
		}
		return true
	}
	p, err := mustNew(t, withSieve(f.start(t), sieveServer(t, "* OK this is not Sieve\r\n"))).Preflight(t.Context(), "alice", PreflightOptions{})
	if err != nil || !p.Usable {
		t.Fatalf("not usable: %v", err)
	}
	checkVerdicts(t, p, map[string]Verdict{
		"connection": OK, "encryption": NotOffered, "mechanisms": OK, "login": OK, "ID": Refused, "folders": OK, "messages": Unknown, "EXAMINE": OK,
		"size": OK, "CONDSTORE": Refused, "QRESYNC": Refused, "OBJECTID": Refused, "NAMESPACE": Refused, "LIST-STATUS": Refused,
		"SAVEDATE": OK, "ACL": Refused, "METADATA": Refused, "QUOTA": Refused, "SPECIAL-USE": OK,
		"COMPRESS": NotOffered, "FILTER=SIEVE": NotOffered, "X-GM-EXT-1": NotOffered, "MANAGESIEVE": Unknown,
	})
	if d := p.Check("QUOTA").Detail; !strings.Contains(d, "not for you") {
		t.Errorf("the server's words are not shown: %q", d)
	}
	if d := p.Check("EXAMINE").Detail; !strings.Contains(d, "does not say that it is for reading only") {
		t.Errorf("[READ-ONLY] was missing and is not missed: %q", d)
	}
}

// TestPreflightHostile has a server whose every word is made for a terminal, and that says the password back.
func TestPreflightHostile(t *testing.T) {
	evil := "\x1b[2J\x1b]0;owned\a\u202e" + strings.Repeat("x", 5000) + " " + fakePassword
	f := &fake{
		folders: []*fakeFolder{{name: "\"IN&IC4-BOX\"", uidValidity: 1, uidNext: 1}}, greeting: "* OK " + evil + "\r\n",
		caps: "ID ACL QUOTA AUTH=\x1b[7m\u202e STATUS=SIZE",
	}
	f.command = func(c *fakeConn, tag, name, args string) bool {
		switch name {
		case "ID":
			c.say("* ID (\"name\" \"%s\" \"version\" \"%s\" \"odd\")\r\n%s OK done\r\n", evil, evil, tag)
		case "STATUS":
			c.say("* STATUS \"IN&IC4-BOX\" (MESSAGES 9223372036854775807 SIZE 9223372036854775807)\r\n%s OK done\r\n", tag)
		case "MYRIGHTS", "GETQUOTAROOT":
			c.say("%s NO [%s] %s\r\n", tag, fakePassword, evil)
		default:
			return false
		}
		return true
	}
	sieve := sieveServer(t, "\"IMPLEMENTATION\" \""+evil+"\"\r\n\"SIEVE\" \"fileinto\"\r\nOK\r\n")
	p, err := mustNew(t, withSieve(f.start(t), sieve)).Preflight(t.Context(), "alice", PreflightOptions{})
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{p.Software}
	for _, c := range p.Checks {
		texts = append(texts, c.Detail)
	}
	for _, text := range texts {
		if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }) {
			t.Errorf("%q is not safe to show", text)
		}
		if len([]rune(text)) > 3*shownText {
			t.Errorf("%d characters are shown: %.80q…", len(text), text)
		}
		if strings.Contains(text, fakePassword) {
			t.Errorf("the password is shown: %q", text)
		}
	}
	if p.Messages < 0 || p.Bytes < 0 {
		t.Errorf("%d messages, %d bytes", p.Messages, p.Bytes)
	}
	if p.Check("MANAGESIEVE").Verdict != OK || p.Check("ACL").Verdict != Refused {
		t.Errorf("%+v", p.Checks)
	}
}

func TestPreflightPlaintextOnly(t *testing.T) {
	f := &fake{folders: []*fakeFolder{inbox(1)}, caps: "AUTH=PLAIN"}
	cfg := f.start(t)
	cfg.InsecurePlaintext = false
	p, err := mustNew(t, withSieve(cfg, nobodyListens(t))).Preflight(t.Context(), "alice", PreflightOptions{})
	if !errors.Is(err, ErrPlaintextRefused) || p.Usable {
		t.Errorf("error is %v, want %v", err, ErrPlaintextRefused)
	}
	checkVerdicts(t, p, map[string]Verdict{
		"connection": OK, "encryption": NotOffered, "mechanisms": OK, "login": Unknown, "MANAGESIEVE": NotOffered,
	})
	if sent := f.sent(); !slices.Equal(sent, []string{"CAPABILITY"}) {
		t.Errorf("sent in clear text: %q", sent)
	}
}

func TestPreflightNobodyThere(t *testing.T) {
	cfg := Config{URL: fmt.Sprintf("imaps://127.0.0.1:%d", nobodyListens(t)), Password: secret.New("x")}
	p, err := mustNew(t, cfg).Preflight(t.Context(), "alice", PreflightOptions{})
	if !errors.Is(err, ErrHostDown) {
		t.Errorf("error is %v, want %v", err, ErrHostDown)
	}
	checkVerdicts(t, p, map[string]Verdict{"connection": Refused})
}

// TestPreflightSilence has a server that falls silent at one command. Where a collection needs the answer, that is an
// error; else it is unknown.
func TestPreflightSilence(t *testing.T) {
	for _, test := range []struct {
		at      string
		want    error
		unknown string
	}{
		{"CAPABILITY", ErrTooSlow, "encryption"},
		{"LOGIN", ErrTooSlow, "login"},
		{"LIST", ErrTooSlow, "folders"},
		{"EXAMINE", ErrTooSlow, "EXAMINE"},
		{"MYRIGHTS", nil, "ACL"},
	} {
		t.Run(test.at, func(t *testing.T) {
			t.Parallel()
			f := &fake{folders: []*fakeFolder{inbox(1)}, caps: "ACL QUOTA STATUS=SIZE"}
			f.command = func(_ *fakeConn, _, name, _ string) bool { return name == test.at }
			p, err := mustNew(t, withSieve(f.start(t), nobodyListens(t))).Preflight(t.Context(), "alice", PreflightOptions{Patience: 3 * time.Second})
			if !errors.Is(err, test.want) || test.want == nil && err != nil {
				t.Errorf("error is %v, want %v", err, test.want)
			}
			if c := p.Check(test.unknown); c.Verdict != Unknown || c.Detail == "" {
				t.Errorf("%s is %q: %s", c.Name, c.Verdict, c.Detail)
			}
			if test.want == nil && p.Check("QUOTA").Verdict != Unknown {
				t.Errorf("QUOTA was never answered and is %q", p.Check("QUOTA").Verdict)
			}
		})
	}
}

func TestPreflightHangsUp(t *testing.T) {
	f := &fake{folders: []*fakeFolder{inbox(1)}, caps: "ACL QUOTA STATUS=SIZE"}
	f.command = func(c *fakeConn, _, name, _ string) bool { return name == "MYRIGHTS" && c.nc.Close() == nil }
	p, err := mustNew(t, withSieve(f.start(t), nobodyListens(t))).Preflight(t.Context(), "alice", PreflightOptions{})
	if err != nil || !p.Usable || p.Check("ACL").Verdict != Unknown || p.Check("QUOTA").Verdict != Unknown || f.conns != 1 {
		t.Errorf("error %v, %d connections, %+v", err, f.conns, p.Checks)
	}
}

func TestPreflightCancelled(t *testing.T) {
	f := &fake{folders: []*fakeFolder{inbox(1)}}
	ctx, cancel := context.WithCancel(t.Context())
	f.command = func(_ *fakeConn, _, name, _ string) bool {
		if name == "LIST" {
			cancel()
		}
		return name == "LIST"
	}
	if _, err := mustNew(t, f.start(t)).Preflight(ctx, "alice", PreflightOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want one that is context.Canceled", err)
	}
}

// TestPreflightKinds knows servers by their greetings.
func TestPreflightKinds(t *testing.T) {
	for greeting, want := range map[string]string{
		"* OK [CAPABILITY IMAP4rev1] Dovecot ready.":                         "dovecot",
		"* OK mail Cyrus IMAP 3.6.1 server ready":                            "cyrus",
		"* OK [CAPABILITY IMAP4rev1 ACL] Courier-IMAP ready. Copyright":      "courier",
		"* OK The Microsoft Exchange IMAP4 service is ready. [UwBJADIAUA==]": "exchange",
		"* OK mail.example.com Zimbra IMAP4rev1 server ready":                "zimbra",
		"* OK Gimap ready for requests from 192.0.2.1 a1":                    "gmail",
		"* OK IMAP4 ready": "other",
	} {
		f := &fake{folders: []*fakeFolder{inbox(1)}, greeting: greeting + "\r\n"}
		p, err := mustNew(t, withSieve(f.start(t), nobodyListens(t))).Preflight(t.Context(), "alice", PreflightOptions{})
		if err != nil || p.Kind != want {
			t.Errorf("%q is taken for %q, want %q (%v)", greeting, p.Kind, want, err)
		}
		if len(p.Hints) == 0 {
			t.Errorf("no hints for %s", want)
		}
	}
}

// everyHint returns all hints there are, as text to type per kind and version.
func everyHint() []Hint {
	var all []Hint
	for _, kind := range []string{"dovecot", "cyrus", "courier", "exchange", "zimbra", "gmail", "other"} {
		for _, server := range []string{"mail.example.com:993", "outlook.office365.com:993"} {
			p := &PreflightReport{Kind: kind, Server: server, Usable: true}
			for _, name := range []string{"ACL", "METADATA", "MANAGESIEVE"} {
				p.Checks = append(p.Checks, Check{Name: name, Verdict: NotOffered})
			}
			all = append(all, hints(p)...)
			all = append(all, hints(&PreflightReport{Kind: kind, Server: server, Checks: []Check{{Name: "login", Verdict: Refused}}})...)
		}
	}
	return all
}

func TestHintsAreSafeToType(t *testing.T) {
	for _, h := range everyHint() {
		for _, line := range h.Type {
			if len([]rune(line)) > 74 {
				t.Errorf("%q is too long for a screen", line)
			}
			if regexp.MustCompile(`auth_verbose_passwords|auth_debug_passwords|DEBUG_LOGIN=2`).MatchString(line) {
				t.Errorf("%q writes passwords into a log", line)
			}
		}
		if strings.ContainsAny(h.What, "\n\t") || h.What == "" {
			t.Errorf("%q is not a sentence", h.What)
		}
	}
}

// TestDovecotHintsAreRead gives the hints for Dovecot 2.3 to Dovecot's own reader of configurations.
func TestDovecotHintsAreRead(t *testing.T) {
	servertest.Dovecot(t)
	out, err := exec.Command("dovecot", "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	version := "Dovecot " + strings.Join(strings.SplitN(string(out), ".", 3)[:2], ".")
	config := "protocols = imap\nssl = no\n"
	if version == "Dovecot 2.4" {
		config = "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n" + config
	}
	for _, h := range everyHint() {
		if h.For == version || slices.Contains(h.Type, "auth_verbose = yes") {
			config += strings.Join(h.Type, "\n") + "\n"
		}
	}
	file := filepath.Join(t.TempDir(), "dovecot.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := exec.Command("doveconf", "-n", "-c", file).CombinedOutput()
	if err != nil || strings.Contains(string(got), "rror") || strings.Contains(string(got), "Obsolete") {
		t.Fatalf("doveconf: %v\n%s\nof\n%s", err, got, config)
	}
	for _, want := range []string{"mail_log_events = delete undelete expunge copy save flag_change mailbox_create mailbox_delete mailbox_rename",
		"auth_verbose = yes", "imap_metadata = yes", "imap_acl", "sieve"} {
		if !strings.Contains(string(got), want) {
			t.Errorf("Dovecot does not read %q:\n%s", want, got)
		}
	}
}

// TestCyrusHintsAreRead gives the lines for imapd.conf to Cyrus' own check.
func TestCyrusHintsAreRead(t *testing.T) {
	c := servertest.Cyrus(t)
	config := "configdirectory: /tmp\ndefaultpartition: default\npartition-default: /tmp\n"
	known := config
	for _, h := range cyrusHints() {
		for _, line := range h.Type {
			if strings.Contains(line, ": ") {
				known += line + "\n"
			}
		}
	}
	if out := c.CheckConf(t, known); out != "" {
		t.Errorf("Cyrus does not know %s in\n%s", out, known)
	}
	if out := c.CheckConf(t, config+"no_such_option: 1\n"); !strings.Contains(out, "no_such_option") {
		t.Errorf("Cyrus' check finds nothing wrong with anything: %q", out)
	}
}

// FuzzSieveGreeting: whatever a port answers, reading it ends, within its bounds.
func FuzzSieveGreeting(f *testing.F) {
	for _, seed := range []string{
		"\"IMPLEMENTATION\" \"Cyrus timsieved 3.6\"\r\n\"SASL\" \"PLAIN\"\r\n\"SIEVE\" \"fileinto\"\r\n\"STARTTLS\"\r\nOK\r\n",
		"\"SIEVE\" \"\"\r\nOK (TAG {3}\r\nabc) \"hello\"\r\n", "* OK IMAP4rev1\r\n", "BYE \"busy\"\r\n", "\"SIEVE\"\r\n", "", "\n\n\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, greeting []byte) {
		client, server := net.Pipe()
		go func() {
			_, _ = server.Write(greeting) // the reader may have left
			server.Close()
		}()
		name, err := sieveGreeting(client, time.Minute)
		client.Close()
		if err == nil && (len(name) > 16<<10 || !strings.Contains(strings.ToUpper(string(greeting)), "SIEVE")) {
			t.Errorf("%q is taken for ManageSieve, %q", greeting, name)
		}
	})
}

// FuzzParseID: whatever stands in an ID response, reading it ends and names no more than came.
func FuzzParseID(f *testing.F) {
	f.Add([]byte(`("name" "Dovecot" "version" NIL)`))
	f.Add([]byte(`NIL`))
	f.Add([]byte(`("name" ("x") "odd"`))
	f.Add([]byte("(\"name\" {3}\r\nabc)"))
	f.Fuzz(func(t *testing.T, text []byte) {
		resp := imapwire.ParseHead(append([]byte("* ID "), text...))
		id := parseID(&imapwire.Answer{Untagged: []imapwire.Response{*resp}})
		for key, value := range id {
			if len(value) > len(text) || len(key) > 4*len(text) {
				t.Errorf("%q has %q=%q", text, key, value)
			}
		}
	})
}

// withSieve says where ManageSieve is looked for.
func withSieve(cfg Config, port int) Config {
	cfg.Sieve = "sieve://localhost:" + strconv.Itoa(port)
	return cfg
}
