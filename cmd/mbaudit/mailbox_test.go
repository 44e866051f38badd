package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/seedmail"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

// A product is the real program, built as for a release, with an environment of its own.
type product struct {
	path string
	dir  string // working directory: the case
	env  []string
}

func buildProduct(t testing.TB) *product {
	t.Helper()
	p := &product{path: filepath.Join(t.TempDir(), "mbaudit"), dir: t.TempDir()}
	build := exec.Command("go", "build", "-o", p.path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	p.env = append(os.Environ(), "MBAUDIT_CONFIG="+t.TempDir())
	return p
}

// A finished is what a run of the product left.
type finished struct {
	stdout, stderr string
	status         int
	peakMemory     int64 // bytes, resident
	cpu, wall      time.Duration
}

func (p *product) run(t testing.TB, args ...string) finished {
	t.Helper()
	cmd := exec.Command(p.path, args...)
	cmd.Dir, cmd.Env = p.dir, p.env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	start := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended, peak := make(chan struct{}), make(chan int64)
	go func() { peak <- watchMemory(cmd.Process.Pid, ended) }()
	_ = cmd.Wait() // the status says what came of it
	close(ended)
	return finished{stdout: stdout.String(), stderr: stderr.String(), status: cmd.ProcessState.ExitCode(), peakMemory: <-peak,
		cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), wall: time.Since(start)}
}

// watchMemory reads a process's high-water mark of resident memory, in bytes, again and again until it has ended. The
// mark only rises, so the last reading is the peak but for the last milliseconds. Rusage.Maxrss would not do: a child
// begins with its parent's.
func watchMemory(pid int, ended <-chan struct{}) int64 {
	var peak int64
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if _, rest, found := strings.Cut(string(status), "VmHWM:"); err == nil && found {
			if kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64); err == nil {
				peak = max(peak, kib<<10)
			}
		}
		select {
		case <-ended:
			return peak
		case <-tick.C:
		}
	}
}

// want runs the product and wants it to succeed.
func (p *product) want(t testing.TB, args ...string) finished {
	t.Helper()
	f := p.run(t, args...)
	if f.status != 0 {
		t.Fatalf("mbaudit %s: status %d\n%s%s", strings.Join(args, " "), f.status, f.stdout, f.stderr)
	}
	return f
}

// bundle is the case's only bundle.
func (p *product) bundle(t testing.TB) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(p.dir, "bundles", "*"))
	if err != nil || len(names) != 1 {
		t.Fatalf("bundles %v, %v", names, err)
	}
	return names[0]
}

// TestMailboxToLockedObject is the main job: 10,000 messages from a real Dovecot into a real S3 gateway. Every message's
// bytes equal the server's file, nothing changes at the source, both copies verify, and the store refuses to delete.
func TestMailboxToLockedObject(t *testing.T) {
	const account, messages = "alice@example.test", 10_000
	dovecot, s3 := servertest.Dovecot(t), servertest.S3(t)
	seeded := dovecot.Seed(t, account, seedmail.Spec{Seed: 10, Messages: messages, Large: true})
	s3.MakeBucket(t, "evidence", true)
	p := buildProduct(t)
	p.env = append(p.env, "MBAUDIT_IMAP_PASSWORD="+dovecot.Password, "AWS_ENDPOINT_URL="+s3.URL, "AWS_REGION="+s3.Region,
		"AWS_ACCESS_KEY_ID="+s3.AccessKey, "AWS_SECRET_ACCESS_KEY="+s3.SecretKey, "AWS_CA_BUNDLE="+s3.CAFile)
	p.want(t, "init", p.dir, "--retain-until", time.Now().AddDate(0, 0, 2).Format(time.DateOnly))

	before := lookAtSource(t, dovecot, account)
	collected := p.want(t, "collect", "--account", account, "--imap", "imaps://localhost:"+strconv.Itoa(dovecot.IMAPSPort), "--tls-ca", dovecot.CAFile,
		"--messages", "raw", "--tsa", "none", "--push", "s3://evidence/case", "--yes")
	after := lookAtSource(t, dovecot, account)
	before.compare(t, after)

	bundle := p.bundle(t)
	verified := p.want(t, "verify", bundle)
	stored := p.want(t, "verify", "s3://evidence/case/"+filepath.Base(bundle))
	for _, f := range []finished{verified, stored} {
		if !strings.Contains(f.stdout, "VERIFIED: 1 account") {
			t.Error(f.stdout)
		}
	}
	equal := compareWithFiles(t, bundle, dovecot.MailDir(account))
	if equal != seeded.Messages {
		t.Errorf("%d messages equal the server's files, %d were seeded", equal, seeded.Messages)
	}
	refused := deleteVersions(t, s3, "evidence")
	t.Logf("%d messages, %d bytes: all equal the server's files; %d object versions, none could be deleted", equal, seeded.Bytes, refused)
	t.Logf("collect and push: %v wall, %v CPU, %d MiB peak; verify: %v; verify s3: %v", collected.wall.Round(time.Millisecond),
		collected.cpu.Round(time.Millisecond), collected.peakMemory>>20, verified.wall.Round(time.Millisecond), stored.wall.Round(time.Millisecond))
	if collected.peakMemory == 0 || collected.peakMemory > 100<<20 {
		t.Errorf("collect needed %d MiB", collected.peakMemory>>20)
	}
}

