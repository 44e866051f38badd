package main

import (
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/internal/fakegoogle"
)

// A workspaceRig is the real program and a tenant that stands for Google.
type workspaceRig struct {
	*product
	tenant  *fakegoogle.Tenant
	options []string
}

func newWorkspaceRig(t testing.TB, config fakegoogle.Config, options ...string) *workspaceRig {
	t.Helper()
	g := &workspaceRig{product: buildProduct(t), tenant: fakegoogle.New(config)}
	server := g.tenant.Start(t)
	data, err := server.KeyFile(server.PlainURL)
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "key.json")
	if err := os.WriteFile(key, data, 0o600); err != nil {
		t.Fatal(err)
	}
	g.env = append(g.env, "MBAUDIT_GOOGLE_ENDPOINT="+server.PlainURL, "GOOGLE_APPLICATION_CREDENTIALS="+key)
	g.options = append([]string{"--workspace", "--google-admin", fakegoogle.Admin, "--tsa", "none"}, options...)
	return g
}

func (g *workspaceRig) collect(args ...string) []string {
	return append(append([]string{"collect"}, g.options...), args...)
}

// asked counts how often each address was asked for and answered with 200.
func (g *workspaceRig) asked() map[string]int {
	counts := map[string]int{}
	for _, r := range g.tenant.Requests() {
		if r.Status == http.StatusOK && r.Method != "token" {
			counts[r.Subject+" "+r.Path+"?"+r.Query]++
		}
	}
	return counts
}

// TestKillManyAccounts kills the real program at random moments while it collects all users of a Workspace, in the first
// bundle, between the two and in the second, and goes on with --resume, until it has been killed eight times (or
// MBAUDIT_TEST_KILLS). Both bundles verify, the second names the first, each exhibit is there once, each row of each account
// is there, and little more was asked of Google than once.
func TestKillManyAccounts(t *testing.T) {
	kills := 8
	if n, err := strconv.Atoi(os.Getenv("MBAUDIT_TEST_KILLS")); err == nil {
		kills = n
	}
	g := newWorkspaceRig(t, fakegoogle.Config{Messages: 1, Quotas: fakegoogle.Quotas{Directory: -1, Reports: -1, GmailUnits: -1, Others: -1},
		Volume: func(string) int { return -1 }}, "--google-quota", "200")
	g.newCase(t)
	usual := g.run(t, g.collect("--all-users")...)
	if usual.status != statusIncomplete { // suspended users
		t.Fatalf("status %d\n%s", usual.status, usual.stderr)
	}
	want := g.holdings(t)
	random := rand.New(rand.NewPCG(31, 1))
	killed, states := 0, map[string]int{}
	for killed < kills && !t.Failed() {
		g.newCase(t)
		g.tenant.ForgetRequests()
		here, args := 0, g.collect("--all-users")
		for {
			part := random.Float64()
			delay := time.Duration(float64(usual.wall) * part * part * part) // the first bundle takes the smaller part
			if killed+here >= kills || here >= 6 {
				delay = time.Hour
			}
			outcome := g.runAndKill(t, delay, args...)
			if !outcome.killed {
				if outcome.status != statusIncomplete {
					t.Fatalf("after %d kills: status %d\n%s", here, outcome.status, outcome.stderr)
				}
				break
			}
			here++
			state := g.state(t)
			states[state]++
			if state == "done" {
				break
			}
			if args = g.collect("--all-users"); state != "nothing" {
				args = []string{"collect", "--resume", "--google-quota", "200"}
			}
		}
		killed += here
		g.checkTwo(t, want)
		again := 0
		for _, n := range g.asked() {
			again += n - 1
		}
		if most := here * 450; again > most { // what was on its way, up to 24 for each of 16 accounts, or is asked by each run
			t.Errorf("%d requests were answered twice after %d kills, want %d at the most", again, here, most)
		}
	}
	t.Logf("%d kills: %v", killed, states)
}

