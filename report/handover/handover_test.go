package handover_test

import (
	"encoding/json"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/decision"
	"github.com/mbaudit/mbaudit/findings/facts"
	"github.com/mbaudit/mbaudit/findings/suspects"
	"github.com/mbaudit/mbaudit/internal/casefile"
	"github.com/mbaudit/mbaudit/report"
	"github.com/mbaudit/mbaudit/report/handover"
)

const (
	bundle = "01JDCTZ0000000000000000000"
	alice  = "alice@example.test"
	sum    = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
)

var when = time.Date(2026, 10, 12, 7, 3, 4, 0, time.UTC)

// A scene is a case in the making: findings with what they saw, and facts.
type scene struct {
	in    handover.Inputs
	facts []*facts.Fact
	n     int
}

func newScene() *scene {
	c := casefile.New("2026-0042", casefile.Operator{Name: "Op Erator"}, when.Add(72*time.Hour))
	c.Organisation, c.OwnDomains, c.TimeZone = "Menuiserie Dulac", []string{"example.test"}, "Europe/Paris"
	return &scene{in: handover.Inputs{Case: c, Tool: "mbaudit test", Bundles: []handover.Bundle{{ID: bundle, TagManifest: sum, SealedAt: when.Add(72 * time.Hour)}},
		Findings: &findings.Result{MadeAt: when.Add(73 * time.Hour), Own: []string{"example.test"}, Bundles: []string{bundle}},
		Decision: &decision.Decision{Accounts: []string{alice}, InForce: decision.Major, Confirmation: decision.Axis{Established: 3}}}}
}

// finding adds a finding of a class with what one observation has. Its id is its rule's name.
func (s *scene) finding(rule, class string, grade findings.Grade, kind string, fields map[string]any, change ...func(*findings.Finding)) {
	s.n++
	list, err := facts.FieldsOf(fields)
	if err != nil {
		panic(err)
	}
	f := &findings.Finding{ID: "F-" + rule, Rule: rule, Class: class, Technique: []string{"T1114.003"}, Account: alice, Grade: grade, Strength: "strong", State: findings.Yes, Examined: true,
		Title: map[string]string{"fr": "constat " + rule, "en": "finding " + rule}, Count: 1, First: when, Last: when, Exhibits: []string{bundle + "/P-000007"},
		Observed: []*findings.Observation{{Bundle: bundle, Exhibit: "P-000007", Locator: "/" + rule, Kind: kind, Time: when, Fields: list}}}
	for _, c := range change {
		c(f)
	}
	s.in.Findings.Findings = append(s.in.Findings.Findings, f)
}

// ground makes the incident confirmed by a finding.
func (s *scene) ground(rule string) {
	s.in.Decision.Confirmation.Grounds = append(s.in.Decision.Confirmation.Grounds, decision.Ground{Value: 3, Finding: "F-" + rule})
}

func (s *scene) fact(kind string, at time.Time, fields map[string]any) {
	s.n++
	list, err := facts.FieldsOf(fields)
	if err != nil {
		panic(err)
	}
	s.facts = append(s.facts, &facts.Fact{Kind: kind, Account: alice, Bundle: bundle, Exhibit: "P-000009", Locator: "/" + string(rune('a'+s.n)), Time: at, Fields: list})
}

func (s *scene) build(t *testing.T) *handover.Handover {
	t.Helper()
	s.in.Facts = sequence(s.facts)
	h, err := handover.Build(s.in)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func sequence[T any](list []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, x := range list {
			if !yield(x, nil) {
				return
			}
		}
	}
}

func recognised(f *findings.Finding)    { f.Recognition = findings.Recognised }
func notRecognised(f *findings.Finding) { f.Recognition = findings.NotRecognised }
func elsewhere(f *findings.Finding)     { f.Examined = false }

func find(h *handover.Handover, kind suspects.Kind, value string) *suspects.Indicator {
	i := slices.IndexFunc(h.Indicators, func(x suspects.Indicator) bool { return x.Kind == kind && x.Value == value })
	if i < 0 {
		return nil
	}
	return &h.Indicators[i]
}

// A suspect sign-in from an address, as an audit log's finding shows it.
func from(ip string) map[string]any { return map[string]any{"ip": ip, "source.suspect": true} }

