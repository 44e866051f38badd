package imap

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/secret"
	"github.com/mbaudit/mbaudit/internal/seedmail"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

const seeded = 120

func dovecotConfig(d *servertest.DovecotServer) Config {
	return Config{
		URL:        "imaps://" + net.JoinHostPort(d.Host, strconv.Itoa(d.IMAPSPort)),
		RootCAFile: d.CAFile, Password: secret.New(d.Password), Timeout: 30 * time.Second, Backoff: 10 * time.Millisecond,
	}
}

// TestDovecot holds the collector to its promises on a real server, with a mailbox of every kind of message that
// seedmail makes.
func TestDovecot(t *testing.T) {
	collectortest.Run(t, collectortest.Harness{Healthy: func(t *testing.T) collectortest.Source {
		d := servertest.Dovecot(t)
		alice := d.Users[0]
		d.Seed(t, alice, seedmail.Spec{Seed: 7, Messages: seeded})
		scope := collectors.Scope{Account: alice, Messages: collectors.MessagesRaw}
		return collectortest.Source{
			Collector: mustNew(t, dovecotConfig(d)), Scope: scope,
			Messages: append(onWire(t, d.MailDir(alice)), sharedWithAlice(t, d)...),
			Snapshot: func(t testing.TB) string { return dovecotSnapshot(t, d, alice) },
		}
	}})
}

// onWire returns the messages of a Maildir as IMAP must serve them. Dovecot ends each line with CRLF, also where the
// file has LF alone: that, and nothing else, is made equal (seedmail.OnWire).
func onWire(t testing.TB, dir string) [][]byte {
	t.Helper()
	var all [][]byte
	for _, path := range messageFiles(t, dir) {
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, seedmail.OnWire(file))
	}
	return all
}

// sharedWithAlice returns the messages of the folder of bob's that alice may read, which LIST shows her too.
func sharedWithAlice(t testing.TB, d *servertest.DovecotServer) [][]byte {
	t.Helper()
	return onWire(t, filepath.Join(d.MailDir(d.Users[1]), ".Projets"))
}

