package imap

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/internal/secret"
	"github.com/mbaudit/mbaudit/internal/seedmail"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

// cyrusKinds are the two ways in which a Cyrus names folders: "INBOX.Sent", "user.bob.Projets" and "Sent",
// "Other Users/bob/Projets".
var cyrusKinds = []struct {
	name  string
	start func(testing.TB) *servertest.CyrusServer
}{
	{"dots and INBOX.", servertest.Cyrus},
	{"slashes", servertest.CyrusModern},
}

func cyrusConfig(c *servertest.CyrusServer) Config {
	return Config{
		URL:        "imaps://" + net.JoinHostPort(c.Host, strconv.Itoa(c.IMAPSPort)),
		RootCAFile: c.CAFile, Password: secret.New(c.Password), Timeout: 30 * time.Second, Backoff: 10 * time.Millisecond,
	}
}

// seedCyrus fills alice's mailbox with what Cyrus makes particular: messages of all kinds that it takes, UIDs with
// holes, expunged messages that stay on disk, flags, keywords, nested folders, one that was deleted and is still
// subscribed to, names in other scripts, and a folder of bob's.
func seedCyrus(t *testing.T, c *servertest.CyrusServer) [][]byte {
	t.Helper()
	alice, bob := c.Users[0], c.Users[1]
	taken := c.Seed(t, alice, seedmail.Spec{Seed: 7, Messages: seeded, Folders: []string{"INBOX", "Sent", "Archive/2025"}})
	child, gone := c.Folder("Projets/2025"), c.Folder("Weg")
	c.Do(t, alice, `CREATE "`+child+`"`, `CREATE "`+gone+`"`, `SUBSCRIBE "`+gone+`"`, `DELETE "`+gone+`"`,
		`CREATE "`+c.Folder("&AMk-l&AOk-ments envoy&AOk-s")+`"`, `SUBSCRIBE "`+c.Folder("Sent")+`"`)
	taken = append(taken, c.Append(t, alice, child, seedmail.Compromised()[:5]...)...)

	// Three messages come and go before the last one, whose UID and mod-sequence are then beyond the number of messages.
	extra := seedmail.Compromised()[5:9]
	passing := c.Append(t, alice, c.Folder("Trash"), extra[:3]...)
	c.Do(t, alice, `SELECT "`+c.Folder("Trash")+`"`, `STORE 1:* +FLAGS (\Deleted)`, "EXPUNGE", "UNSELECT")
	taken = append(taken, c.Append(t, alice, c.Folder("Trash"), extra[3:]...)...)
	taken = append(taken, c.Append(t, bob, c.Folder("Projets"), seedmail.Compromised()[9:12]...)...)
	if len(passing) != 3 || len(taken) < seeded/2 {
		t.Fatalf("Cyrus took only %d messages and %d to expunge", len(taken), len(passing))
	}
	var wire [][]byte
	for _, m := range taken {
		wire = append(wire, m.Raw)
	}
	return wire
}

// cyrusFolders returns the names of a user's folders as Cyrus sends them.
func cyrusFolders(t testing.TB, c *servertest.CyrusServer, user string) []string {
	t.Helper()
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^\* LIST \([^)]*\) "." ("[^"]*"|\S+)\r$`).FindAllStringSubmatch(c.Do(t, user, `LIST "" "*"`), -1) {
		if !strings.Contains(m[0], `\NonExistent`) && !strings.Contains(m[0], `\Noselect`) {
			names = append(names, m[1])
		}
	}
	return names
}

// cyrusSnapshot is what must not change: the message files of all users, the counters of each folder (\Recent, unseen,
// UIDNEXT, HIGHESTMODSEQ), and flags, mod-sequence and save date of each message.
func cyrusSnapshot(t testing.TB, c *servertest.CyrusServer, user string) string {
	t.Helper()
	var ask []string
	for _, name := range cyrusFolders(t, c, user) {
		ask = append(ask, "STATUS "+name+" (MESSAGES RECENT UNSEEN UIDNEXT UIDVALIDITY HIGHESTMODSEQ SIZE)",
			"EXAMINE "+name, "UID FETCH 1:* (FLAGS MODSEQ INTERNALDATE RFC822.SIZE SAVEDATE)")
	}
	return c.Files(t) + c.Do(t, user, ask...)
}

// TestCyrus holds the collector to its promises on a server that it was not made on.
func TestCyrus(t *testing.T) {
	for _, kind := range cyrusKinds {
		t.Run(kind.name, func(t *testing.T) {
			collectortest.Run(t, collectortest.Harness{Healthy: func(t *testing.T) collectortest.Source {
				c := kind.start(t)
				messages := seedCyrus(t, c)
				return collectortest.Source{
					Collector: mustNew(t, cyrusConfig(c)), Messages: messages,
					Scope:    collectors.Scope{Account: c.Users[0], Messages: collectors.MessagesRaw},
					Snapshot: func(t testing.TB) string { return cyrusSnapshot(t, c, c.Users[0]) },
				}
			}})
		})
	}
}