// state says where a killed run was.
func (g *workspaceRig) state(t *testing.T) string {
	t.Helper()
	bundles, err := filepath.Glob(filepath.Join(g.dir, "bundles", "*"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(bundles)
	if len(bundles) == 0 || !isBundleFolder(bundles[0]) {
		return "nothing"
	}
	opening, sealed, err := evidence.ReadOpening(bundles[len(bundles)-1])
	switch {
	case err != nil:
		return "between" // the second's folder is there, its opening not
	case !sealed || !evidence.Signed(bundles[len(bundles)-1]):
		return opening.Part
	case opening.Part == evidence.PartEmergency:
		return "between"
	}
	return "done"
}

func isBundleFolder(dir string) bool {
	_, _, err := evidence.ReadOpening(dir)
	return err == nil
}

// holdings are the rows of all bundles of the case with what was got, by account and resource.
func (g *workspaceRig) holdings(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, dir := range g.sealedBundles(t) {
		b, err := evidence.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for r, err := range b.Records() {
			if err != nil {
				t.Fatal(err)
			}
			if x := r.Exhibit; x != nil {
				key := x.Account + " " + x.Resource + " " + x.Item
				if seen[key] {
					t.Errorf("%s is there twice", key)
				}
				seen[key] = true
			}
		}
		for _, row := range b.Coverage {
			key := row.Account + " " + row.Resource
			if found[key] != "" && found[key] != evidence.StatusIncomplete && row.Resource != "workspace/refusals" {
				t.Errorf("the row %s is in both bundles, and nothing was missing in the first", key)
			}
			found[key] = row.Status
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// sealedBundles are the bundles of the case.
func (g *workspaceRig) sealedBundles(t *testing.T) []string {
	t.Helper()
	bundles, err := filepath.Glob(filepath.Join(g.dir, "bundles", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(bundles, func(dir string) bool { return !isBundleFolder(dir) })
}

// checkTwo wants two whole bundles that hold what an undisturbed run holds, the second naming the first.
func (g *workspaceRig) checkTwo(t *testing.T, want map[string]string) {
	t.Helper()
	g.want(t, "verify", ".")
	g.want(t, "log", "verify")
	bundles := g.sealedBundles(t)
	if len(bundles) != 2 {
		t.Fatalf("%d bundles", len(bundles))
	}
	first, err := evidence.ReadSealed(bundles[0])
	if err != nil {
		t.Fatal(err)
	}
	rest, _, err := evidence.ReadOpening(bundles[1])
	if err != nil {
		t.Fatal(err)
	}
	if rest.First == nil || rest.First.Bundle != filepath.Base(bundles[0]) || rest.First.TagManifest != first.TagManifest || first.Opening.Part != evidence.PartEmergency {
		t.Errorf("the second bundle names %+v, the first is %s", rest.First, first.TagManifest)
	}
	got := g.holdings(t)
	for key, status := range want {
		if got[key] != status {
			t.Errorf("the row %s says %q, without kills %q", key, got[key], status)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d rows, without kills %d", len(got), len(want))
	}
}

// TestFirstSealIsQuick prints how long after the start the emergency bundle of one account is sealed, by the logbook.
func TestFirstSealIsQuick(t *testing.T) {
	g := newWorkspaceRig(t, fakegoogle.Config{Latency: func(string) time.Duration { return 150 * time.Millisecond }})
	g.newCase(t)
	began := time.Now()
	f := g.want(t, g.collect("--account", fakegoogle.Victim)...)
	file, err := os.Open(filepath.Join(g.dir, "journal.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var order []string
	var sealed time.Time
	for e, err := range journal.Read(file) {
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case strings.HasPrefix(e.Description, "sealing bundle") && e.Result != "":
			if order = append(order, "sealed"); sealed.IsZero() {
				sealed = e.RecordedTime
			}
		case strings.HasPrefix(e.Description, "collecting the rest") && e.Result == "":
			order = append(order, "rest")
		}
	}
	if !slices.Equal(order, []string{"sealed", "rest", "sealed"}) {
		t.Errorf("the logbook says %v, want the first bundle sealed before the rest is read", order)
	}
	t.Logf("one account, 150 ms for each answer: the first seal after %.2f s of %.2f s", sealed.Sub(began).Seconds(), f.wall.Seconds())
	if lines := strings.Count(f.stdout, "sealed 01"); lines != 2 {
		t.Errorf("%d lines name a sealed bundle:\n%s", lines, f.stdout)
	}
}
