package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mbaudit/mbaudit/internal/seedmail"
	"github.com/mbaudit/mbaudit/internal/servertest"
	"github.com/mbaudit/mbaudit/report/browser"
)

// TestMain lets the scripts run the real main under the name mbaudit.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"mbaudit": main})
}

// TestScripts runs every script of testdata/script against a real Dovecot, a real S3 gateway and a real time-stamping
// authority. What the scripts find in their environment is listed in the function environment.
func TestScripts(t *testing.T) {
	dovecot, s3, tsa := servertest.Dovecot(t), servertest.S3(t), servertest.TSA(t)
	dovecot.Seed(t, "alice@example.test", seedmail.Spec{Seed: 1, Messages: 300})
	dovecot.Seed(t, "carol@example.test", seedmail.Spec{Seed: 2, Messages: 20, Folders: []string{"INBOX"}, Clean: true})
	makeUnreadable(t, dovecot.MailDir("carol@example.test"))
	s3.MakeBucket(t, "locked", true)
	s3.MakeBucket(t, "open", false)
	variables := append(environment(t, dovecot, s3, tsa), slices.Concat(googleTenants(t), containTenants(t), containServer(t))...)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Vars = append(env.Vars, variables...)
			env.Vars = append(env.Vars, "MBAUDIT_CONFIG="+filepath.Join(env.WorkDir, "config"), "HOME="+env.WorkDir)
			// A program with the race detector waits a second before it ends, so that others may still report: times a thousand runs.
			env.Vars = append(env.Vars, "GORACE=atexit_sleep_ms=0")
			return nil
		},
		Condition: condition,
		Cmds:      map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "waitfor": waitFor, "browse": browse, "tamper": tamper, "s3": s3Attack(s3.Client(t))},
	})
}

// makeUnreadable takes from the server the right to read one of the messages in a Maildir.
func makeUnreadable(t *testing.T, maildir string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(maildir, "cur", "*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no message in %s: %v", maildir, err)
	}
	if err := os.Chmod(names[len(names)/2], 0); err != nil {
		t.Fatal(err)
	}
}

// environment is what the scripts know of the servers.
func environment(t *testing.T, d *servertest.DovecotServer, s3 *servertest.S3Server, tsa *servertest.TSAServer) []string {
	t.Helper()
	bundles, err := filepath.Abs("../../testdata/bundles")
	if err != nil {
		t.Fatal(err)
	}
	return []string{
		"IMAPS=imaps://localhost:" + strconv.Itoa(d.IMAPSPort),
		"STARTTLS=imap://localhost:" + strconv.Itoa(d.IMAPPort),
		"SIEVE=sieve://localhost:" + strconv.Itoa(d.SievePort),
		"SLOW=imaps://localhost:" + strconv.Itoa(servertest.NewLink(t, net.JoinHostPort("127.0.0.1", strconv.Itoa(d.IMAPSPort)), servertest.LinkSpec{Rate: 200_000}).Port),
		"PLAINTEXT=imap://127.0.0.1:" + strconv.Itoa(plainServer(t)),
		"CA=" + d.CAFile,
		"MBAUDIT_IMAP_PASSWORD=" + d.Password,
		"PASSWORD=" + d.Password,
		"MASTER=" + d.MasterUser, "MASTER_PASSWORD=" + d.MasterPassword,
		"TOKEN=" + d.Token,
		"AUTHLOG=" + d.AuthLog,
		"DOVECOT_CONF=" + filepath.Join(d.Dir, "dovecot.conf"), // for doveadm -c: what a user does between two collections
		"TSA=" + tsa.URL, "TSA_CA=" + tsa.CAFile,
		"AWS_ENDPOINT_URL=" + s3.URL, "AWS_REGION=" + s3.Region, "AWS_ACCESS_KEY_ID=" + s3.AccessKey, "AWS_SECRET_ACCESS_KEY=" + s3.SecretKey,
		"AWS_CA_BUNDLE=" + s3.CAFile,
		"BUNDLES=" + bundles,
		"LATER=" + time.Now().AddDate(0, 0, 60).Format(time.DateOnly),
		"UNTIL=" + time.Now().AddDate(0, 0, 30).Format(time.DateOnly),
		"TOO_LATE=" + time.Now().AddDate(0, 0, 500).Format(time.DateOnly),
	}
}

// plainServer is an IMAP server that offers no encryption at all.
func plainServer(t *testing.T) int {
	t.Helper()
	user := imapmemserver.NewUser("alice@example.test", "correct horse")
	if err := user.Create("INBOX", nil); err != nil {
		t.Fatal(err)
	}
	users := imapmemserver.New()
	users.AddUser(user)
	server := imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return users.NewSession(), nil, nil
		},
		InsecureAuth: true,
		Caps:         imap.CapSet{imap.CapIMAP4rev1: {}},
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }() // ends with Close
	t.Cleanup(func() { _ = server.Close() })
	return listener.Addr().(*net.TCPAddr).Port
}

// exits runs a program and checks its exit status: exits 3 mbaudit collect …
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS PROGRAM ARGUMENT…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%s: %v", args[1], err)
	}
	if got != want {
		ts.Fatalf("%s exited with %d, not with %d", strings.Join(args[1:], " "), got, want)
	}
}

// waitFor waits until a file that matches the pattern has at least so many bytes: waitfor 'case/*.part' 1000
func waitFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: waitfor PATTERN BYTES")
	}
	size, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) {
		names, err := filepath.Glob(ts.MkAbs(args[0]))
		ts.Check(err)
		for _, name := range names {
			if info, err := os.Stat(name); err == nil && info.Size() >= size {
				return
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	ts.Fatalf("no file %s of %d bytes came", args[0], size)
}

// tamper flips a bit in the middle of each file that matches: tamper 'case/bundles/*/data/segments/*.zip'
func tamper(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: tamper PATTERN")
	}
	names, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(names) == 0 {
		ts.Fatalf("nothing matches %s", args[0])
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		ts.Check(err)
		data[len(data)/2] ^= 1
		ts.Check(os.Chmod(name, 0o600))
		ts.Check(os.WriteFile(name, data, 0o600))
	}
}

// condition knows [mounts]: this user can mount a small file system in a namespace of its own, as root outside of a
// container can. Where not, what needs that is skipped, unless MBAUDIT_TEST_REQUIRE names mounts, as .ci/run does.
//
// [browser]: a browser that prints is installed; the word browser makes a missing one a failure.
func condition(name string) (bool, error) {
	if name == "browser" {
		_, err := browser.Find()
		if err != nil && slices.Contains(strings.Split(os.Getenv(servertest.RequireVariable), ","), "browser") {
			return false, fmt.Errorf("%w, and %s requires one", err, servertest.RequireVariable)
		}
		return err == nil, nil
	}
	if name != "mounts" {
		return false, fmt.Errorf("there is no condition %q", name)
	}
	able := exec.Command("unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt").Run() == nil
	if !able && slices.Contains(strings.Split(os.Getenv(servertest.RequireVariable), ","), "mounts") {
		return false, errors.New("mounting in a namespace is not possible here, and " + servertest.RequireVariable + " requires it")
	}
	return able, nil
}
