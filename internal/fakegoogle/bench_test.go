package fakegoogle

import (
	"io"
	"net/http"
	"regexp"
	"runtime"
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

// BenchmarkPage answers pages of 1,000 activities over HTTP: no reader can be faster.
func BenchmarkPage(b *testing.B) {
	tenant := New(Config{Users: 2000, Quotas: Quotas{Reports: -1}})
	get(b, tenant, Admin, "https://www.googleapis.com/auth/admin.reports.audit.readonly",
		"https://admin.googleapis.com/admin/reports/v1/activity/users/all/applications/drive?prettyPrint=false")
	b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "activities/s")
}

// BenchmarkRaw answers messages.get with format=raw over HTTP.
func BenchmarkRaw(b *testing.B) {
	tenant := New(Config{Quotas: Quotas{GmailUnits: -1, GmailProject: -1}})
	id := ""
	if state, err := tenant.State("carol@example.test"); err == nil {
		id = state.Messages[0]
	}
	get(b, tenant, "carol@example.test", "https://www.googleapis.com/auth/gmail.readonly",
		"https://gmail.googleapis.com/gmail/v1/users/me/messages/"+id+"?format=raw&prettyPrint=false")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

// BenchmarkSmall answers small requests of eight readers at once, without TLS: the request rate that a reader can be
// measured against.
func BenchmarkSmall(b *testing.B) {
	tenant := New(Config{Quotas: Quotas{GmailUnits: -1, GmailProject: -1}})
	server := listen(b, tenant, Victim, "https://www.googleapis.com/auth/gmail.settings.basic")
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
		for pb.Next() {
			ask(b, client, server.PlainURL+"/gmail/v1/users/me/settings/filters?prettyPrint=false")
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

// BenchmarkVolume reads an application of a large tenant from end to end, in pages of 1,000: 2,000 users, 60 days, two
// activities each. Times fifteen, it is what a benchmark of a reader asks for.
func BenchmarkVolume(b *testing.B) {
	tenant := New(Config{Users: 2000, Quotas: Quotas{Reports: -1}, Volume: func(string) int { return 2 }})
	server := listen(b, tenant, Admin, "https://www.googleapis.com/auth/admin.reports.audit.readonly")
	client := &http.Client{Transport: &http.Transport{}}
	address := server.PlainURL + "/admin/reports/v1/activity/users/all/applications/drive?prettyPrint=false&startTime=" + Start().AddDate(0, 0, -60).Format(time.RFC3339)
	read := 0
	for b.Loop() {
		token := ""
		for {
			page := ask(b, client, address+token)
			next := regexp.MustCompile(`"nextPageToken":"([^"]+)"`).FindSubmatch(page)
			if next == nil {
				break
			}
			token = "&pageToken=" + string(next[1])
			read += 1000
		}
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	b.ReportMetric(float64(read)/b.Elapsed().Seconds(), "activities/s")
	b.ReportMetric(float64(memory.HeapSys)/(1<<20), "heap-MB")
}

// listen serves a tenant to who has the access token t.
func listen(b *testing.B, tenant *Tenant, subject, scope string) *Server {
	server, err := tenant.Listen()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(server.Close)
	tenant.issued["t"] = &accessToken{subject: subject, scopes: []string{scope}, expires: Start().AddDate(1, 0, 0)}
	return server
}

// ask makes one request and returns the body.
func ask(b *testing.B, client *http.Client, address string) []byte {
	r, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer t")
	response, err := client.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		b.Fatal(response.Status, err)
	}
	return body
}

// get asks the same again and again with an access token.
func get(b *testing.B, tenant *Tenant, subject, scope, address string) {
	server := listen(b, tenant, subject, scope)
	client := server.Client()
	for b.Loop() {
		r, err := http.NewRequest(http.MethodGet, address, nil)
		if err != nil {
			b.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer t")
		response, err := client.Do(r)
		if err != nil {
			b.Fatal(err)
		}
		n, err := io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK {
			b.Fatal(response.Status, err)
		}
		b.SetBytes(n)
	}
}
