package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/seedmail"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

// TestKillAnywhere kills the real program at random moments while it collects from Dovecot and sends segments to S3, and
// goes on with --resume, until it has been killed 60 times (or MBAUDIT_TEST_KILLS: make kill
// kills it 200 times). Every bundle that comes of it
// verifies, here and in S3, and holds each message exactly once; every journal is whole.
func TestKillAnywhere(t *testing.T) {
	const account, messages = "alice@example.test", 1500
	kills := 60
	if n, err := strconv.Atoi(os.Getenv("MBAUDIT_TEST_KILLS")); err == nil {
		kills = n
	}
	dovecot, s3 := servertest.Dovecot(t), servertest.S3(t)
	dovecot.Seed(t, account, seedmail.Spec{Seed: 30, Messages: messages, MeanSize: 6000})
	s3.MakeBucket(t, "evidence", true)
	p := buildProduct(t)
	p.env = append(p.env, "MBAUDIT_IMAP_PASSWORD="+dovecot.Password, "AWS_ENDPOINT_URL="+s3.URL, "AWS_REGION="+s3.Region,
		"AWS_ACCESS_KEY_ID="+s3.AccessKey, "AWS_SECRET_ACCESS_KEY="+s3.SecretKey, "AWS_CA_BUNDLE="+s3.CAFile)
	collect := []string{"collect", "--account", account, "--imap", "imaps://localhost:" + strconv.Itoa(dovecot.IMAPSPort), "--tls-ca", dovecot.CAFile,
		"--messages", "raw", "--tsa", "none", "--segment-size", "1", "--push", "s3://evidence/case", "--yes"}
	resume := []string{"collect", "--resume", "--push", "s3://evidence/case", "--yes"}
	random := rand.New(rand.NewPCG(30, 1))

	p.newCase(t)
	usual := p.want(t, collect...).wall // how long an undisturbed run takes
	var table strings.Builder
	killed, bundles := 0, 0
	for killed < kills && !t.Failed() {
		p.newCase(t)
		here, args := 0, collect
		var moments []string
		for {
			delay := time.Duration(random.Int64N(int64(usual)))
			if killed+here >= kills {
				delay = time.Hour
			}
			outcome := p.runAndKill(t, delay, args...)
			if !outcome.killed {
				if outcome.status != 0 {
					t.Fatalf("mbaudit %s after %d kills: status %d\n%s", strings.Join(args[:2], " "), here, outcome.status, outcome.stderr)
				}
				break
			}
			here++
			moments = append(moments, fmt.Sprintf("%d ms: %s", delay.Milliseconds(), p.kept(t)))
			if p.sealed(t) {
				break // what may be left is the push, which checkAfterKills finishes
			}
			if args = collect; p.unfinished(t) {
				args = resume
			}
		}
		killed += here
		bundles++
		p.checkAfterKills(t, messages)
		fmt.Fprintf(&table, "bundle %d: %d kills (%s)\n", bundles, here, strings.Join(moments, "; "))
	}
	t.Logf("%d kills, %d bundles, all verified with %d messages, each once\n%s", killed, bundles, messages, table.String())
}

// newCase begins a new case in a new directory.
func (p *product) newCase(t *testing.T) {
	t.Helper()
	p.dir = filepath.Join(t.TempDir(), "case")
	if err := os.Mkdir(p.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	p.want(t, "init", p.dir, "--retain-until", time.Now().AddDate(0, 0, 2).Format(time.DateOnly))
}

type killOutcome struct {
	killed bool
	status int
	stderr string
}

// runAndKill runs the product and kills it after a time, if it has not ended by then.
func (p *product) runAndKill(t testing.TB, after time.Duration, args ...string) killOutcome {
	t.Helper()
	cmd := exec.Command(p.path, args...)
	cmd.Dir, cmd.Env = p.dir, p.env
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	_ = cmd.Wait() // the status says what came of it
	timer.Stop()
	return killOutcome{killed: cmd.ProcessState.ExitCode() == -1, status: cmd.ProcessState.ExitCode(), stderr: stderr.String()}
}

// unfinished says whether the case has a bundle to go on with.
func (p *product) unfinished(t *testing.T) bool {
	t.Helper()
	found, err := evidence.Unfinished(filepath.Join(p.dir, "bundles"))
	if err != nil {
		t.Fatal(err)
	}
	return len(found) > 0
}

// sealed says whether the case has a sealed and signed bundle.
func (p *product) sealed(t *testing.T) bool {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(p.dir, "bundles", "*", "sig", "tagmanifest-sha256.txt.sig"))
	if err != nil {
		t.Fatal(err)
	}
	return len(names) > 0
}

// kept says in a few words what a killed run has left.
func (p *product) kept(t *testing.T) string {
	t.Helper()
	seals, err := filepath.Glob(filepath.Join(p.dir, "bundles", "*", "seals", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if p.sealed(t) {
		return "sealed"
	}
	return fmt.Sprintf("%d segments", len(seals))
}

// checkAfterKills verifies the case's finished bundle on both sides, counts its messages and reads the journal. store
// has further options that say where the store is.
func (p *product) checkAfterKills(t *testing.T, messages int, store ...string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(p.dir, "bundles", "01*"))
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	names = slices.DeleteFunc(names, func(dir string) bool {
		_, _, err := evidence.ReadOpening(dir)
		return errors.Is(err, fs.ErrNotExist) // killed before the bundle had begun: nothing was read yet
	})
	for _, dir := range names {
		p.want(t, "verify", dir)
		b, err := evidence.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		for r, err := range b.Records() {
			if err != nil {
				t.Fatal(err)
			}
			if r.Exhibit == nil || r.Exhibit.MediaType != "message/rfc822" {
				continue
			}
			key := r.Exhibit.Resource + " " + r.Exhibit.Item
			if seen[key] {
				t.Errorf("%s is there twice", key)
			}
			seen[key] = true
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) != messages {
		t.Errorf("%d messages, %d were seeded", len(seen), messages)
	}
	p.want(t, "log", "verify")
	last := names[len(names)-1]
	p.want(t, append([]string{"push", filepath.Base(last), "s3://evidence/case", "--yes"}, store...)...)
	p.want(t, append([]string{"verify", "s3://evidence/case/" + filepath.Base(last)}, store...)...)
}