// TestWhatIsAnIndicator: what a finding names is confirmed, possible, or none, and the reason stands beside it.
func TestWhatIsAnIndicator(t *testing.T) {
	for _, test := range []struct {
		name  string
		kind  suspects.Kind
		value string
		scene func(s *scene)
		want  suspects.Status // "" for none
		alarm bool
		why   string // in a warning, or why it is left out; "-": it is not even listed
	}{
		{name: "a ground of the decision", kind: suspects.KindIP, value: "185.220.101.4", want: suspects.Confirmed, alarm: true, scene: func(s *scene) {
			s.finding("a", "credential", findings.Probable, facts.KindAudit, from("185.220.101.4"))
			s.ground("a")
		}},
		{name: "no ground", kind: suspects.KindIP, value: "185.220.101.4", want: suspects.Possible, alarm: true, scene: func(s *scene) {
			s.finding("a", "credential", findings.Confirmed, facts.KindAudit, from("185.220.101.4"))
		}},
		{name: "the person denies it", kind: suspects.KindIP, value: "185.220.101.4", want: suspects.Confirmed, alarm: true, scene: func(s *scene) {
			s.finding("a", "access", findings.Confirmed, facts.KindAudit, from("185.220.101.4"), notRecognised)
		}},
		{name: "the person recognises it", kind: suspects.KindIP, value: "185.220.101.4", why: "the person recognises it", scene: func(s *scene) {
			s.finding("a", "access", findings.Context, facts.KindAudit, from("185.220.101.4"), recognised)
			s.finding("b", "access", findings.Check, facts.KindAudit, from("185.220.101.4"))
		}},
		{name: "recognised and denied", kind: suspects.KindIP, value: "185.220.101.4", want: suspects.Confirmed, alarm: true, why: "another says otherwise", scene: func(s *scene) {
			s.finding("a", "access", findings.Context, facts.KindAudit, from("185.220.101.4"), recognised)
			s.finding("b", "forwarding", findings.Confirmed, facts.KindAudit, from("185.220.101.4"), notRecognised)
		}},
		{name: "recognised, but the incident is confirmed by another finding", kind: suspects.KindIP, value: "185.220.101.4", want: suspects.Confirmed, why: "another says otherwise", scene: func(s *scene) {
			s.finding("a", "access", findings.Context, facts.KindAudit, from("185.220.101.4"), recognised)
			s.finding("b", "forwarding", findings.Confirmed, facts.KindAudit, from("185.220.101.4"))
			s.ground("b")
		}},
		{name: "only context", kind: suspects.KindIP, value: "185.220.101.4", why: "-", scene: func(s *scene) {
			s.finding("a", "access", findings.Context, facts.KindAudit, from("185.220.101.4"))
		}},
		{name: "a traveller of another account", kind: suspects.KindIP, value: "185.220.101.4", why: "-", scene: func(s *scene) {
			s.finding("a", "access", findings.Check, facts.KindAudit, from("185.220.101.4"), elsewhere)
		}},
		{name: "private", kind: suspects.KindIP, value: "10.1.2.3", why: "does not route", scene: func(s *scene) {
			s.finding("a", "access", findings.Probable, facts.KindAudit, from("10.1.2.3"))
			s.ground("a")
		}},
		{name: "carrier's", kind: suspects.KindIP, value: "100.64.3.3", why: "does not route", scene: func(s *scene) {
			s.finding("a", "access", findings.Probable, facts.KindAudit, from("100.64.3.3"))
		}},
		{name: "loopback in IPv6", kind: suspects.KindIP, value: "::1", why: "does not route", scene: func(s *scene) {
			s.finding("a", "access", findings.Probable, facts.KindAudit, from("::1"))
		}},
		{name: "mapped", kind: suspects.KindIP, value: "185.220.101.4", want: suspects.Possible, alarm: true, scene: func(s *scene) {
			s.finding("a", "access", findings.Probable, facts.KindAudit, from("::ffff:185.220.101.4"))
		}},
		{name: "no address", kind: suspects.KindIP, value: "1.2.3.4; drop", why: "no plain", scene: func(s *scene) {
			s.finding("a", "access", findings.Probable, facts.KindAudit, from("1.2.3.4; drop"))
		}},
		{name: "for examples", kind: suspects.KindIP, value: "203.0.113.77", want: suspects.Possible, alarm: true, why: "exercise", scene: func(s *scene) {
			s.finding("a", "access", findings.Probable, facts.KindAudit, from("203.0.113.77"))
		}},
		{name: "Google's range", kind: suspects.KindIP, value: "209.85.220.41", want: suspects.Confirmed, why: "Google", scene: func(s *scene) {
			s.finding("a", "access", findings.Probable, facts.KindAudit, from("209.85.220.41"))
			s.ground("a")
		}},
		{name: "Microsoft's autonomous system", kind: suspects.KindIP, value: "20.1.2.3", want: suspects.Possible, why: "Microsoft", scene: func(s *scene) {
			s.finding("a", "access", findings.Probable, facts.KindAudit, from("20.1.2.3"))
			s.fact(facts.KindAudit, when, map[string]any{"ip": "20.1.2.3", "source.suspect": true, "asn": 8075})
		}},
		{name: "the office", kind: suspects.KindIP, value: "185.1.1.9", why: "used this network before", scene: func(s *scene) {
			s.finding("a", "access", findings.Probable, facts.KindAudit, from("185.1.1.9"))
			s.fact(facts.KindAudit, when.Add(-240*time.Hour), map[string]any{"ip": "185.1.1.7", "event.name": "login_success", "event.service": "login", "source.new": false})
			s.fact(facts.KindAudit, when, map[string]any{"ip": "185.1.1.9", "source.suspect": true})
		}},
		{name: "an intruder who stayed until nothing was new any more", kind: suspects.KindIP, value: "185.220.101.4", want: suspects.Possible, alarm: true, scene: func(s *scene) {
			s.finding("a", "access", findings.Probable, facts.KindAudit, from("185.220.101.4"))
			s.fact(facts.KindAudit, when, map[string]any{"ip": "185.220.101.4", "source.suspect": true})
			s.fact(facts.KindAudit, when.Add(400*time.Hour), map[string]any{"ip": "185.220.101.4", "event.name": "login_success", "event.service": "login", "source.new": false})
		}},
		{name: "an intruder before enough was known to call anything new", kind: suspects.KindIP, value: "185.220.101.4", want: suspects.Possible, alarm: true, scene: func(s *scene) {
			s.finding("a", "access", findings.Probable, facts.KindAudit, map[string]any{"ip": "185.220.101.4"})
			s.fact(facts.KindAudit, when.Add(-time.Hour), map[string]any{"ip": "185.220.101.4", "event.name": "login_success", "event.service": "login"})
		}},
		{name: "the mail server of a received message", kind: suspects.KindIP, value: "185.1.1.9", why: "-", scene: func(s *scene) {
			s.finding("a", "fraud", findings.Probable, facts.KindMessage, map[string]any{"ip": "185.1.1.9", "from": "x@client.example"})
		}},
		{name: "a change from where the person always is", kind: suspects.KindIP, value: "185.1.1.9", why: "-", scene: func(s *scene) {
			s.finding("a", "credential", findings.Check, facts.KindAudit, map[string]any{"ip": "185.1.1.9", "source.suspect": false})
		}},
		{name: "where mail goes", kind: suspects.KindEmail, value: "drop@webfree.example", want: suspects.Confirmed, alarm: true, scene: func(s *scene) {
			s.finding("a", "forwarding", findings.Confirmed, facts.KindForwarding, map[string]any{"target": "Drop@webfree.example"})
			s.ground("a")
		}},
		{name: "a colleague", kind: suspects.KindEmail, value: "bob@mail.example.test", why: "an address of the organisation", scene: func(s *scene) {
			s.finding("a", "delegation", findings.Probable, facts.KindDelegate, map[string]any{"target": "bob@mail.example.test"})
		}},
		{name: "her own, perhaps", kind: suspects.KindEmail, value: "alice.x@gmail.com", want: suspects.Possible, why: "may be theirs", scene: func(s *scene) {
			s.finding("a", "forwarding", findings.Probable, facts.KindForwarding, map[string]any{"target": "alice.x@gmail.com"})
		}},
		{name: "an address with a quotation mark and a line break", kind: suspects.KindEmail, value: "a\"\n'x@evil.example", why: "no plain", scene: func(s *scene) {
			s.finding("a", "forwarding", findings.Probable, facts.KindForwarding, map[string]any{"target": "a\"\n'x@evil.example"})
		}},
		{name: "a folder that a rule files into", kind: suspects.KindEmail, value: "archive", why: "-", scene: func(s *scene) {
			s.finding("a", "hiding", findings.Probable, facts.KindRuleAction, map[string]any{"target": "Archive"})
		}},
		{name: "a look-alike domain", kind: suspects.KindDomain, value: "examp1e.test", want: suspects.Possible, alarm: true, scene: func(s *scene) {
			s.finding("a", "fraud", findings.Probable, facts.KindMessage, map[string]any{"from": "ceo@examp1e.test"})
		}},
		{name: "a program that many use", kind: suspects.KindClient, value: "7718.apps.googleusercontent.com", want: suspects.Possible, why: "program that many use", scene: func(s *scene) {
			s.finding("a", "application", findings.Probable, facts.KindToken, map[string]any{"clientid": "7718.apps.googleusercontent.com"})
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScene()
			test.scene(s)
			h := s.build(t)
			x := find(h, test.kind, test.value)
			if test.want == "" {
				if x != nil {
					t.Fatalf("%q is an indicator: %+v", test.value, x)
				}
				i := slices.IndexFunc(h.LeftOut, func(l suspects.LeftOut) bool { return l.Kind == test.kind && l.Value == test.value })
				switch {
				case test.why == "-" && i >= 0:
					t.Errorf("it is listed among what was left out: %+v", h.LeftOut[i])
				case test.why != "-" && (i < 0 || !strings.Contains(h.LeftOut[i].Why.EN, test.why) || h.LeftOut[i].Why.FR == ""):
					t.Errorf("left out: %+v, want %q", h.LeftOut, test.why)
				}
				return
			}
			if x == nil {
				t.Fatalf("%q is no indicator; left out: %+v", test.value, h.LeftOut)
			}
			if x.Status != test.want || x.Alarm() != test.alarm || len(x.Reasons) == 0 || len(x.Exhibits) == 0 || x.Confidence == 0 || (x.Status == suspects.Confirmed) != (x.Confidence == 85) {
				t.Errorf("%+v", x)
			}
			if warnings, _ := json.Marshal(x.Warnings); test.why != "" && !strings.Contains(string(warnings), test.why) || test.why == "" && len(x.Warnings) > 0 {
				t.Errorf("warnings %s, want %q", warnings, test.why)
			}
		})
	}
}