// TestCyrusSays compares what was kept with what the server says of itself, and holds every resource to being kept, not
// offered or a gap.
func TestCyrusSays(t *testing.T) {
	for _, kind := range cyrusKinds {
		for _, mode := range []collectors.MessageMode{collectors.MessagesRaw, collectors.MessagesMetadata} {
			if mode == collectors.MessagesRaw && kind.name != cyrusKinds[0].name {
				continue // TestCyrus has read these
			}
			t.Run(kind.name+", "+mode.String(), func(t *testing.T) {
				c := kind.start(t)
				alice := c.Users[0]
				seedCyrus(t, c)
				c.LogCommands(t, alice)
				before := cyrusSnapshot(t, c, alice)
				if !regexp.MustCompile(`RECENT [1-9]`).MatchString(before) || !regexp.MustCompile(`UNSEEN [1-9]`).MatchString(before) {
					t.Fatalf("no message is recent and unseen, so that nothing would show that they stay so:\n%s", before)
				}
				sink := &collectortest.Sink{}
				if err := mustNew(t, cyrusConfig(c)).Collect(t.Context(), collectors.Scope{Account: alice, Messages: mode}, sink); err != nil {
					t.Fatal(err)
				}
				collectortest.CheckSink(t, sink)
				if gaps := sink.Gaps(); len(gaps) > 0 {
					t.Errorf("gaps: %+v", gaps)
				}
				checkCyrusCounts(t, c, sink, mode)
				checkCyrusResources(t, c, sink)
				if after := cyrusSnapshot(t, c, alice); after != before {
					t.Errorf("the source changed.\nbefore:\n%s\nafter:\n%s", before, after)
				}
				checkReadOnly(t, c.Commands(t, alice), 20)
			})
		}
	}
}

// checkCyrusCounts compares numbers and bytes per folder with what STATUS says.
func checkCyrusCounts(t *testing.T, c *servertest.CyrusServer, sink *collectortest.Sink, mode collectors.MessageMode) {
	t.Helper()
	status := regexp.MustCompile(`(?m)^\* STATUS ("[^"]*"|\S+) \(MESSAGES (\d+) SIZE (\d+)\)`)
	var messages, bytes int64
	var ask []string
	for _, name := range cyrusFolders(t, c, c.Users[0]) {
		ask = append(ask, "STATUS "+name+" (MESSAGES SIZE)")
	}
	said := status.FindAllStringSubmatch(c.Do(t, c.Users[0], ask...), -1)
	if len(said) != len(ask) {
		t.Fatalf("Cyrus says of %d folders how large they are, of %d", len(said), len(ask))
	}
	for _, m := range said {
		n, _ := strconv.ParseInt(m[2], 10, 64)
		size, _ := strconv.ParseInt(m[3], 10, 64)
		messages, bytes = messages+n, bytes+size
	}
	var kept, announced int64
	for _, k := range sink.Messages() {
		kept += k.Size
		size, err := strconv.ParseInt(k.Attrs["rfc822.size"], 10, 64)
		if err != nil {
			t.Errorf("%s has no size: %v", k.Name, k.Attrs)
		}
		announced += size
		if k.Attrs["modseq"] == "" || k.Attrs["internaldate"] == "" || k.Attrs["savedate"] == "" ||
			k.Attrs["emailid"] == "" || k.Attrs["threadid"] == "" {
			t.Errorf("%s lacks what Cyrus says of it: %v", k.Name, k.Attrs)
		}
	}
	if got := int64(len(sink.Messages())); got != messages || messages == 0 {
		t.Errorf("%d messages were kept, Cyrus has %d", got, messages)
	}
	if announced != bytes {
		t.Errorf("the messages' sizes come to %d bytes, Cyrus says %d", announced, bytes)
	}
	if mode == collectors.MessagesRaw && kept != bytes {
		t.Errorf("%d bytes were kept, Cyrus says %d", kept, bytes)
	}
}