func messageFiles(t testing.TB, dir string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		parent := filepath.Base(filepath.Dir(path))
		if err == nil && e.Type().IsRegular() && (parent == "cur" || parent == "new") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// dovecotSnapshot is what must not change: the message files with their names (which hold the flags), and what the
// server says of each folder.
func dovecotSnapshot(t testing.TB, d *servertest.DovecotServer, user string) string {
	t.Helper()
	var b strings.Builder
	for _, path := range messageFiles(t, d.MailDir(user)) {
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %x\n", path, sha256.Sum256(file))
	}
	b.WriteString(d.Doveadm(t, "mailbox", "status", "-u", user, "messages recent unseen uidnext uidvalidity highestmodseq", "*"))
	b.WriteString(d.Doveadm(t, "fetch", "-u", user, "mailbox uid flags modseq", "ALL"))
	return b.String()
}

func TestDovecotMetadata(t *testing.T) {
	d := servertest.Dovecot(t)
	alice := d.Users[0]
	sum := d.Seed(t, alice, seedmail.Spec{Seed: 8, Messages: seeded})
	before := dovecotSnapshot(t, d, alice)
	sink := &collectortest.Sink{}
	if err := mustNew(t, dovecotConfig(d)).Collect(t.Context(), collectors.Scope{Account: alice}, sink); err != nil {
		t.Fatal(err)
	}
	collectortest.CheckSink(t, sink)
	if gaps := sink.Gaps(); len(gaps) > 0 {
		t.Errorf("gaps: %+v", gaps)
	}
	if after := dovecotSnapshot(t, d, alice); after != before {
		t.Errorf("the source changed.\nbefore:\n%s\nafter:\n%s", before, after)
	}
	if got, want := len(sink.Messages()), sum.Messages+len(sharedWithAlice(t, d)); got != want {
		t.Errorf("%d header blocks came, want %d", got, want)
	}
	for _, k := range sink.Messages() {
		if !strings.Contains(string(k.Response), "BODYSTRUCTURE (") || k.Attrs["modseq"] == "" || k.Attrs["internaldate"] == "" {
			t.Errorf("%s lacks BODYSTRUCTURE, MODSEQ or INTERNALDATE: %q, %v", k.Name, k.Response, k.Attrs)
		}
	}
	for _, resource := range []string{"greeting", "tls", "capability", "id", "namespace", "list"} {
		if len(sink.Resource(resource)) == 0 {
			t.Errorf("there is no exhibit for %s", resource)
		}
	}
	checkTLS(t, sink)
}

func checkTLS(t *testing.T, sink *collectortest.Sink) {
	t.Helper()
	for _, k := range sink.Resource("tls") {
		if k.Item != "parameters" {
			continue
		}
		var p tlsParameters
		if err := json.Unmarshal(k.Body, &p); err != nil {
			t.Fatal(err)
		}
		if !p.Verified || p.Version == "" || p.CipherSuite == "" || len(p.Certificates) == 0 || p.ServerName != "localhost" {
			t.Errorf("parameters: %s", k.Body)
		}
		return
	}
	t.Error("there are no parameters of the encryption")
}

func TestDovecotLogins(t *testing.T) {
	d := servertest.Dovecot(t)
	alice := d.Users[0]
	d.Seed(t, alice, seedmail.Spec{Seed: 9, Messages: 5, Folders: []string{"INBOX"}})
	starttls := "imap://" + net.JoinHostPort(d.Host, strconv.Itoa(d.IMAPPort))
	var name x509.HostnameError
	var unknown x509.UnknownAuthorityError
	for _, test := range []struct {
		name   string
		change func(c *Config)
		want   error
		below  any
	}{
		{"password", func(c *Config) {}, nil, nil},
		{"STARTTLS", func(c *Config) { c.URL = starttls }, nil, nil},
		{"master user", func(c *Config) {
			c.Password, c.MasterUser, c.MasterPassword = secret.String{}, d.MasterUser, secret.New(d.MasterPassword)
			c.MasterSeparator = d.MasterSeparator
		}, nil, nil},
		{"master user by authorisation identity", func(c *Config) {
			c.Password, c.MasterUser, c.MasterPassword = secret.String{}, d.MasterUser, secret.New(d.MasterPassword)
			c.MasterAuthzID = true
		}, nil, nil},
		{"token", func(c *Config) { c.Password, c.Token = secret.String{}, secret.New(d.Token) }, nil, nil},
		{"tokens one by one", func(c *Config) {
			c.Password, c.Tokens = secret.String{}, func(context.Context, string) (secret.String, error) { return secret.New(d.Token), nil }
		}, nil, nil},
		{"wrong token", func(c *Config) { c.Password, c.Token = secret.String{}, secret.New("no") }, ErrAuth, nil},
		{"wrong password", func(c *Config) { c.Password = secret.New("no") }, ErrAuth, nil},
		{"unknown account", func(c *Config) { c.Logins = map[string]string{alice: "nobody@example.test"} }, ErrAuth, nil},
		{"wrong name", func(c *Config) { c.ServerName = "mail.example.test" }, ErrTLSName, &name},
		{"wrong name by STARTTLS", func(c *Config) { c.URL, c.ServerName = starttls, "mail.example.test" }, ErrTLSName, &name},
		{"untrusted authority", func(c *Config) { c.RootCAFile = "" }, ErrTLSUntrusted, &unknown},
		{"another authority", func(c *Config) { c.RootCAFile = newTestCA(t).file }, ErrTLSUntrusted, &unknown},
		{"TLS on the clear port", func(c *Config) { c.URL = "imaps" + strings.TrimPrefix(starttls, "imap") }, ErrNotIMAP, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := dovecotConfig(d)
			test.change(&cfg)
			sink := &collectortest.Sink{}
			err := mustNew(t, cfg).Collect(t.Context(), collectors.Scope{Account: alice, Messages: collectors.MessagesRaw, Folders: []string{"INBOX"}}, sink)
			if !errors.Is(err, test.want) {
				t.Fatalf("error is %v, want %v", err, test.want)
			}
			if test.below != nil && !errors.As(err, test.below) {
				t.Errorf("%v has no %T below it", err, test.below)
			}
			if test.want == nil {
				collectortest.CheckMessages(t, sink, onWire(t, d.MailDir(alice)))
				collectortest.CheckSink(t, sink)
			}
		})
	}
}

// TestDovecotLargeMessage has a message of 30 MB and checks that it is not held in memory.
func TestDovecotLargeMessage(t *testing.T) {
	d := servertest.Dovecot(t)
	alice := d.Users[0]
	d.Seed(t, alice, seedmail.Spec{Seed: 10, Messages: 30, Large: true, Folders: []string{"INBOX"}})
	sink := &collectortest.Sink{DigestsOnly: true}
	scope := collectors.Scope{Account: alice, Messages: collectors.MessagesRaw, Folders: []string{"INBOX"}}
	if err := mustNew(t, dovecotConfig(d)).Collect(t.Context(), scope, sink); err != nil {
		t.Fatal(err)
	}
	collectortest.CheckSink(t, sink)
	want := map[evidence.Digest]int{}
	for _, m := range onWire(t, d.MailDir(alice)) {
		want[sha256.Sum256(m)]++
	}
	for _, k := range sink.Messages() {
		if want[k.Digest]--; want[k.Digest] < 0 {
			t.Errorf("%s (%d bytes) is not on the server, or came too often", k.Name, k.Size)
		}
		if !bytes.HasSuffix(k.Response, []byte(")\r\n")) {
			t.Errorf("%s: the response ends with %q", k.Name, k.Response)
		}
	}
	if n := len(sink.Messages()); n != 30 {
		t.Errorf("%d messages came, want 30", n)
	}
}
