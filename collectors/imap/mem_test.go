package imap

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"strings"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"

	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/internal/secret"
)

// memServer starts go-imap's server in memory, over TLS, with an account of three folders, and returns where it is and
// what is in it.
func memServer(t *testing.T, caps goimap.CapSet) (addr string, ca testCA, messages [][]byte) {
	t.Helper()
	user := imapmemserver.NewUser("alice@example.test", fakePassword)
	for _, folder := range []string{"INBOX", "Éléments envoyés", "A&B/C"} {
		if err := user.Create(folder, nil); err != nil {
			t.Fatal(err)
		}
		for i := range 7 {
			m := []byte(fmt.Sprintf("Subject: %s %d\r\nX-Eight: \xe9\r\n\r\n%s", folder, i, strings.Repeat("line\r\n", i*1000)))
			_, err := user.Append(folder, literal{bytes.NewReader(m)}, &goimap.AppendOptions{
				Flags: []goimap.Flag{goimap.FlagFlagged}, Time: time.Date(2026, 3, i+1, 12, 0, 0, 0, time.UTC),
			})
			if err != nil {
				t.Fatal(err)
			}
			messages = append(messages, m)
		}
	}
	mem := imapmemserver.New()
	mem.AddUser(user)
	server := imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return mem.NewSession(), nil, nil
		},
		Caps: caps, Logger: log.New(io.Discard, "", 0),
	})
	ca = newTestCA(t)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{ca.issue(t, "localhost")}})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Close()
		<-done
	})
	return l.Addr().String(), ca, messages
}

type literal struct{ *bytes.Reader }

func (l literal) Size() int64 { return l.Reader.Size() }

func TestMemoryServer(t *testing.T) {
	for name, caps := range map[string]goimap.CapSet{
		"IMAP4rev1 only": {goimap.CapIMAP4rev1: {}},
		"IMAP4rev2":      {goimap.CapIMAP4rev1: {}, goimap.CapIMAP4rev2: {}},
		"extensions": {
			goimap.CapIMAP4rev1: {}, goimap.CapNamespace: {}, goimap.CapESearch: {}, goimap.CapListExtended: {},
			goimap.CapListStatus: {}, goimap.CapStatusSize: {},
		},
	} {
		t.Run(name, func(t *testing.T) {
			collectortest.Run(t, collectortest.Harness{Healthy: func(t *testing.T) collectortest.Source {
				addr, ca, messages := memServer(t, caps)
				_, port, _ := net.SplitHostPort(addr)
				cfg := Config{
					URL: "imaps://localhost:" + port, RootCAFile: ca.file, Password: secret.New(fakePassword), Timeout: 10 * time.Second,
					Backoff: time.Millisecond,
				}
				return collectortest.Source{
					Collector: mustNew(t, cfg), Scope: rawScope, Messages: messages,
					Snapshot: func(t testing.TB) string { return snapshot(t, addr, ca) },
				}
			}})
		})
	}
}

// snapshot is what another client sees of the account.
func snapshot(t testing.TB, addr string, ca testCA) string {
	t.Helper()
	c, err := imapclient.DialTLS(addr, &imapclient.Options{TLSConfig: &tls.Config{ServerName: "localhost", RootCAs: ca.pool}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Login("alice@example.test", fakePassword).Wait(); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, folder := range []string{"INBOX", "Éléments envoyés", "A&B/C"} {
		data, err := c.Select(folder, &goimap.SelectOptions{ReadOnly: true}).Wait()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %d %d %d\n", folder, data.UIDValidity, data.UIDNext, data.NumMessages)
		msgs, err := c.Fetch(goimap.SeqSet{{Start: 1}}, &goimap.FetchOptions{UID: true, Flags: true, InternalDate: true}).Collect()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range msgs {
			fmt.Fprintf(&b, "  %d %v %v\n", m.UID, m.Flags, m.InternalDate)
		}
	}
	return b.String()
}