// checkCyrusResources says what must have been kept of a Cyrus, and a text that must be in it. What other resources
// the collector learns to read (rights, annotations, quotas, shared folders, Sieve scripts) is added to this table.
func checkCyrusResources(t *testing.T, c *servertest.CyrusServer, sink *collectortest.Sink) {
	t.Helper()
	shared := c.OtherUsers + c.Users[1] + c.Separator + "Projets"
	for _, want := range []struct{ resource, text string }{
		{"greeting", "Cyrus IMAP"},
		{"tls", "BEGIN CERTIFICATE"},
		{"capability", "X-REPLICATION"},
		{"id", `"Cyrus IMAPD"`},
		{"namespace", `"` + c.OtherUsers + `" "` + c.Separator + `"`},
		{"list", `\Sent`},
		{"list", shared},
		{"list", "* STATUS"},
		{"lsub", `\NonExistent \Subscribed`},
		{"lsub", c.Folder("Weg")},
		{"acl", "* ACL "},
		{"acl", shared},
		{"metadata", "* METADATA "},
		{"quota", "* QUOTAROOT "},
		{"quota", `"usage"`},
		{"disappeared", `"uidvalidity"`},
		{"examine", "MAILBOXID"},
		{"examine", "* OK [HIGHESTMODSEQ "},
	} {
		found := false
		for _, k := range sink.Resource(want.resource) {
			found = found || strings.Contains(string(k.Body), want.text)
		}
		if !found {
			t.Errorf("no exhibit of %s has %q in it", want.resource, want.text)
		}
	}
	for _, name := range []string{c.Folder("Projets/2025"), c.Folder("Éléments envoyés"), shared} {
		if _, ok := sink.Expected("messages/" + name); !ok {
			t.Errorf("nothing was announced of the folder %s", name)
		}
	}
	if e, ok := sink.Expected("messages/" + c.Folder("Weg")); ok {
		t.Errorf("a folder that does not exist was announced: %+v", e)
	}
}

// checkReadOnly looks at what Cyrus says that clients sent, which must be some commands at least.
func checkReadOnly(t *testing.T, log string, atLeast int) {
	t.Helper()
	commands := regexp.MustCompile(`(?m)^(?:<\d+<)?A\d{4} ([A-Z]+(?: (?:FETCH|SEARCH|STORE|COPY|MOVE|EXPUNGE))?)(.*)$`).FindAllStringSubmatch(log, -1)
	if len(commands) < atLeast {
		t.Fatalf("Cyrus wrote down only %d commands of ours:\n%s", len(commands), log)
	}
	for _, m := range commands {
		switch m[1] {
		case "OK": // an answer
		case "CAPABILITY", "ID", "NAMESPACE", "LIST", "LSUB", "STATUS", "EXAMINE", "UID SEARCH", "LOGOUT",
			"GETACL", "MYRIGHTS", "LISTRIGHTS", "GETQUOTA", "GETQUOTAROOT", "GETMETADATA", "UNSELECT", "ENABLE", "NOOP", "COMPRESS":
		case "UID FETCH", "FETCH":
			if strings.Contains(m[2], "BODY[") {
				t.Errorf("a fetch that sets \\Seen was sent: %s", m[0])
			}
		default:
			t.Errorf("a command was sent that does not only read: %s", m[0])
		}
	}
}

func TestCyrusLogins(t *testing.T) {
	c := servertest.Cyrus(t)
	alice := c.Users[0]
	want := c.Append(t, alice, "INBOX", seedmail.Compromised()[:3]...)
	strict := fmt.Sprintf("imap://%s", net.JoinHostPort(c.StrictHost, strconv.Itoa(c.StrictPort)))
	for _, test := range []struct {
		name   string
		change func(cfg *Config)
		want   error
	}{
		{"password", func(*Config) {}, nil},
		{"STARTTLS where clear text is refused", func(cfg *Config) { cfg.URL = strict }, nil},
		{"for another by authorisation identity", func(cfg *Config) {
			cfg.Password, cfg.MasterUser, cfg.MasterPassword = secret.String{}, c.ProxyUser, secret.New(c.Password)
			cfg.MasterAuthzID = true
		}, nil},
		{"for another, by someone who may not", func(cfg *Config) {
			cfg.Password, cfg.MasterUser, cfg.MasterPassword = secret.String{}, c.Users[1], secret.New(c.Password)
			cfg.MasterAuthzID = true
		}, ErrAuth},
		{"wrong password", func(cfg *Config) { cfg.Password = secret.New("no") }, ErrAuth},
		{"unknown account", func(cfg *Config) { cfg.Logins = map[string]string{alice: "nobody"} }, ErrAuth},
		{"a token", func(cfg *Config) { cfg.Password, cfg.Token = secret.String{}, secret.New("t") }, ErrNoMechanism},
		{"untrusted authority", func(cfg *Config) { cfg.RootCAFile = "" }, ErrTLSUntrusted},
		{"wrong name", func(cfg *Config) { cfg.ServerName = "mail.example.test" }, ErrTLSName},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := cyrusConfig(c)
			test.change(&cfg)
			sink := &collectortest.Sink{}
			scope := collectors.Scope{Account: alice, Messages: collectors.MessagesRaw, Folders: []string{"INBOX"}}
			if err := mustNew(t, cfg).Collect(t.Context(), scope, sink); !errors.Is(err, test.want) {
				t.Fatalf("error is %v, want %v", err, test.want)
			}
			if test.want == nil {
				collectortest.CheckSink(t, sink)
				if got := len(sink.Messages()); got != len(want) {
					t.Errorf("%d messages came, want %d", got, len(want))
				}
			}
		})
	}
}
