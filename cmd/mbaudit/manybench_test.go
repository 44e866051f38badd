package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/fakegoogle"
)

// BenchmarkWorkspace measures the real program on 200 accounts, all sources and 60 days of logs of a tenant whose quotas
// count, against what the quotas themselves take at least; then the same with a kill in the middle. No activity of the
// tenant's may be missing. The quotas are eight times Google's, so that it takes minutes and not the half hour that 250 logs
// of users a minute take; their minutes are whole ones. What of the processors was used is printed beside: where that is near
// all, the machine is what was measured.
func BenchmarkWorkspace(b *testing.B) {
	const accounts, factor = 200, 8
	quotas, pace := fakegoogle.UsualQuotas(factor), strconv.Itoa(factor)
	usual := 0 // answers that came more than once, without a kill
	for _, kill := range []bool{false, true} {
		b.Run(map[bool]string{false: "undisturbed", true: "killed and resumed"}[kill], func(b *testing.B) {
			for range b.N {
				g := newWorkspaceRig(b, fakegoogle.Config{Users: accounts + 20, Messages: 1, Quiet: true, Quotas: quotas,
					Volume: benchVolume}, "--google-quota", pace)
				file := g.accountsFile(b, accounts)
				since := fakegoogle.Start().AddDate(0, 0, -60)
				args := g.collect("--accounts-file", file, "--since", since.Format(time.DateOnly))
				g.anew(b)
				atFirst := g.tenant.Held(since, fakegoogle.Start()) // what shows later is no loss
				began, before := time.Now(), processorTime(b)
				if kill {
					if !g.runAndKill(b, time.Minute, args...).killed {
						b.Fatal("it was done before it was to be killed")
					}
					args = []string{"collect", "--resume", "--google-quota", pace}
				}
				f := g.want(b, args...)
				took, tenantsCPU := time.Since(began), processorTime(b)-before
				requests := g.tenant.Requests()
				bound := g.tenant.LowerBound(requests)
				still := g.tenant.Held(since, fakegoogle.Start())
				for cell := range atFirst { // nor what Google's retention takes meanwhile
					atFirst[cell] = min(atFirst[cell], still[cell])
				}
				got, held := g.activities(b, atFirst)
				refused := 0
				for _, r := range requests {
					if r.OverQuota() {
						refused++
					}
				}
				fmt.Printf("%s: %d accounts, %d requests (%d refused for a quota), %d activities, %d missing: %.1f s; the quotas take %.1f s at least; ratio %.2f; peak %d MiB\n",
					b.Name(), accounts, len(requests), refused, got, held-got, took.Seconds(), bound.Seconds(), took.Seconds()/bound.Seconds(), f.peakMemory>>20)
				share := func(cpu, wall time.Duration) float64 {
					return 100 * cpu.Seconds() / wall.Seconds() / float64(runtime.NumCPU())
				}
				fmt.Printf("    of %d processors the program used %.0f %%, the tenant %.0f %%\n", runtime.NumCPU(), share(f.cpu, f.wall), share(tenantsCPU, took))
				for _, quota := range g.tenant.Bounds(requests) {
					if quota.Least > 0 {
						fmt.Printf("    %s: %d units, %d in a period: %s at least\n", quota.Quota, quota.Units, quota.Limit, quota.Least)
					}
				}
				b.ReportMetric(took.Seconds()/bound.Seconds(), "ratio-to-quota")
				if got < held {
					b.Errorf("%d activities of %d are missing", held-got, held)
				}
				// Groups of several accounts are asked for with each; a kill adds what was on its way, and not kept.
				if again := g.again(); !kill {
					usual = again
				} else if usual > 0 && again > usual+600 {
					b.Errorf("%d requests were answered more than once, without the kill %d", again, usual)
				}
			}
		})
	}
}

// processorTime is what this process, which is the tenant, has used of the processors.
func processorTime(b testing.TB) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// benchVolume is how many activities a user has on each day.
func benchVolume(application string) int {
	switch application {
	case "login", "token", "drive", "gmail":
		return 4
	}
	return -1
}

