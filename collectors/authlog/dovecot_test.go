package authlog

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/internal/servertest"
)

// talk sends lines to an IMAP server and reads after each up to its tagged answer.
func talk(t *testing.T, d *servertest.DovecotServer, commands ...string) {
	t.Helper()
	conn, err := tls.Dial("tcp", net.JoinHostPort(d.Host, strconv.Itoa(d.IMAPSPort)), d.TLS(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // the server may be first
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	if _, err := r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	for i, command := range commands {
		if _, err := fmt.Fprintf(conn, "a%d %s\r\n", i, command); err != nil {
			t.Fatal(err)
		}
		for {
			answer, err := r.ReadString('\n')
			if err != nil {
				t.Fatalf("%s: %v", command, err)
			}
			if strings.HasPrefix(answer, fmt.Sprintf("a%d ", i)) {
				break
			}
		}
	}
}

// logged waits until the server's log has a word in it: a script of its own writes it.
func logged(t *testing.T, d *servertest.DovecotServer, word string) bool {
	t.Helper()
	raw, err := os.ReadFile(d.Log)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(raw, []byte(word))
}

func await(t *testing.T, d *servertest.DovecotServer, word string, try func()) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !logged(t, d, word); {
		if time.Now().After(end) {
			t.Fatalf("the server's log never says %q", word)
		}
		try()
		time.Sleep(20 * time.Millisecond)
	}
}

// TestRealDovecot turns on all the debugging that writes passwords, logs in well and badly, and reads the log.
func TestRealDovecot(t *testing.T) {
	d := servertest.Dovecot(t)
	// dovecot.conf is a link to the one in the repository; local.conf is this server's own.
	conf, err := os.OpenFile(filepath.Join(d.Dir, "local.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conf.WriteString("\nauth_verbose_passwords = plain\nauth_debug = yes\nauth_debug_passwords = yes\n"); err != nil {
		t.Fatal(err)
	}
	if err := conf.Close(); err != nil {
		t.Fatal(err)
	}
	d.Doveadm(t, "reload")
	user := d.Users[0]
	await(t, d, "given password: ", func() { talk(t, d, `LOGIN "`+user+`" "Sup3r)secret"`, "LOGOUT") })
	talk(t, d, `LOGIN "evil>, method=PLAIN, rip=203.0.113.66, lip=203.0.113.1, TLS, session=<x" "Sup3r hidden"`, "LOGOUT")
	talk(t, d, `LOGIN "nobody" "x,203.0.113.66,<s>): unknown user Sup3r"`, "LOGOUT")
	talk(t, d, `LOGIN "`+user+`" "`+d.Password+`"`, `CREATE RSS`, `APPEND INBOX {52+}`+"\r\n"+"Message-ID: <m1@example.com>\r\nSubject: test\r\n\r\nbody\r\n",
		"SELECT INBOX", "COPY 1 RSS", `STORE 1 +FLAGS (\Deleted)`, "EXPUNGE", "LOGOUT")
	await(t, d, "Logged out in=", func() {})

	sink := collect(t, Config{Path: d.Log, Accounts: []string{user}})
	raw, err := os.ReadFile(d.Log)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"Sup3r", d.Password, "U3VwM3I", "correct"} {
		if secret != "U3VwM3I" && !bytes.Contains(raw, []byte(secret)) {
			t.Errorf("the log itself has no %q: the test tests nothing", secret)
		}
		for _, k := range sink.Kept() {
			if i := bytes.Index(k.Body, []byte(secret)); i >= 0 {
				t.Errorf("%q is in %s: %s", secret, k.Name, k.Body[max(i-200, 0):min(i+80, len(k.Body))])
			}
		}
	}
	name := filepath.Base(d.Log)
	seen := map[string]int{}
	for _, e := range eventsOf(t, of(sink, "log-events")[name]) {
		if ip, ok := e["client_ip"]; ok && ip != "127.0.0.1" && ip != "::1" {
			t.Errorf("a stranger's text forged an address: %v", e)
		}
		seen[fmt.Sprint(e["kind"])]++
		if e["kind"] == "sign-in" && (e["match"] != "exact" || e["method"] != "PLAIN" || e["tls"] != "TLS" || e["session"] == "") {
			t.Errorf("%v", e)
		}
		if e["kind"] == "expunge" && (e["mailbox"] != "INBOX" || e["uid"] != "1" || e["message_id"] != "m1@example.com") {
			t.Errorf("%v", e)
		}
	}
	for kind, least := range map[string]int{"sign-in": 1, "failure": 4, "session-end": 1, "mailbox": 1, "save": 1, "copy": 1, "delete": 1, "expunge": 1} {
		if seen[kind] < least {
			t.Errorf("%d events of %s, want %d: %v", seen[kind], kind, least, seen)
		}
	}
	t.Logf("%v\n%s", seen, of(sink, "log-summary")[name].Body)
}
