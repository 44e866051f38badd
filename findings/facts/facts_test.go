package facts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

func sample(i int) *Fact {
	at := time.Date(2026, 10, 1, 0, 0, i%977, i, time.UTC)
	if i%13 == 0 {
		at = time.Time{}
	}
	return &Fact{Kind: KindAudit, Account: "alice@example.test", Collector: "workspace", Resource: "reports/login", Bundle: "01J", Exhibit: "P-000001",
		Locator: fmt.Sprintf("/items/%d", i), Time: at, Zone: "+02:00", Inferred: "zone", Collected: time.Date(2026, 10, 15, 0, 0, 0, 0, time.UTC),
		Fields: Fields{{"text", Text("é\x00\"")}, {"number", Number(-7)}, {"yes", Bool(true)}, {"list", List([]string{"a", "b"})}, {"empty", List(nil)}}}
}

// TestForms: a fact comes back the same from its temporary form and from JSON.
func TestForms(t *testing.T) {
	for _, f := range []*Fact{sample(1), sample(13), {}} {
		first := f.AppendJSON(nil)
		if !json.Valid(first) {
			t.Fatalf("this is no JSON: %s", first)
		}
		back, err := parseBinary(f.appendBinary(nil))
		if err != nil || !bytes.Equal(back.AppendJSON(nil), first) {
			t.Errorf("%v\n%s\n%s", err, first, back.AppendJSON(nil))
		}
		var again Fact
		if err := json.Unmarshal(first, &again); err != nil {
			t.Fatal(err)
		}
		for _, field := range f.Fields {
			got, ok := again.Get(field.Name)
			if !ok || got.form != field.Value.form || got.String() != field.Value.String() {
				t.Errorf("%s: %v, want %v", field.Name, got, field.Value)
			}
		}
		if !again.Time.Equal(f.Time) && again.Time.Sub(f.Time).Abs() > time.Millisecond {
			t.Errorf("%v, want %v", again.Time, f.Time)
		}
	}
	data := sample(1).appendBinary(nil)
	for n := range data {
		if _, err := parseBinary(data[:n]); err == nil {
			t.Errorf("%d of %d bytes are taken for a fact", n, len(data))
		}
	}
}