// BenchmarkAccountsMemory prints the peak of memory at 200 and at 2,000 accounts.
func BenchmarkAccountsMemory(b *testing.B) {
	q := fakegoogle.Quotas{Directory: -1, Reports: -1, GmailUnits: -1, GmailProject: -1, Others: -1}
	g := newWorkspaceRig(b, fakegoogle.Config{Users: 2020, Messages: 1, Quiet: true, Quotas: q, Volume: func(string) int { return -1 }}, "--google-quota", "1000")
	for range b.N {
		for _, accounts := range []int{200, 2000} {
			g.anew(b)
			g.tenant.ForgetRequests()
			f := g.want(b, g.collect("--accounts-file", g.accountsFile(b, accounts))...)
			fmt.Printf("%d accounts: peak %d MiB, %.1f s, %d requests: %s", accounts, f.peakMemory>>20, f.wall.Seconds(), len(g.tenant.Requests()), f.stdout)
			b.ReportMetric(float64(f.peakMemory>>20), fmt.Sprintf("MiB-at-%d", accounts))
		}
	}
}

// accountsFile names so many ordinary users.
func (g *workspaceRig) accountsFile(b testing.TB, n int) string {
	b.Helper()
	var list []string
	for _, email := range g.tenant.Emails() {
		if strings.HasPrefix(email, "user") && len(list) < n {
			list = append(list, email)
		}
	}
	path := filepath.Join(b.TempDir(), "accounts")
	if err := os.WriteFile(path, []byte(strings.Join(list, "\n")+"\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}

// anew begins a new case.
func (g *workspaceRig) anew(b testing.TB) {
	b.Helper()
	g.dir = filepath.Join(b.TempDir(), "case")
	if err := os.Mkdir(g.dir, 0o700); err != nil {
		b.Fatal(err)
	}
	g.want(b, "init", g.dir)
}

// again is how many answers came more than once.
func (g *workspaceRig) again() int {
	n := 0
	for _, times := range g.asked() {
		n += times - 1
	}
	return n
}

// activities counts those that the bundles hold of each account's logs, and those that the tenant held for them from the
// beginning of the collection to its end.
func (g *workspaceRig) activities(b testing.TB, atFirst map[fakegoogle.Cell]int) (got, held int) {
	b.Helper()
	examined := map[string]bool{}
	cells := map[fakegoogle.Cell]int{}
	for _, dir := range g.bundleFolders(b) {
		bundle, err := evidence.Open(dir)
		if err != nil {
			b.Fatal(err)
		}
		for _, account := range bundle.Opening.Accounts {
			examined[account] = true
		}
		for r, err := range bundle.Records() {
			if err != nil {
				b.Fatal(err)
			}
			x := r.Exhibit
			if x == nil || strings.HasPrefix(x.Account, "@") || !strings.HasPrefix(x.Resource, "reports/") || x.Attrs["activities"] == "" {
				continue
			}
			n, err := strconv.Atoi(x.Attrs["activities"])
			if err != nil {
				b.Fatal(err)
			}
			cells[fakegoogle.Cell{User: x.Account, Application: strings.TrimPrefix(x.Resource, "reports/")}] += n
		}
		if err := bundle.Close(); err != nil {
			b.Fatal(err)
		}
	}
	for cell, n := range atFirst {
		if !examined[cell.User] {
			continue
		}
		held += n
		if cells[cell] < n {
			b.Errorf("%s of %s: %d activities, the tenant holds %d", cell.Application, cell.User, cells[cell], n)
		}
		got += min(cells[cell], n)
	}
	return got, held
}

func (g *workspaceRig) bundleFolders(b testing.TB) []string {
	b.Helper()
	found, err := filepath.Glob(filepath.Join(g.dir, "bundles", "*"))
	if err != nil {
		b.Fatal(err)
	}
	return found
}