// fraud is a case with two fraudulent messages, of which a log knows one without its recipients and the mailbox the other.
func fraud() *scene {
	s := newScene()
	s.finding("sign-in", "access", findings.Probable, facts.KindAudit, from("185.220.101.4"))
	s.ground("sign-in")
	s.finding("forward", "forwarding", findings.Confirmed, facts.KindForwarding, map[string]any{"target": "drop@webfree.example"})
	s.ground("forward")
	s.fact(facts.KindAudit, when.Add(time.Hour), map[string]any{"event_info.mail_event_type": 1, "ip": "185.220.101.4", "source.suspect": true, "message_info.subject": "Nouveau RIB",
		"message_info.rfc2822_message_id": "<m1@example.test>", "message_info.attachment.sha256": sum, "asn": 64511, "country": "NG"})
	s.fact(facts.KindMessage, when.Add(time.Hour), map[string]any{"sent": true, "message_id": "m1@example.test", "subject": "Nouveau RIB",
		"recipients": []any{"Compta@client.example", "bob@example.test", "drop@webfree.example", alice}})
	s.fact(facts.KindAudit, when.Add(2*time.Hour), map[string]any{"event_info.mail_event_type": 1, "ip": "185.220.101.4", "source.suspect": true, "message_info.subject": "=cmd|' /C calc'!A0",
		"message_info.rfc2822_message_id": "<m2@example.test>"})
	s.fact(facts.KindMessage, when.Add(3*time.Hour), map[string]any{"sent": true, "ip": "185.220.101.4", "source.suspect": true, "personal": true, "message_id": "m3@example.test", "recipients": []any{"mother@family.example"}})
	s.fact(facts.KindMessage, when.Add(-100*time.Hour), map[string]any{"sent": true, "message_id": "m0@example.test", "subject": "Bonjour", "recipients": []any{"friend@client.example"}})
	s.in.Findings.Outcomes = []findings.Outcome{{Rule: "sent-new-source", Account: alice, State: findings.Unknown,
		Missing: []findings.Missing{{What: map[string]string{"fr": "quels messages", "en": "which messages"}, Source: "messages", Reason: "refused"}}}}
	return s
}