// TestSorter: in many runs or in one, facts come by time, those without one first, and of one time as they were put. They
// can be read twice, and nothing is left behind.
func TestSorter(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	for _, limit := range []int{1, 5000, 1 << 30} {
		s := newSorter()
		s.limit = limit
		const n = 2000
		for _, i := range rand.New(rand.NewPCG(1, 2)).Perm(n) {
			f := sample(i)
			f.Time = f.Time.Truncate(time.Second)
			if err := s.add(f); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			count, last, undated := 0, time.Time{}, 0
			for f, err := range s.all() {
				if err != nil {
					t.Fatal(err)
				}
				if f.Time.Before(last) {
					t.Fatalf("limit %d: %v comes behind %v", limit, f.Time, last)
				}
				if f.Time.IsZero() {
					undated++
				}
				last = f.Time
				count++
			}
			if count != n || undated != (n+12)/13 {
				t.Errorf("limit %d: %d facts, %d without a time", limit, count, undated)
			}
		}
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestScopes: how much a scope opens.
func TestScopes(t *testing.T) {
	const auth = "https://www.googleapis.com/auth/"
	for scope, want := range map[string]int64{"https://mail.google.com/": 5, auth + "gmail.settings.sharing": 5, auth + "admin.directory.user": 5, auth + "gmail.modify": 4,
		auth + "gmail.readonly": 4, auth + "drive": 4, auth + "drive.readonly": 3, auth + "drive.file": 2, auth + "gmail.send": 3, auth + "gmail.metadata": 2,
		auth + "gmail.labels": 1, "openid": 1, auth + "userinfo.email": 1, auth + "calendar": 2, "https://www.google.com/accounts/OAuthLogin": 3, "something.else": 2} {
		if got := scopeRank(scope); got != want {
			t.Errorf("%s: %d, want %d", scope, got, want)
		}
	}
	f := &Fact{Fields: Fields{{"nativeapp", Bool(true)}}}
	rateScopes(f, []string{"openid", auth + "gmail.send"})
	if f.Text("scope.rank") != "3" || f.Text("scope.risk") != "4" || f.Text("scope.widest") != auth+"gmail.send" || !f.Is("scope.mail") {
		t.Errorf("%s", f.AppendJSON(nil))
	}
}

// TestTopics: what a subject is about, in five languages, and not by parts of words.
func TestTopics(t *testing.T) {
	words := newTopicIndex()
	for subject, want := range map[string]string{"Réinitialisation de votre mot de passe": "[reset]", "Votre RIB": "[money]", "Distribution des prix": "[]", "New sign-in from Linux": "[security]",
		"Undeliverable: hello": "[bounce]", "Neue Anmeldung": "[security]", "FATTURA n. 7": "[money]", "Cambio de contraseña": "[reset]", "": "[]", "Code de vérification": "[credential]"} {
		if got := fmt.Sprint(words.ofSubject(subject)); got != want {
			t.Errorf("%q: %s, want %s", subject, got, want)
		}
	}
}

// see feeds a sign-in to sightings.
func see(s *sightings, at time.Time, who, ip, name string) *Fact {
	f := &Fact{Kind: KindAudit, Time: at, Fields: Fields{{"event.application", Text("login")}, {"event.name", Text(name)}, {"ip", Text(ip)}}}
	s.see(f, who)
	return f
}

// TestSightings: a source is new once, only where the past is known, never by failures, and not where the tenant has long
// been.
func TestSightings(t *testing.T) {
	s := newSightings(time.UTC)
	day := time.Date(2026, 10, 1, 8, 0, 0, 0, time.UTC)
	if f := see(s, day, "alice", "192.0.2.14", "login_success"); f.Is("source.new") || f.Text("source.baseline") != "short" {
		t.Errorf("the first sign-in is called new: %s", f.AppendJSON(nil))
	}
	for i := range 12 {
		see(s, day.AddDate(0, 0, i), "alice", "192.0.2.14", "login_success")
		see(s, day.AddDate(0, 0, i), "bob", "198.51.100.9", "login_success")
	}
	at := day.AddDate(0, 0, 12)
	if f := see(s, at, "alice", "203.0.113.77", "login_failure"); !f.Is("source.new") || f.Is("source.suspect") {
		t.Errorf("a failure from elsewhere: %s", f.AppendJSON(nil))
	}
	first := see(s, at.Add(time.Minute), "alice", "203.0.113.77", "login_success")
	if !first.Is("source.new") || !first.Is("source.suspect") || first.Text("minutes_since_new_source") != "0" || !first.Is("ip.new") {
		t.Errorf("the failure made the source known: %s", first.AppendJSON(nil))
	}
	again := see(s, at.Add(time.Hour), "alice", "203.0.113.78", "login_success")
	if again.Is("source.new") || !again.Is("source.suspect") || again.Text("source.age_minutes") != "59" || !again.Is("ip.new") || again.Is("network.new") {
		t.Errorf("another address of the same network: %s", again.AppendJSON(nil))
	}
	if first.Text("session") == "" || again.Text("session") == first.Text("session") {
		t.Errorf("an hour apart they are one session: %s, %s", first.Text("session"), again.Text("session"))
	}
	if f := see(s, at.Add(2*time.Hour), "alice", "", "password_edit"); f.Text("minutes_since_new_source") != "119" {
		t.Errorf("a deed without an address: %s", f.AppendJSON(nil))
	}
	if f := see(s, at.Add(3*time.Hour), "alice", "198.51.100.20", "login_success"); f.Is("source.new") {
		t.Errorf("the tenant has been there for twelve days: %s", f.AppendJSON(nil))
	}
	if f := see(s, at.Add(4*time.Hour), "bob", "203.0.113.77", "login_success"); !f.Is("source.suspect_elsewhere") {
		t.Errorf("the source was new for alice: %s", f.AppendJSON(nil))
	}
	if f := see(s, at.AddDate(0, 0, 20), "alice", "203.0.113.77", "login_success"); f.Is("source.suspect") {
		t.Errorf("after twenty days it is still suspect: %s", f.AppendJSON(nil))
	}
}

// FuzzFlatten: no value stops the reader, and what it makes is JSON again.
func FuzzFlatten(f *testing.F) {
	f.Add([]byte(`{"a":[{"b":[1,2,{"parameter":[{"name":"x","intValue":"7"},{"name":"y","messageValue":{"parameter":[{"name":"z","multiValue":["a"]}]}}]}]}],"c":null,"d":1e400}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		fact := &Fact{}
		if fact.flatten(&jsonParser{}, "", raw) != nil {
			return
		}
		if b := fact.AppendJSON(nil); !json.Valid(b) {
			t.Errorf("%s", b)
		}
		if len(fact.Fields) > maxFields+10 {
			t.Errorf("%d fields", len(fact.Fields))
		}
	})
}
