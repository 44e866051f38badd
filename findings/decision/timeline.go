package decision

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/facts"
	"github.com/mbaudit/mbaudit/findings/networks"
)

// The lanes of a timeline.
const (
	LaneAttacker  = "attacker"  // from a source that was new for the person and that nobody has recognised
	LaneUser      = "user"      // from where the person is known
	LaneResponder = "responder" // out of the journal
)

// A TimelineEntry is one line of timeline.jsonl.
type TimelineEntry struct {
	Time     time.Time `json:"time"` // UTC
	Zone     string    `json:"zone"` // as the source wrote it
	Inferred string    `json:"inferred,omitempty"`
	Lane     string    `json:"lane"`
	Kind     string    `json:"kind"` // the fact's, or "journal"
	Name     string    `json:"name"` // the event's name, or the entry's type
	Account  string    `json:"account,omitempty"`
	Actor    string    `json:"actor,omitempty"`
	IP       string    `json:"ip,omitempty"`
	Detail   string    `json:"detail,omitempty"`  // a subject, a target, a description: as it was
	Exhibit  string    `json:"exhibit,omitempty"` // BUNDLE/P-000042
	At       string    `json:"at,omitempty"`      // where in it
	Findings []string  `json:"findings,omitempty"`
	Seq      uint64    `json:"journal,omitempty"`
	LeftOut  int64     `json:"left_out,omitempty"` // of the last line: how many of the user's events are not listed
}

// How many lines are kept of each lane.
const maxLane = 10_000

type timelineLines struct {
	attacker, user []TimelineEntry
	leftOut        int64
}

// see keeps what belongs on a timeline: all that was done from a new source, and of the rest sign-ins, changes of settings
// and rights, sending and deleting.
func (l *timelineLines) see(f *facts.Fact) {
	if f.Time.IsZero() || !slices.Contains(dated(), f.Kind) && !f.Is("reply.orphan") {
		return
	}
	lane, list := LaneUser, &l.user
	if f.Is("source.suspect") {
		lane, list = LaneAttacker, &l.attacker
	} else if !notable(f) {
		return
	}
	if len(*list) >= maxLane {
		l.leftOut++
		return
	}
	*list = append(*list, TimelineEntry{Time: f.Time, Zone: f.Zone, Inferred: f.Inferred, Lane: lane, Kind: f.Kind, Name: cmp.Or(eventName(f), f.Kind), Account: f.Account,
		Actor: f.Text("actor"), IP: f.Text("ip"), Detail: firstOf(f, "message_info.subject", "subject", "target", "app_name", "doc_title", "application_name", "device_model", "name", "reason", "what"),
		Exhibit: placeOf(f), At: f.Locator})
}

// dated lists the kinds of facts of which something may stand on a timeline.
func dated() []string {
	return []string{facts.KindAudit, facts.KindMailLog, facts.KindAppPassword, facts.KindDevice, facts.KindHistory, facts.KindFileActivity, facts.KindSettingChange}
}

// eventName is what an event is called; those of Gmail's log have a number only.
func eventName(f *facts.Fact) string {
	if kind := f.Text("event_info.mail_event_type"); kind != "" {
		names := map[string]string{"1": "sent", "2": "received", "7": "opened", "9": "replied", "10": "forwarded", "11": "auto-forwarded", "13": "moved to trash", "15": "link clicked",
			"17": "attachment downloaded", "27": "deleted for good", "30": "bounced", "31": "viewed", "32": "downloaded", "33": "read by an application", "34": "delegation granted"}
		return cmp.Or(names[kind], "mail event "+kind)
	}
	if f.Kind == facts.KindSettingChange {
		return "setting " + f.Text("change")
	}
	return firstOf(f, "event.name", "action")
}

func firstOf(f *facts.Fact, names ...string) string {
	for _, name := range names {
		if s := f.Text(name); s != "" {
			return s
		}
	}
	return ""
}

// notable says whether an event that is not from a new source is worth a line.
func notable(f *facts.Fact) bool {
	switch f.Kind {
	case facts.KindHistory:
		return slices.Contains([]string{"deleted", "trashed", "spam"}, f.Text("action"))
	case facts.KindFileActivity:
		return f.Text("event.name") == "permissionChange" || f.Text("event.name") == "delete"
	case facts.KindMailLog:
		return slices.Contains([]string{"sign-in", "failure", "submission", "expunge", "script"}, f.Text("event.name"))
	case facts.KindAudit:
		switch f.Text("event.service") {
		case "login", "token", "admin", "mobile", "saml", "takeout", "vault", "groups_enterprise":
			return true
		case "gmail":
			return slices.Contains([]string{"1", "9", "10", "11", "13", "15", "27", "34"}, f.Text("event_info.mail_event_type"))
		}
		return false
	}
	return true
}

// Timeline gives the lines in the order of time: what the facts tell, and what the journal has of the responders.
func (s *Survey) Timeline(result *findings.Result, entries []journal.Entry) []TimelineEntry {
	named := places(result)
	recognised := recognisedNetworks(result)
	all := make([]TimelineEntry, 0, len(s.lines.attacker)+len(s.lines.user)+len(entries))
	for _, e := range slices.Concat(s.lines.attacker, s.lines.user) {
		e.Findings = named[e.Exhibit+" "+e.At]
		if e.Lane == LaneAttacker && recognised[key(cmp.Or(e.Actor, e.Account), networks.Prefix(e.IP))] {
			e.Lane = LaneUser
		}
		all = append(all, e)
	}
	for _, e := range entries {
		line := TimelineEntry{Time: e.EventTime.UTC(), Zone: e.EventTime.Format("Z07:00"), Lane: LaneResponder, Kind: "journal", Name: string(e.Type), Account: e.Account,
			Actor: e.Informant, Detail: e.Description, Seq: e.Seq}
		if e.EventTime.IsZero() {
			line.Time, line.Zone = e.RecordedTime.UTC(), "Z"
		}
		all = append(all, line)
	}
	slices.SortStableFunc(all, func(a, b TimelineEntry) int {
		return cmp.Or(a.Time.Compare(b.Time), strings.Compare(a.Lane, b.Lane), strings.Compare(a.Exhibit+" "+a.At, b.Exhibit+" "+b.At))
	})
	if len(all) > 0 {
		all[len(all)-1].LeftOut = s.lines.leftOut
	}
	return all
}

// places says which findings were seen where.
func places(result *findings.Result) map[string][]string {
	named := map[string][]string{}
	for _, f := range result.Findings {
		for _, o := range f.Observed {
			k := o.Bundle + "/" + o.Exhibit + " " + o.Locator
			if !slices.Contains(named[k], f.ID) {
				named[k] = append(named[k], f.ID)
			}
		}
	}
	return named
}

// recognisedNetworks lists where the person says to have been: account and network.
func recognisedNetworks(result *findings.Result) map[string]bool {
	known := map[string]bool{}
	for _, f := range result.Findings {
		if f.Recognition != findings.Recognised || f.Class != "access" {
			continue
		}
		for _, o := range f.Observed {
			ip, _ := fieldOf(o, "ip")
			if prefix := networks.Prefix(ip); prefix != "" {
				known[key(f.Account, prefix)] = true
			}
		}
	}
	return known
}

func fieldOf(o *findings.Observation, name string) (string, bool) {
	for _, field := range o.Fields {
		if field.Name == name {
			return field.Value.String(), true
		}
	}
	return "", false
}