// TestMemoryStaysFlat collects five times the messages with the same memory.
func TestMemoryStaysFlat(t *testing.T) {
	dovecot := servertest.Dovecot(t)
	p := buildProduct(t)
	p.env = append(p.env, "MBAUDIT_IMAP_PASSWORD="+dovecot.Password)
	peak := make(map[string]int64)
	for _, m := range []struct {
		account  string
		messages int
	}{{"bob@example.test", 10_000}, {"carol@example.test", 50_000}} {
		dovecot.Seed(t, m.account, seedmail.Spec{Seed: 11, Messages: m.messages, MeanSize: 3000})
		p.dir = t.TempDir()
		p.want(t, "init", p.dir)
		f := p.want(t, "collect", "--account", m.account, "--imap", "imaps://localhost:"+strconv.Itoa(dovecot.IMAPSPort), "--tls-ca", dovecot.CAFile,
			"--messages", "raw", "--tsa", "none")
		t.Logf("%d messages: %d MiB peak, %v wall, %v CPU: %s", m.messages, f.peakMemory>>20, f.wall.Round(time.Millisecond), f.cpu.Round(time.Millisecond), f.stdout)
		peak[m.account] = f.peakMemory
	}
	const slack = 16 << 20 // what the garbage collector's timing makes of the same work
	if small, large := peak["bob@example.test"], peak["carol@example.test"]; large > small+slack || large > 100<<20 {
		t.Errorf("%d MiB for 10,000 messages, %d MiB for 50,000", small>>20, large>>20)
	}
}

// A sourceState is what must not change: the message files with their names (which hold the flags), and what the
// server says of every message and folder.
type sourceState struct {
	files            map[string][sha256.Size]byte
	messages, folder string
}

// lookAtSource looks at the files, then asks the server. Its own asking comes after the counters that asking could
// change have been read.
func lookAtSource(t *testing.T, d *servertest.DovecotServer, account string) sourceState {
	t.Helper()
	s := sourceState{files: make(map[string][sha256.Size]byte)}
	s.folder = d.Doveadm(t, "mailbox", "status", "-u", account, "messages recent unseen uidnext uidvalidity highestmodseq vsize", "*")
	s.messages = d.Doveadm(t, "-f", "tab", "fetch", "-u", account, "mailbox uid flags modseq date.received size.physical", "ALL")
	root := d.MailDir(account)
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !inMailbox(path) {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(root, path)
		s.files[name] = sha256.Sum256(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// inMailbox says whether a file is a message, and not one of the server's own indexes, which reading does touch.
func inMailbox(path string) bool {
	switch filepath.Base(filepath.Dir(path)) {
	case "cur", "new":
		return true
	}
	return false
}

func (s sourceState) compare(t *testing.T, after sourceState) {
	t.Helper()
	if s.folder != after.folder {
		t.Errorf("a folder's counters changed:\n%s\n%s", s.folder, after.folder)
	}
	if s.messages != after.messages {
		t.Error("a message's UID, flags, MODSEQ, date or size changed")
	}
	if len(s.files) != len(after.files) {
		t.Errorf("%d message files before, %d after", len(s.files), len(after.files))
	}
	for name, sum := range s.files {
		if after.files[name] != sum {
			t.Errorf("%s changed, was renamed or is gone", name)
		}
	}
}

// compareWithFiles holds every message of a bundle against the file from which the server served it, and returns how
// many are equal. Which file has which UID stands in each folder's dovecot-uidlist.
func compareWithFiles(t *testing.T, dir, maildir string) int {
	t.Helper()
	b, err := evidence.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	wire := make(map[evidence.Digest]int) // what IMAP sends of each file, by digest
	files, err := filepath.Glob(filepath.Join(maildir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range append(files, maildir) {
		for _, sub := range []string{"cur", "new"} {
			entries, err := os.ReadDir(filepath.Join(folder, sub))
			if err != nil {
				continue // not a folder
			}
			for _, e := range entries {
				data, err := os.ReadFile(filepath.Join(folder, sub, e.Name()))
				if err != nil {
					t.Fatal(err)
				}
				wire[sha256.Sum256(seedmail.OnWire(data))]++
			}
		}
	}
	equal := 0
	for r, err := range b.Records() {
		if err != nil {
			t.Fatal(err)
		}
		if r.Exhibit == nil || r.Exhibit.MediaType != "message/rfc822" {
			continue
		}
		if wire[r.Exhibit.SHA256] == 0 {
			t.Errorf("%s (%s) is not a file of the server, or is in the bundle too often", r.ID(), r.Exhibit.Name)
			continue
		}
		wire[r.Exhibit.SHA256]--
		equal++
	}
	return equal
}

// deleteVersions tries to delete every version in a bucket with the owner's key, and wants the store's own refusal.
func deleteVersions(t *testing.T, s3 *servertest.S3Server, bucket string) int {
	t.Helper()
	client := s3.Client(t)
	refused := 0
	locked := regexp.MustCompile(`(?i)object.?lock|WORM`)
	for object := range client.ListObjects(t.Context(), bucket, minio.ListObjectsOptions{Recursive: true, WithVersions: true}) {
		if object.Err != nil {
			t.Fatal(object.Err)
		}
		err := client.RemoveObject(t.Context(), bucket, object.Key, minio.RemoveObjectOptions{VersionID: object.VersionID, GovernanceBypass: true})
		answer := minio.ToErrorResponse(err)
		if answer.Code != "AccessDenied" || !locked.MatchString(answer.Message) {
			t.Errorf("deleting %s: %q %q, expected the lock's own refusal", object.Key, answer.Code, answer.Message)
			continue
		}
		refused++
	}
	if refused == 0 {
		t.Error("the bucket is empty")
	}
	return refused
}
