package fakegoogle

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	admin "google.golang.org/api/admin/directory/v1"
	reports "google.golang.org/api/admin/reports/v1"
)

// logOf reads an application's log over HTTP, page by page, and holds each page to the response schema.
func (w *wire) logOf(d documented, application string, from, to time.Time, size int) []object {
	w.t.Helper()
	query := url.Values{"startTime": {from.Format(time.RFC3339)}, "endTime": {to.Format(time.RFC3339)}, "maxResults": {strconv.Itoa(size)}}
	var all []object
	for {
		path := filled(d.doc.path(d.method), map[string]string{"userKey": "all", "applicationName": application})
		status, body := w.do(w.token(Admin, d.method.Scopes...), "GET", d.host(), path, query, nil)
		var page object
		if err := json.Unmarshal(body, &page); err != nil || status != http.StatusOK {
			w.t.Fatalf("%s: %d %s %v", application, status, body, err)
		}
		if problems := d.doc.conforms(d.method.Response, page, application); len(problems) > 0 {
			w.t.Fatalf("%s", strings.Join(problems, "\n"))
		}
		items, _ := page["items"].([]any)
		for _, item := range items {
			all = append(all, item.(object))
		}
		next := text(page, "nextPageToken")
		if next == "" {
			return all
		}
		query.Set("pageToken", next)
	}
}

// seen counts what the logs have of several kinds of things.
type seen map[string]int

func (s seen) parameters(list any) {
	values, _ := list.([]any)
	for _, raw := range values {
		for kind, v := range raw.(object) {
			s[kind]++
			switch v := v.(type) {
			case object:
				s.parameters(v["parameter"])
			case []any:
				for _, m := range v {
					if inner, ok := m.(object); ok {
						s.parameters(inner["parameter"])
					}
				}
			}
		}
	}
}

// identity is the time, the qualifier and the application of an activity.
func identity(a object) string {
	id := a["id"].(object)
	return text(id, "time") + " " + text(id, "uniqueQualifier")
}

func TestEveryApplicationHasBelievableActivity(t *testing.T) {
	w := newWire(t, Config{Users: 40})
	d := served(t)["reports.activities.list"]
	from, to := Start().AddDate(0, 0, -29), Start()
	all, found := map[string][]object{}, seen{}
	for _, application := range Applications() {
		all[application] = w.logOf(d, application, from, to, 1000)
		if len(all[application]) < 3 {
			t.Errorf("%s has only %d activities in a month", application, len(all[application]))
		}
		times := map[string]string{}
		for _, a := range all[application] {
			for _, field := range []string{"networkInfo", "userDeviceInfo", "resourceDetails", "ownerDomain", "isAgenticAction"} {
				if a[field] != nil {
					found[field]++
				}
			}
			actor := a["actor"].(object)
			for field := range actor {
				found["actor."+field]++
			}
			if a["ipAddress"] == nil {
				found["no address"]++
			}
			if text(a, "ipAddress") == Intruder {
				found["intruder in "+application]++
			}
			events := a["events"].([]any)
			if len(events) > 1 {
				found["several events"]++
			}
			for _, e := range events {
				found.parameters(e.(object)["parameters"])
			}
			id := a["id"].(object)
			if qualifier, same := times[text(id, "time")+text(actor, "email")]; same && qualifier != text(id, "uniqueQualifier") {
				found["same time"]++
			} else if same {
				found["same time and qualifier"]++
			}
			times[text(id, "time")+text(actor, "email")] = text(id, "uniqueQualifier")
		}
	}
	for _, want := range []string{"value", "intValue", "boolValue", "multiValue", "multiIntValue", "messageValue", "multiMessageValue", "networkInfo", "userDeviceInfo",
		"resourceDetails", "ownerDomain", "isAgenticAction", "actor.email", "actor.profileId", "actor.key", "actor.applicationInfo", "actor.agentAttributionInfo",
		"no address", "several events", "same time", "same time and qualifier", "intruder in takeout", "intruder in drive", "intruder in token", "intruder in calendar",
		"intruder in admin", "intruder in gmail", "intruder in access_evaluation", "intruder in user_accounts"} {
		if found[want] == 0 {
			t.Errorf("no activity has %s", want)
		}
	}
	logins := map[string]bool{}
	for _, a := range all["login"] {
		logins[identity(a)] = true
	}
	for _, a := range all["user_accounts"] {
		if !logins[identity(a)] {
			t.Errorf("%s of user_accounts is not in login", identity(a))
		}
	}
}

