package workspace_test

import (
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
	"strings"

	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/collectors/workspace"
	"github.com/mbaudit/mbaudit/internal/fakegoogle"
)

func TestZZ(t *testing.T) {
	key, file := keyFile(t)
	n, _ := strconv.Atoi(os.Getenv("ZN"))
	f, _ := strconv.ParseFloat(os.Getenv("ZF"), 64)
	synctest.Test(t, func(t *testing.T) {
		p := newPaced(fakegoogle.Config{Key: key, Users: n + 20, Messages: 1, Quiet: true, Quotas: fakegoogle.UsualQuotas(f)}, file)
		p.config.Quota, _ = workspace.ParseQuota(os.Getenv("ZC"))
		p.config.NoLogs = os.Getenv("ZNL") != ""
		sink := &collectortest.Sink{DigestsOnly: true}
		done := p.collect(t, sink, ordinary(t, p.tenant, n), 16)
		took := time.Since(p.began)
		wantNoGap(t, sink)
		var first, last time.Duration
		for _, d := range done { if first == 0 || d < first { first = d }; last = max(last, d) }
		reqs := p.tenant.Requests()
		t.Logf("%d requests %d refused: %s, bound %s ratio %.3f first done %s", len(reqs), p.refused(), took, p.tenant.LowerBound(reqs), took.Seconds()/p.tenant.LowerBound(reqs).Seconds(), first)
		seen := map[string]bool{}
		for _, b := range p.tenant.Bounds(reqs) {
			api, _, _ := strings.Cut(b.Quota, "@")
			if seen[api[:min(6,len(api))]] { continue }
			seen[api[:min(6,len(api))]] = true
			t.Logf("%v", b)
		}
		// timeline per api per minute
		lines := map[string][]int{}
		for _, r := range reqs {
			m := int(r.Time.Sub(fakegoogle.Start()) / time.Minute)
			api, _, _ := strings.Cut(r.Method, ".")
			for len(lines[api]) <= m { lines[api] = append(lines[api], 0) }
			lines[api][m]++
		}
		for k, v := range lines { t.Logf("%s %v", k, v) }
	})
}
