package remote_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/evidence/journal/remote"
	"github.com/mbaudit/mbaudit/evidence/store"
	"github.com/mbaudit/mbaudit/evidence/store/s3"
	"github.com/mbaudit/mbaudit/evidence/store/storetest"
	"github.com/mbaudit/mbaudit/internal/secret"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

// TestMain makes the test binary also the second operator's program, which the tests start.
func TestMain(m *testing.M) {
	if path := os.Getenv("REMOTE_TEST_JOURNAL"); path != "" {
		os.Exit(operator(path))
	}
	os.Exit(m.Run())
}

// operator waits for a line on stdin, sends the journal's entries, and says what came of it.
func operator(path string) int {
	st, err := connect(context.Background(), os.Getenv("REMOTE_TEST_ENDPOINT"), os.Getenv("REMOTE_TEST_CA"),
		os.Getenv("REMOTE_TEST_KEY"), os.Getenv("REMOTE_TEST_SECRET"))
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	j, err := journal.Open(path)
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	lines, err := j.Lines()
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	fmt.Println("ready")
	var start string
	_, _ = fmt.Scanln(&start)
	sent, err := remote.New(st, "2026-0042").Push(context.Background(), lines)
	var fork *remote.ForkError
	switch {
	case errors.As(err, &fork):
		fmt.Println("fork", sent, fork.Seq, fork.Here, fork.There)
	case err != nil:
		fmt.Println("error", err)
	default:
		fmt.Println("sent", sent)
	}
	return 0
}

func connect(ctx context.Context, endpoint, caFile, key, secretKey string) (store.Store, error) {
	return s3.New(ctx, s3.Config{Endpoint: endpoint, Bucket: "locked", Prefix: "case", Region: "us-east-1", AccessKey: key,
		SecretKey: secret.New(secretKey), CAFile: caFile, RetainUntil: time.Now().Add(24 * time.Hour)})
}

func entry(description string) journal.Entry {
	return journal.Entry{EventTime: time.Date(2026, 11, 23, 14, 5, 0, 0, time.UTC), Informant: "M. Martin", Type: journal.Detection, Description: description}
}

// fill makes a journal of n entries.
func fill(t *testing.T, n int) *journal.Journal {
	t.Helper()
	j, _, err := journal.Create(filepath.Join(t.TempDir(), journal.FileName), entry("the case is opened"))
	if err != nil {
		t.Fatal(err)
	}
	add(t, j, n-1, "event")
	return j
}

func add(t *testing.T, j *journal.Journal, n int, word string) {
	t.Helper()
	for i := range n {
		if _, err := j.Append(entry(fmt.Sprint(word, " ", i))); err != nil {
			t.Fatal(err)
		}
	}
}

// copyOf is what a second operator has who took a copy of the case directory.
func copyOf(t *testing.T, j *journal.Journal) *journal.Journal {
	t.Helper()
	data, err := os.ReadFile(j.Path())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), journal.FileName)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	other, err := journal.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return other
}

