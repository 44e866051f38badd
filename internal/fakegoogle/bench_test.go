package fakegoogle

import (
	"testing"
	"time"
)

// BenchmarkTenant makes a tenant of 2,000 users and reads a day of everybody's logins as pages do.
func BenchmarkTenant(b *testing.B) {
	for b.Loop() {
		t := New(Config{Users: 2000})
		w := wanted{application: "login", user: -1, from: Start().AddDate(0, 0, -1), to: Start()}
		for {
			page := t.activities(w, Start().Add(48*time.Hour), 1000)
			if len(page) < 1000 {
				break
			}
			w.after = page[len(page)-1].key
		}
	}
}