func TestWhomToWarn(t *testing.T) {
	h := fraud().build(t)
	if len(h.Messages) != 2 || h.Messages[0].ID != "m1@example.test" || h.Messages[1].Recipients != nil || h.Personal != 1 {
		t.Fatalf("messages %+v, %d personal", h.Messages, h.Personal)
	}
	var got []string
	for _, c := range h.Contacts {
		got = append(got, c.Address)
	}
	if want := []string{"compta@client.example", "bob@example.test"}; !slices.Equal(got, want) || !h.Contacts[1].Inside || h.Contacts[0].Status != suspects.Confirmed {
		t.Errorf("contacts %+v, want %v", h.Contacts, want)
	}
	if len(h.Blind) != 1 || h.Blind[0].Reason != "refused" {
		t.Errorf("blind %+v", h.Blind)
	}
	if x := find(h, suspects.KindFile, sum); x == nil || x.Status != suspects.Confirmed {
		t.Errorf("the attached file: %+v", x)
	}
}

// TestAVictimIsWarned: a customer whose answer quotes the fraudulent message is named by a finding as well. They stay in the list, with
// a word of caution, no alarm is set on their address, and who may not have correspondents does not get it.
func TestAVictimIsWarned(t *testing.T) {
	s := fraud()
	s.finding("bank-change-announced", "fraud", findings.Check, facts.KindMessage, map[string]any{"from": "compta@client.example"})
	h := s.build(t)
	if len(h.Contacts) != 2 || h.Contacts[0].Address != "compta@client.example" || !h.Contacts[0].Named {
		t.Errorf("contacts %+v", h.Contacts)
	}
	x := find(h, suspects.KindEmail, "compta@client.example")
	if x == nil || x.Status != suspects.Possible || !x.Received || x.Alarm() {
		t.Errorf("the customer's address: %+v", x)
	}
	if find(h.For(report.Partner), suspects.KindEmail, "compta@client.example") != nil || find(h.For(report.Police), suspects.KindEmail, "compta@client.example") == nil {
		t.Error("a customer's address goes to whom it may not, or not to whom it should")
	}
}

