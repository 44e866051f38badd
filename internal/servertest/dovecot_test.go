package servertest_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"

	"github.com/mbaudit/mbaudit/internal/seedmail"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

func address(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

// dial connects to the imaps port.
func dial(t *testing.T, d *servertest.DovecotServer) *imapclient.Client {
	t.Helper()
	c, err := imapclient.DialTLS(address(d.Host, d.IMAPSPort), &imapclient.Options{TLSConfig: d.TLS(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// wantCode checks that the server refused with a response code (RFC 5530).
func wantCode(t *testing.T, err error, code imap.ResponseCode) {
	t.Helper()
	var refusal *imap.Error
	if !errors.As(err, &refusal) {
		t.Fatalf("want a refusal with code %s, got %v", code, err)
	}
	if refusal.Type != imap.StatusResponseTypeNo || refusal.Code != code {
		t.Fatalf("want NO [%s], got %v", code, refusal)
	}
}

func TestDovecotLogins(t *testing.T) {
	d := servertest.Dovecot(t)
	alice := d.Users[0]

	t.Run("password", func(t *testing.T) {
		c := dial(t, d)
		if err := c.Login(alice, d.Password).Wait(); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Select("INBOX", &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("wrong password", func(t *testing.T) {
		wantCode(t, dial(t, d).Login(alice, "wrong").Wait(), imap.ResponseCodeAuthenticationFailed)
	})
	t.Run("master user", func(t *testing.T) {
		c := dial(t, d)
		if err := c.Login(alice+d.MasterSeparator+d.MasterUser, d.MasterPassword).Wait(); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Select("INBOX", &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("bearer token", func(t *testing.T) {
		options := sasl.OAuthBearerOptions{Username: alice, Token: d.Token}
		if err := dial(t, d).Authenticate(sasl.NewOAuthBearerClient(&options)); err != nil {
			t.Fatal(err)
		}
		options.Token += "x"
		err := dial(t, d).Authenticate(sasl.NewOAuthBearerClient(&options))
		if err == nil || !strings.Contains(err.Error(), "invalid_token") {
			t.Fatalf("want invalid_token, got %v", err)
		}
	})
	t.Run("STARTTLS", func(t *testing.T) {
		c, err := imapclient.DialStartTLS(address(d.Host, d.IMAPPort), &imapclient.Options{TLSConfig: d.TLS(t)})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.Login(alice, d.Password).Wait(); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("clear text", func(t *testing.T) {
		c, err := imapclient.DialInsecure(address(d.Host, d.IMAPPort), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.Login(alice, d.Password).Wait(); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("clear text refused", func(t *testing.T) {
		c, err := imapclient.DialInsecure(address(d.StrictHost, d.StrictPort), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if !c.Caps().Has(imap.CapLoginDisabled) {
			t.Errorf("LOGINDISABLED is not among %v", slices.Collect(maps.Keys(c.Caps())))
		}
		wantCode(t, c.Login(alice, d.Password).Wait(), imap.ResponseCodePrivacyRequired)
	})
	t.Run("logs", func(t *testing.T) {
		servertest.WaitForLine(t, d.AuthLog, "Login: user=<"+alice+">, method=OAUTHBEARER")
		servertest.WaitForLine(t, d.AuthLog, "Master user logging in as "+alice)
		servertest.WaitForLine(t, d.EventLog, `"cmd_name":"EXAMINE"`)
	})
}

func TestDovecotOffers(t *testing.T) {
	d := servertest.Dovecot(t)
	c := dial(t, d)
	if err := c.Login(d.Users[0], d.Password).Wait(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []imap.Cap{"ACL", "METADATA", "QUOTA", "CONDSTORE", "QRESYNC", "NAMESPACE", "SPECIAL-USE", "LIST-STATUS",
		"LIST-EXTENDED", "SAVEDATE", "ID", "COMPRESS=DEFLATE", "STATUS=SIZE"} {
		if !c.Caps().Has(name) {
			t.Errorf("capability %s is missing", name)
		}
	}
	rights, err := c.MyRights("shared/bob@example.test/Projets").Wait()
	if err != nil {
		t.Fatal(err)
	}
	if got := string(rights.Rights); got != "lr" {
		t.Errorf("alice's rights on bob's shared folder are %q, want lr", got)
	}
	if _, err := c.Select("shared/bob@example.test/Projets", &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
		t.Error(err)
	}
	quota, err := c.GetQuotaRoot("INBOX").Wait()
	if err != nil || len(quota) != 1 {
		t.Errorf("GETQUOTAROOT gave %v, %v", quota, err)
	}
	value := []byte("note")
	if err := c.SetMetadata("INBOX", map[string]*[]byte{"/private/comment": &value}).Wait(); err != nil {
		t.Error(err)
	}
	entries, err := c.GetMetadata("INBOX", []string{"/private/comment"}, nil).Wait()
	if err != nil || string(*entries.Entries["/private/comment"]) != "note" {
		t.Errorf("GETMETADATA gave %v, %v", entries, err)
	}
}

func TestDovecotManageSieve(t *testing.T) {
	d := servertest.Dovecot(t)
	conn, err := net.Dial("tcp", address(d.Host, d.SievePort))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "LOGOUT\r\n"); err != nil {
		t.Fatal(err)
	}
	greeting, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"IMPLEMENTATION" "Dovecot`, "vacation", "editheader", `"STARTTLS"`, `"SASL" "PLAIN`} {
		if !strings.Contains(string(greeting), want) {
			t.Errorf("the greeting lacks %s:\n%s", want, greeting)
		}
	}
}

// TestSeededMailbox reads a seeded mailbox back over IMAP: every message, byte for byte, with its flags and date, in
// folders whose names say the same.
func TestSeededMailbox(t *testing.T) {
	d := servertest.Dovecot(t)
	alice := d.Users[0]
	spec := seedmail.Spec{Seed: 7, Messages: 300, Owner: alice}
	sum := d.Seed(t, alice, spec)
	want := map[string][]seedmail.Message{}
	for m := range seedmail.Mailbox(spec) {
		want[m.Folder] = append(want[m.Folder], m)
	}

	c := dial(t, d)
	if err := c.Login(alice, d.Password).Wait(); err != nil {
		t.Fatal(err)
	}
	listed, err := c.List("", "*", &imap.ListOptions{ReturnSubscribed: true, ReturnSpecialUse: true}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	var names, subscribed []string
	for _, data := range listed {
		if !strings.HasPrefix(data.Mailbox, "shared") && !slices.Contains(data.Attrs, imap.MailboxAttrNonExistent) {
			names = append(names, data.Mailbox)
		}
		if slices.Contains(data.Attrs, imap.MailboxAttrSubscribed) {
			subscribed = append(subscribed, data.Mailbox)
		}
	}
	folders := seedmail.DefaultFolders()
	slices.Sort(folders)
	slices.Sort(names)
	if !slices.Equal(names, folders) {
		t.Errorf("LIST gives %q\nwant      %q", names, folders)
	}
	if len(subscribed) != len(folders)-1 { // all but INBOX
		t.Errorf("subscribed to %q", subscribed)
	}

	got := 0
	for _, folder := range folders {
		got += checkFolder(t, c, folder, want[folder])
	}
	if got != spec.Messages || sum.Messages != spec.Messages {
		t.Errorf("%d messages read and %d written, want %d", got, sum.Messages, spec.Messages)
	}
}

func checkFolder(t *testing.T, c *imapclient.Client, folder string, want []seedmail.Message) int {
	t.Helper()
	selected, err := c.Select(folder, &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		t.Fatalf("EXAMINE %q: %v", folder, err)
	}
	if int(selected.NumMessages) != len(want) {
		t.Fatalf("%q has %d messages, want %d", folder, selected.NumMessages, len(want))
	}
	if len(want) == 0 {
		return 0
	}
	var all imap.SeqSet
	all.AddRange(1, 0)
	section := &imap.FetchItemBodySection{Peek: true}
	messages, err := c.Fetch(all, &imap.FetchOptions{Flags: true, InternalDate: true, RFC822Size: true,
		BodySection: []*imap.FetchItemBodySection{section}}).Collect()
	if err != nil {
		t.Fatalf("FETCH in %q: %v", folder, err)
	}
	for i, m := range messages {
		what := fmt.Sprintf("%q message %d (%s)", folder, i+1, want[i].Kind)
		body, wire := m.FindBodySection(section), seedmail.OnWire(want[i].Raw)
		if string(body) != string(wire) {
			t.Errorf("%s: %d bytes came, want %d", what, len(body), len(wire))
		}
		if m.RFC822Size != int64(len(wire)) {
			t.Errorf("%s: RFC822.SIZE %d, want %d", what, m.RFC822Size, len(wire))
		}
		if !m.InternalDate.Equal(want[i].InternalDate) {
			t.Errorf("%s: INTERNALDATE %v, want %v", what, m.InternalDate, want[i].InternalDate)
		}
		var flags []string
		for _, f := range m.Flags {
			flags = append(flags, string(f))
		}
		slices.Sort(flags)
		wantFlags := want[i].Flags
		if want[i].Recent {
			wantFlags = []string{`\Recent`}
		}
		if !slices.Equal(flags, wantFlags) {
			t.Errorf("%s: flags %q, want %q", what, flags, wantFlags)
		}
	}
	return len(messages)
}

func TestSeedCompromised(t *testing.T) {
	d := servertest.Dovecot(t)
	sum := d.SeedCompromised(t, d.Users[0])
	total := 0
	for line := range strings.Lines(d.Doveadm(t, "-f", "tab", "mailbox", "status", "-u", d.Users[0], "messages", "*")) {
		folder, count, _ := strings.Cut(strings.TrimSpace(line), "\t")
		n, err := strconv.Atoi(count)
		if err == nil && !strings.HasPrefix(folder, "shared/") {
			total += n
		}
	}
	if total != sum.Messages || total < 30 {
		t.Errorf("Dovecot has %d messages, %d were written", total, sum.Messages)
	}
}

func TestDovecotsAtOnce(t *testing.T) {
	var servers []*servertest.DovecotServer
	for range 3 {
		servers = append(servers, servertest.Dovecot(t))
	}
	for _, d := range servers {
		c := dial(t, d)
		if err := c.Login(d.Users[1], d.Password).Wait(); err != nil {
			t.Error(err)
		}
	}
}

func TestDovecotIsGone(t *testing.T) {
	var d *servertest.DovecotServer
	t.Run("run", func(t *testing.T) { d = servertest.Dovecot(t) })
	if d == nil {
		t.SkipNow()
	}
	if _, err := os.Stat(d.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the server's directory is still there: %v", err)
	}
	if conn, err := net.Dial("tcp", address(d.Host, d.IMAPPort)); err == nil {
		conn.Close()
		t.Error("the server still answers")
	}
}
