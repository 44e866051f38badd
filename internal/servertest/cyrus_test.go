package servertest_test

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"

	"github.com/mbaudit/mbaudit/internal/seedmail"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

func TestCyrusLogins(t *testing.T) {
	c := servertest.Cyrus(t)
	alice := c.Users[0]
	dial := func(t *testing.T) *imapclient.Client {
		t.Helper()
		conn, err := imapclient.DialTLS(address(c.Host, c.IMAPSPort), &imapclient.Options{TLSConfig: c.TLS(t)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	t.Run("password", func(t *testing.T) {
		if err := dial(t).Login(alice, c.Password).Wait(); err != nil {
			t.Error(err)
		}
	})
	t.Run("wrong password", func(t *testing.T) {
		var refusal *imap.Error
		if err := dial(t).Login(alice, "wrong").Wait(); !errors.As(err, &refusal) || refusal.Type != imap.StatusResponseTypeNo {
			t.Errorf("want a NO, got %v", err)
		}
	})
	t.Run("for another", func(t *testing.T) {
		conn := dial(t)
		if err := conn.Authenticate(sasl.NewPlainClient(alice, c.ProxyUser, c.Password)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Select("INBOX", &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
			t.Error(err)
		}
	})
	t.Run("for another, not allowed", func(t *testing.T) {
		var refusal *imap.Error
		if err := dial(t).Authenticate(sasl.NewPlainClient(alice, c.Users[1], c.Password)); !errors.As(err, &refusal) || refusal.Type != imap.StatusResponseTypeNo {
			t.Errorf("want a NO, got %v", err)
		}
	})
	t.Run("clear text refused", func(t *testing.T) {
		conn, err := imapclient.DialInsecure(address(c.StrictHost, c.StrictPort), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if !conn.Caps().Has(imap.CapLoginDisabled) {
			t.Error("LOGINDISABLED is missing")
		}
	})
}

// TestCyrusOffers says what tests may count on, under both kinds of folders' names.
func TestCyrusOffers(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *servertest.CyrusServer{
		"Debian's names": servertest.Cyrus, "modern names": servertest.CyrusModern,
	} {
		t.Run(name, func(t *testing.T) {
			c := start(t)
			alice, bob := c.Users[0], c.Users[1]
			offered := " " + strings.TrimSpace(c.Do(t, alice, "CAPABILITY")) + " "
			for _, capability := range []string{"ACL", "METADATA", "QUOTA", "CONDSTORE", "QRESYNC", "NAMESPACE", "SPECIAL-USE",
				"LIST-STATUS", "LIST-EXTENDED", "SAVEDATE", "ID", "COMPRESS=DEFLATE", "STATUS=SIZE", "OBJECTID",
				"ANNOTATE-EXPERIMENT-1"} {
				if !strings.Contains(offered, " "+capability+" ") {
					t.Errorf("%s is missing", capability)
				}
			}
			shared := c.OtherUsers + bob + c.Separator + "Projets"
			all := c.Do(t, alice, "NAMESPACE", `LIST "" "*"`, `MYRIGHTS "`+shared+`"`, `EXAMINE "`+shared+`"`, "GETQUOTAROOT INBOX",
				`SETMETADATA INBOX (/private/comment "note")`, "GETMETADATA INBOX /private/comment")
			for _, want := range []string{shared, `"` + c.OtherUsers + `" "` + c.Separator + `"`, " lr\r\n", "(STORAGE 0 2000000)",
				"UIDVALIDITY", `"note"`, `\Sent) "` + c.Separator + `" ` + c.Folder("Sent")} {
				if !strings.Contains(all, want) {
					t.Errorf("%q is not in\n%s", want, all)
				}
			}
			if admin := c.Do(t, c.Admin, `LIST "" "user*"`); !strings.Contains(admin, "user"+c.Separator+alice) {
				t.Errorf("the admin does not see alice's mailbox:\n%s", admin)
			}
		})
	}
}

func TestCyrusSeed(t *testing.T) {
	c := servertest.Cyrus(t)
	alice := c.Users[0]
	spec := seedmail.Spec{Seed: 5, Messages: 60, Folders: []string{"INBOX", "Sent", "Archive/2025"}}
	taken := c.Seed(t, alice, spec)
	if len(taken) < 40 || len(taken) == spec.Messages {
		t.Errorf("Cyrus took %d of %d messages; it refuses those that are not well formed, and only those", len(taken), spec.Messages)
	}
	if files := strings.Count(c.Files(t), "\n"); files != len(taken) {
		t.Errorf("there are %d message files, want %d", files, len(taken))
	}
	c.LogCommands(t, alice)
	c.PutScript(t, alice, "holiday", "require \"vacation\";\r\nvacation \"away\";\r\n", true)
	c.Do(t, alice, "EXAMINE INBOX")
	if said := c.Commands(t, alice); !strings.Contains(said, "EXAMINE INBOX") {
		t.Errorf("the commands are not in Cyrus' log:\n%s", said)
	}
}

func TestCyrusIsGone(t *testing.T) {
	var c *servertest.CyrusServer
	t.Run("run", func(t *testing.T) { c = servertest.Cyrus(t) })
	if c == nil {
		t.SkipNow()
	}
	if _, err := os.Stat(c.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the server's directory is still there: %v", err)
	}
	if conn, err := net.Dial("tcp", address(c.Host, c.IMAPPort)); err == nil {
		conn.Close()
		t.Error("the server still answers")
	}
}