func lines(t *testing.T, j *journal.Journal) []journal.Line {
	t.Helper()
	all, err := j.Lines()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func push(t *testing.T, c *remote.Copy, j *journal.Journal) int {
	t.Helper()
	sent, err := c.Push(t.Context(), lines(t, j))
	if err != nil {
		t.Fatal(err)
	}
	return sent
}

// Entries that could not be sent wait in the journal, and the next Push sends them.
func TestPushSendsWhatIsMissing(t *testing.T) {
	st := &storetest.Memory{}
	gone := errors.New("the network is gone")
	st.FailCreate = func(n int, _ store.Object) error {
		if n == 3 {
			return gone
		}
		return nil
	}
	j := fill(t, 5)
	c := remote.New(st, "2026-0042")
	if sent, err := c.Push(t.Context(), lines(t, j)); !errors.Is(err, gone) || sent != 2 {
		t.Errorf("sent %d, %v", sent, err)
	}
	add(t, j, 1, "written while the network was gone")
	if state, err := c.Look(t.Context(), lines(t, j)); err != nil || state.There != 2 || state.Missing() != 4 {
		t.Errorf("%+v, %v", state, err)
	}
	if sent := push(t, c, j); sent != 4 {
		t.Errorf("sent %d", sent)
	}
	if sent := push(t, c, j); sent != 0 {
		t.Errorf("sent %d again", sent)
	}
	body, err := st.Open(t.Context(), "journal/2026-0042/0000000006.json")
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	var got bytes.Buffer
	if _, err := got.ReadFrom(body); err != nil || !bytes.Equal(got.Bytes(), lines(t, j)[5].Bytes) {
		t.Errorf("object 6 is %q, %v", got.String(), err)
	}
}

// What Verify and Push say when the journal here and the copy there differ.
func TestDifferences(t *testing.T) {
	base := fill(t, 4)
	st := &storetest.Memory{}
	c := remote.New(st, "2026-0042")
	if _, err := c.Verify(t.Context(), lines(t, base)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing there: %v", err)
	}
	push(t, c, base)

	t.Run("the same", func(t *testing.T) {
		report, err := c.Verify(t.Context(), lines(t, base))
		if err != nil || !report.Agrees() || report.Compared != 4 || report.Missing() != 0 {
			t.Errorf("%+v, %v", report, err)
		}
	})
	t.Run("not sent yet", func(t *testing.T) {
		j := copyOf(t, base)
		add(t, j, 2, "later")
		report, err := c.Verify(t.Context(), lines(t, j))
		if err != nil || !report.Agrees() || report.Missing() != 2 {
			t.Errorf("%+v, %v", report, err)
		}
	})
	t.Run("cut off here", func(t *testing.T) {
		short := lines(t, base)[:2]
		report, err := c.Verify(t.Context(), short)
		if err != nil || report.Ahead == nil || *report.Ahead != (remote.AheadError{Here: 2, There: 4}) || report.Compared != 2 {
			t.Errorf("%+v, %v", report, err)
		}
		var ahead *remote.AheadError
		if _, err := c.Push(t.Context(), short); !errors.As(err, &ahead) {
			t.Errorf("push: %v", err)
		}
	})
	t.Run("rewritten here", func(t *testing.T) {
		for keep := range 4 {
			j := rewritten(t, base, keep)
			here := lines(t, j)
			report, err := c.Verify(t.Context(), here)
			if err != nil || report.Fork == nil || report.Fork.Seq != uint64(keep+1) || report.Fork.Here != here[keep].SHA256 ||
				report.Fork.There != lines(t, base)[keep].SHA256 {
				t.Errorf("after %d: %+v, %v", keep, report.Fork, err)
			}
			var fork *remote.ForkError
			if _, err := c.Push(t.Context(), here); !errors.As(err, &fork) || *fork != *report.Fork {
				t.Errorf("push after %d: %v", keep, err)
			}
		}
	})
	t.Run("removed there", func(t *testing.T) {
		holed := &storetest.Memory{}
		for _, line := range lines(t, base) {
			if line.Seq == 2 {
				continue
			}
			obj := store.Object{Name: c.Name(line.Seq), Size: int64(len(line.Bytes)), SHA256: sha256.Sum256(line.Bytes)}
			if err := holed.Create(t.Context(), obj, bytes.NewReader(line.Bytes)); err != nil {
				t.Fatal(err)
			}
		}
		h := remote.New(holed, "2026-0042")
		report, err := h.Verify(t.Context(), lines(t, base))
		if err != nil || report.Hole == nil || report.Hole.Seq != 2 || report.Agrees() {
			t.Errorf("%+v, %v", report, err)
		}
		var hole *remote.HoleError
		if _, err := h.Push(t.Context(), lines(t, base)); !errors.As(err, &hole) {
			t.Errorf("push: %v", err)
		}
	})
}

// rewritten is a journal that shares its first lines with base and has others after them.
func rewritten(t *testing.T, base *journal.Journal, keep int) *journal.Journal {
	t.Helper()
	if keep == 0 {
		j, _, err := journal.Create(filepath.Join(t.TempDir(), journal.FileName), entry("another case"))
		if err != nil {
			t.Fatal(err)
		}
		add(t, j, 5, "another event")
		return j
	}
	j := copyOf(t, base)
	size := 0
	for _, line := range lines(t, base)[:keep] {
		size += len(line.Bytes)
	}
	if err := os.Truncate(j.Path(), int64(size)); err != nil {
		t.Fatal(err)
	}
	add(t, j, 4, "another event")
	return j
}

// A reference becomes one element of a name that every store takes, and different references stay different.
func TestNames(t *testing.T) {
	seen := make(map[string]string)
	for _, reference := range []string{"2026-0042", "a/b", "a%2Fb", "..", ".hidden", "Été 2026", "\x00", "", "a\\b", "\xff",
		strings.Repeat("long", 100), strings.Repeat("é", 60), "CON"} {
		name := remote.New(&storetest.Memory{}, reference).Name(42)
		if err := store.ValidName(name); err != nil {
			t.Errorf("%q: %v", reference, err)
		}
		if strings.Count(name, "/") != 2 || !strings.HasSuffix(name, "/0000000042.json") {
			t.Errorf("%q gives %q", reference, name)
		}
		if other, taken := seen[name]; taken {
			t.Errorf("%q and %q are both %q", reference, other, name)
		}
		seen[name] = reference
	}
}

// Two operators go on with two copies of a case and send their entries at the same moment, from two processes: the store
// gives each number once. The one who is late learns it and which lines differ; nothing is replaced.
func TestTwoOperators(t *testing.T) {
	srv := servertest.S3(t)
	srv.MakeBucket(t, "locked", true)
	st, err := connect(t.Context(), srv.URL, srv.CAFile, srv.AccessKey, srv.SecretKey)
	if err != nil {
		t.Fatal(err)
	}
	c := remote.New(st, "2026-0042")
	alice := fill(t, 3)
	push(t, c, alice)
	bob := copyOf(t, alice)
	add(t, alice, 20, "by Alice")
	add(t, bob, 20, "by Bob")

	answers := race(t, srv, alice, bob)
	winner, late, word := alice, bob, answers[1]
	if strings.HasPrefix(answers[0], "fork") {
		winner, late, word = bob, alice, answers[0]
	}
	want := fmt.Sprintf("fork 0 4 %s %s", lines(t, late)[3].SHA256, lines(t, winner)[3].SHA256)
	if word != want || (answers[0] != "sent 20" && answers[1] != "sent 20") {
		t.Errorf("the operators were told %q, want one %q and one %q", answers, "sent 20", want)
	}
	report, err := c.Verify(t.Context(), lines(t, winner))
	if err != nil || !report.Agrees() || report.Compared != 23 || report.Missing() != 0 {
		t.Errorf("the first one's journal: %+v, %v", report, err)
	}
	if report.Locked != 23 || time.Until(report.LockedUntil) < 23*time.Hour {
		t.Errorf("%d objects are locked, until %s", report.Locked, report.LockedUntil)
	}
	if report, err = c.Verify(t.Context(), lines(t, late)); err != nil || report.Fork == nil || report.Fork.Seq != 4 {
		t.Errorf("the late one's journal: %+v, %v", report, err)
	}
	versions := 0
	for v, err := range st.(store.Versioner).Versions(t.Context(), "journal/") {
		if err != nil || v.DeleteMarker {
			t.Fatalf("%+v, %v", v, err)
		}
		versions++
	}
	if versions != 23 {
		t.Errorf("there are %d versions of 23 objects", versions)
	}
}

// Two processes that send one and the same journal do not disturb each other.
func TestOneJournalSentTwiceAtOnce(t *testing.T) {
	srv := servertest.S3(t)
	srv.MakeBucket(t, "locked", true)
	j := fill(t, 20)
	answers := race(t, srv, j, j)
	var first, second int
	if _, err := fmt.Sscanf(answers[0]+" "+answers[1], "sent %d sent %d", &first, &second); err != nil || first+second != 20 {
		t.Errorf("the operators were told %q", answers)
	}
}

// race starts two processes that send a journal each, lets them go at once, and returns what they said.
func race(t *testing.T, srv *servertest.S3Server, journals ...*journal.Journal) []string {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	answers := make([]string, len(journals))
	type running struct {
		cmd    *exec.Cmd
		output *bufio.Scanner
		start  func()
	}
	var all []running
	for _, j := range journals {
		cmd := exec.Command(program)
		cmd.Env = append(os.Environ(), "REMOTE_TEST_JOURNAL="+j.Path(), "REMOTE_TEST_ENDPOINT="+srv.URL, "REMOTE_TEST_CA="+srv.CAFile,
			"REMOTE_TEST_KEY="+srv.AccessKey, "REMOTE_TEST_SECRET="+srv.SecretKey)
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		reader := bufio.NewScanner(stdout)
		if !reader.Scan() || reader.Text() != "ready" {
			t.Fatalf("an operator said %q", reader.Text())
		}
		all = append(all, running{cmd, reader, func() { fmt.Fprintln(stdin, "go") }})
	}
	for _, r := range all {
		r.start()
	}
	for i, r := range all {
		if r.output.Scan() {
			answers[i] = r.output.Text()
		}
		if err := r.cmd.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	return answers
}

// A key that may write and not read cannot tell a fork, and is refused before anything is sent.
func TestWriteOnlyKeyIsRefused(t *testing.T) {
	srv := servertest.S3(t)
	srv.MakeBucket(t, "locked", true)
	st, err := connect(t.Context(), srv.URL, srv.CAFile, srv.AccessKey, srv.SecretKey)
	if err != nil {
		t.Fatal(err)
	}
	_, err = remote.New(blind{st}, "x").Push(t.Context(), lines(t, fill(t, 2)))
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "may not list and read") {
		t.Errorf("got %v", err)
	}
	for object := range srv.Client(t).ListObjects(t.Context(), "locked", minio.ListObjectsOptions{Recursive: true}) {
		t.Errorf("%s was sent (%v)", object.Key, object.Err)
	}
}

// blind is a store as it looks to a key that may only write. That a real server's refusal comes as fs.ErrPermission is
// tested with the store.
type blind struct{ store.Store }

// List refuses.
func (blind) List(context.Context, string) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) { yield(store.Entry{}, fs.ErrPermission) }
}