func TestNobodyIsInTheLogsOfAQuietTenant(t *testing.T) {
	b := newBench(t, Config{Quiet: true})
	for _, application := range Applications() {
		w := wanted{application: application, user: -1, from: Start().AddDate(0, 0, -30), to: Start(), ip: Intruder}
		if found := b.activities(w, Start().AddDate(1, 0, 0), -1); len(found) != 0 {
			t.Errorf("%s has %d activities of the intruder", application, len(found))
		}
	}
	if left := b.IntruderLeft(); left != nil {
		t.Errorf("left are %q", left)
	}
}

// TestPagesOfOneLoseNothing walks over twins that share everything but their order.
func TestPagesOfOneLoseNothing(t *testing.T) {
	w := newWire(t, Config{Quotas: Quotas{Reports: -1}})
	d := served(t)["reports.activities.list"]
	from, to := Start().AddDate(0, 0, -3), Start()
	for i := range 3 {
		w.must(w.AddActivity(Victim, SeedActivity{Application: "login", Time: Start().Add(-30 * time.Hour), Type: "login", Name: "part" + strconv.Itoa(i), Qualifier: 77}))
	}
	one, many := w.logOf(d, "login", from, to, 1), w.logOf(d, "login", from, to, 1000)
	if len(one) != len(many) || len(one) == 0 {
		t.Fatalf("%d in pages of one, %d in one page", len(one), len(many))
	}
	same := 0
	for i := range one {
		if identity(one[i]) != identity(many[i]) || etag(one[i]) != etag(many[i]) {
			t.Errorf("number %d is %v and %v", i, one[i], many[i])
		}
		if strings.HasSuffix(identity(one[i]), " 77") {
			same++
		}
	}
	if same != 3 {
		t.Errorf("%d activities have the qualifier 77, not 3", same)
	}
}

func TestActivitiesGoByRetention(t *testing.T) {
	w := newWire(t, Config{})
	d := served(t)["reports.activities.list"]
	for application, days := range map[string]int{"gmail": 30, "login": 180, "drive": 180} {
		kept := w.logOf(d, application, Start().AddDate(0, 0, -days), Start().AddDate(0, 0, 1-days), 1000)
		gone := w.logOf(d, application, Start().AddDate(0, 0, -days-9), Start().AddDate(0, 0, -days-1), 1000)
		if len(kept) == 0 || len(gone) != 0 {
			t.Errorf("%s: %d activities of the oldest day, %d of those before", application, len(kept), len(gone))
		}
	}
}

func TestAnActivityCanBeAddedByHand(t *testing.T) {
	b := newBench(t, Config{})
	happened, shows := Start().Add(-3*time.Hour), Start().Add(2*time.Hour)
	b.must(b.AddActivity("", SeedActivity{Application: "vault", Time: happened, Shows: shows, Type: "user_action", Name: "first",
		Actor: map[string]any{"callerType": "KEY", "key": "robot"}, Client: "robot-client", IP: Intruder, Device: map[string]any{"deviceType": "LINUX"},
		Resources: []map[string]any{{"id": "r1", "type": "EXPORT"}}, Parameters: []map[string]any{parameter("matter_id", "m1")},
		Events: []SeedEvent{{"user_action", "second", nil}}}))
	ask := func() []*reports.Activity {
		return must[*reports.Activities](t)(b.reports(Admin).Activities.List("all", "vault").EventName("second").ApplicationInfoFilter(`oAuthClientId="robot-client"`).Do()).Items
	}
	b.clock.Advance(119 * time.Minute)
	if got := ask(); len(got) != 0 {
		t.Fatalf("it shows too early: %+v", got[0])
	}
	if cells := b.Held(happened, happened, "vault"); cells[Cell{"", "vault"}] != 0 {
		t.Errorf("what does not show is held: %v", cells)
	}
	b.clock.Advance(time.Minute)
	got := ask()
	if len(got) != 1 || len(got[0].Events) != 2 || got[0].Actor.Key != "robot" || got[0].UserDeviceInfo.DeviceType != "LINUX" || got[0].ResourceDetails[0].Id != "r1" {
		t.Fatalf("it shows as %+v", got)
	}
	if cells := b.Held(happened, happened, "vault"); cells[Cell{"", "vault"}] != 1 {
		t.Errorf("held are %v", cells)
	}
	if err := b.AddActivity("nobody@example.test", SeedActivity{Application: "login"}); err == nil {
		t.Error("nobody has an activity")
	}
	if err := b.AddActivity(Victim, SeedActivity{Application: "nosuch"}); err == nil {
		t.Error("an unknown application has an activity")
	}
	_, err := b.reports(Admin).Activities.List("all", "vault").ApplicationInfoFilter("clientId=1").Do()
	wantError(t, err, http.StatusBadRequest, "invalidParameter")
}