// TestTheQueueTellsTheRecipients: a mail server's log says on one line who handed a message in, on others what its Message-ID is and
// whom it went to. A copy in the mailbox is the same message.
func TestTheQueueTellsTheRecipients(t *testing.T) {
	s := newScene()
	s.finding("sign-in", "access", findings.Probable, facts.KindMailLog, from("185.220.101.4"))
	s.fact(facts.KindMailLog, when, map[string]any{"event.name": "submission", "ip": "185.220.101.4", "source.suspect": true, "queue_id": "3F2A"})
	s.fact(facts.KindMailLog, when, map[string]any{"event.name": "received", "queue_id": "3F2A", "message_id": "m1@example.test"})
	s.fact(facts.KindMailLog, when.Add(time.Second), map[string]any{"event.name": "delivery", "queue_id": "3F2A", "action": "sent", "target": "A@client.example"})
	s.fact(facts.KindMailLog, when.Add(time.Second), map[string]any{"event.name": "delivery", "queue_id": "3F2A", "action": "bounced", "target": "b@client.example"})
	s.fact(facts.KindMailLog, when.Add(time.Second), map[string]any{"event.name": "delivery", "queue_id": "3F2A", "target": "forged@client.example", "ambiguous": true})
	s.fact(facts.KindMailLog, when.Add(time.Second), map[string]any{"event.name": "delivery", "queue_id": "77FF", "target": "c@client.example"})
	s.fact(facts.KindMessage, when.Add(2*time.Second), map[string]any{"sent": true, "ip": "185.220.101.4", "source.suspect": true, "message_id": "m1@example.test", "subject": "RIB",
		"recipients": []any{"a@client.example", "d@client.example"}})
	s.fact(facts.KindMailLog, when.Add(400*time.Hour), map[string]any{"event.name": "delivery", "queue_id": "3F2A", "target": "late@client.example"})
	h := s.build(t)
	if len(h.Messages) != 1 || h.Messages[0].ID != "m1@example.test" || h.Messages[0].Subject != "RIB" || !slices.Equal(h.Messages[0].Recipients, []string{"a@client.example", "b@client.example", "d@client.example"}) {
		t.Errorf("%+v", h.Messages)
	}
}

// TestARecognisedMessageWarnsNobody: what the person says to have sent is no fraud, and neither is what was sent from where the
// person says to have been.
func TestARecognisedMessageWarnsNobody(t *testing.T) {
	s := newScene()
	s.finding("sign-in", "access", findings.Context, facts.KindAudit, from("185.220.101.4"), recognised)
	s.fact(facts.KindMessage, when, map[string]any{"sent": true, "ip": "185.220.101.9", "source.suspect": true, "message_id": "m1@x", "recipients": []any{"a@client.example"}})
	if h := s.build(t); len(h.Messages)+len(h.Contacts) != 0 {
		t.Errorf("%+v %+v", h.Messages, h.Contacts)
	}
	s = newScene()
	s.finding("sent-money-suspect", "fraud", findings.Context, facts.KindMessage, map[string]any{"sent": true}, recognised, func(f *findings.Finding) { f.Observed[0].Exhibit, f.Observed[0].Locator = "P-000009", "/c" })
	s.fact(facts.KindMessage, when, map[string]any{"sent": true, "ip": "185.220.101.9", "source.suspect": true, "message_id": "m1@x", "recipients": []any{"a@client.example"}})
	s.facts[0].Locator = "/c"
	if h := s.build(t); len(h.Messages)+len(h.Contacts) != 0 {
		t.Errorf("%+v %+v", h.Messages, h.Contacts)
	}
}

func TestAudiences(t *testing.T) {
	s := fraud()
	s.in.Journal = []journal.Line{{Entry: journal.Entry{Seq: 4, Confidentiality: "board"}}}
	s.in.Timeline = sequence([]*decision.TimelineEntry{{Time: when, Lane: decision.LaneAttacker, Name: "login_success", Account: alice, IP: "185.220.101.4", Detail: "Nouveau RIB"},
		{Time: when, Lane: decision.LaneResponder, Seq: 4, Detail: "the board decided"}})
	whole := s.build(t)
	for _, test := range []struct {
		audience report.Audience
		refused  []string
		lacks    []string
	}{
		{audience: report.Cell},
		{audience: report.Police, lacks: []string{"the board decided"}},
		{audience: report.CNIL, refused: []string{"stix", "misp", "sigma", "suricata", "contacts", "iris"}, lacks: []string{"the board decided", "Nouveau RIB", "compta@client.example", "m1@"}},
		{audience: report.Insurer, refused: []string{"stix", "misp", "sigma", "suricata", "contacts", "iris"}, lacks: []string{"the board decided", "Nouveau RIB", "compta@client.example", "m1@"}},
		{audience: report.Partner, refused: []string{"timesketch", "contacts", "iris"}, lacks: []string{"the board decided", "Nouveau RIB", "compta@client.example", alice, "Op Erator", "Menuiserie"}},
	} {
		part := whole.For(test.audience)
		for _, format := range handover.Formats() {
			files, err := format.Files(part, options("fr"))
			if refused := slices.Contains(test.refused, format.Name); refused != (err != nil) {
				t.Errorf("%s for %s: %v", format.Name, test.audience, err)
			}
			for _, f := range files {
				for _, text := range test.lacks {
					if strings.Contains(string(f.Data), text) {
						t.Errorf("%s for %s: %s has %q", format.Name, test.audience, f.Name, text)
					}
				}
			}
		}
	}
	if len(whole.Contacts) == 0 || whole.Audience != report.Cell {
		t.Error("the whole one was changed")
	}
}

func options(language string) handover.Options {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		panic(err)
	}
	return handover.Options{Language: language, Zone: paris, TLP: "amber", Now: when.Add(80 * time.Hour)}
}