// TestAllThatIsHeldIsServed compares what a reader of everything got with what the tenant says that it holds, user by
// user, with late activities and an odd size of pages.
func TestAllThatIsHeldIsServed(t *testing.T) {
	w := newWire(t, Config{Users: 60, Quotas: Quotas{Reports: -1}})
	d := served(t)["reports.activities.list"]
	from, to := Start().AddDate(0, 0, -9), Start().Add(-time.Hour)
	got := map[Cell]int{}
	for _, application := range Applications() {
		for _, a := range w.logOf(d, application, from, to, 333) {
			got[Cell{text(a["actor"].(object), "email"), application}]++
		}
	}
	held, served := w.Held(from, to), w.Served()
	if len(held) == 0 || len(held) != len(got) || len(held) != len(served) {
		t.Fatalf("%d cells held, %d served, %d got", len(held), len(served), len(got))
	}
	for cell, n := range held {
		if got[cell] != n || served[cell] != n {
			t.Errorf("%v: %d held, %d served, %d got", cell, n, served[cell], got[cell])
		}
	}
}

func TestVolumeIsExactAndFlat(t *testing.T) {
	b := newBench(t, Config{Users: 2000, Quiet: true, Lag: func(string) time.Duration { return 0 }, Volume: func(application string) int {
		return map[string]int{"drive": 30, "login": 2, "keep": -1}[application]
	}})
	day := Start().AddDate(0, 0, -5).Truncate(dayLength)
	b.clock.Advance(48 * time.Hour) // now the late ones show too
	held := b.Held(day, day.Add(dayLength-time.Millisecond), "drive", "login", "keep", "admin")
	for _, email := range []string{Victim, Admin, "user1999@example.test"} {
		if held[Cell{email, "drive"}] != 30 || held[Cell{email, "login"}] != 2 || held[Cell{email, "keep"}] != 0 {
			t.Errorf("%s: %d of drive, %d of login, %d of keep", email, held[Cell{email, "drive"}], held[Cell{email, "login"}], held[Cell{email, "keep"}])
		}
	}
	w := wanted{application: "drive", user: -1, from: Start().AddDate(0, 0, -15), to: Start()}
	total := 0
	for {
		page := b.activities(w, b.clock.Now(), 50_000)
		if total += len(page); len(page) < 50_000 {
			break
		}
		w.after = page[len(page)-1].key
	}
	sum := 0
	for _, n := range b.Held(w.from, w.to, "drive") {
		sum += n
	}
	if total != sum || total < 15*1900*30 {
		t.Errorf("%d activities in pages, %d held", total, sum)
	}
	kept := 0
	for _, d := range b.thrown {
		kept += len(d.activities)
	}
	if kept > keptActivities || kept != b.keptActivities {
		t.Errorf("%d activities are kept, %d are counted", kept, b.keptActivities)
	}
}

func TestWhoIsSuspendedDoesNothingMore(t *testing.T) {
	b := newBench(t, Config{Volume: func(string) int { return 20 }, Quiet: true})
	count := func(from, to time.Time) int {
		shown, late := b.Activities("drive", "grace@example.test", from, to)
		return len(shown) + len(late)
	}
	suspendedAt := Start().Add(4 * time.Hour)
	b.clock.Advance(4 * time.Hour)
	must[*admin.User](t)(b.security().Users.Update("grace@example.test", suspendedUser(true)).Do())
	b.clock.Advance(48 * time.Hour)
	if got := count(Start(), suspendedAt); got == 0 {
		t.Error("nothing is left of the hours before")
	}
	if got := count(suspendedAt.Add(time.Millisecond), b.clock.Now()); got != 0 {
		t.Errorf("%d activities while suspended", got)
	}
	back := b.clock.Now()
	must[*admin.User](t)(b.security().Users.Update("grace@example.test", suspendedUser(false)).Do())
	b.clock.Advance(48 * time.Hour)
	if got := count(back, b.clock.Now()); got == 0 {
		t.Error("nothing after that")
	}
}

func suspendedUser(yes bool) *admin.User {
	return &admin.User{Suspended: yes, ForceSendFields: []string{"Suspended"}}
}

func TestEtagsOfPagesChangeWithThePage(t *testing.T) {
	b := newBench(t, Config{})
	ask := func() string {
		return must[*reports.Activities](t)(b.reports(Admin).Activities.List("all", "login").StartTime(Start().AddDate(0, 0, -2).Format(time.RFC3339)).Do()).Etag
	}
	first := ask()
	if ask() != first {
		t.Error("the same page has two tags")
	}
	b.must(b.AddActivity(Victim, SeedActivity{Application: "login", Time: Start().Add(-20 * time.Hour), Type: "login", Name: "logout"}))
	if ask() == first {
		t.Error("another page has the same tag")
	}
	names := []string{}
	for cell := range b.Served() {
		names = append(names, cell.Application)
	}
	if !slices.Contains(names, "login") {
		t.Errorf("served are %v", names)
	}
}
