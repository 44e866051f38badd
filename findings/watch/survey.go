package watch

import (
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/facts"
	"github.com/mbaudit/mbaudit/findings/networks"
)

// A Survey takes out of a case's analysis by which networks the users are known, and which devices are suspect: make it of the
// findings, show it every fact, and ask.
type Survey struct {
	devices  []Indicator
	home     Familiar             // from where a person said that it was him
	familiar map[string]time.Time // when an account's user first signed in from a network, by familiarKey
	networks map[string]*habit    // by network
	began    time.Time            // when the first address that a finding names was seen
}

// A habit is when a network was first used by whom it is known for, when first by somebody suspect, and when a finding first
// names an address in it.
type habit struct{ familiar, suspect, named time.Time }

// FromFindings makes a survey.
func FromFindings(all []*findings.Finding) *Survey {
	s := &Survey{home: Familiar{}, familiar: map[string]time.Time{}, networks: map[string]*habit{}}
	for _, f := range all {
		switch {
		case f.Recognition == findings.Recognised:
			for _, o := range f.Observed {
				fields := facts.Fact{Fields: o.Fields}
				if ip := fields.Text("ip"); f.Class == "access" && ip != "" {
					s.home.Add(f.Account, ip)
				}
			}
		case f.State == findings.Yes && f.Grade != findings.Context && (f.Examined || f.Grade != findings.Check):
			s.date(f)
		}
	}
	return s
}

// date notes when a finding names the address of who did something, and from which device he did.
func (s *Survey) date(f *findings.Finding) {
	for _, o := range f.Observed {
		fields := facts.Fact{Fields: o.Fields}
		network, suspect := networks.Prefix(fields.Text("ip")), fields.Is("source.suspect")
		if o.Kind != facts.KindAudit && o.Kind != facts.KindMailLog || network == "" || !suspect && f.Class != "access" && f.Class != "notice" {
			continue
		}
		if !o.Time.IsZero() {
			earliest(&s.habit(network).named, o.Time)
			earliest(&s.began, o.Time)
		}
		i := Indicator{Kind: Device, Value: fields.Text("device"), From: f.ID, Why: f.Title["en"]}
		if suspect && i.normalise() == nil && len(s.devices) < maxValues {
			s.devices = append(s.devices, i)
		}
	}
}

// Devices lists the devices that were at work where the source was suspect.
func (s *Survey) Devices() []Indicator { return s.devices }

func earliest(t *time.Time, at time.Time) {
	if t.IsZero() || at.Before(*t) {
		*t = at
	}
}

func (s *Survey) habit(network string) *habit {
	if s.networks[network] == nil {
		s.networks[network] = &habit{}
	}
	return s.networks[network]
}

// See takes a fact.
func (s *Survey) See(f *facts.Fact) {
	network := networks.Prefix(f.Text("ip"))
	if f.Kind != facts.KindAudit && f.Kind != facts.KindMailLog || network == "" || f.Is("duplicate") || len(s.networks) >= maxFamiliar {
		return
	}
	h := s.habit(network)
	_, judged := f.Get("source.new") // before that enough of the past is not known
	switch suspect := f.Is("source.suspect") || f.Is("source.suspect_elsewhere") || f.Is("source.new"); {
	case suspect:
		earliest(&h.suspect, f.Time)
	case judged && signedIn(f):
		earliest(&h.familiar, f.Time)
		first := s.familiar[familiarKey(f.Account, f.Text("ip"))]
		earliest(&first, f.Time)
		s.familiar[familiarKey(f.Account, f.Text("ip"))] = first
	}
}

// signedIn says that somebody got in, so that the network is one that people use; a failure makes nothing known.
func signedIn(f *facts.Fact) bool {
	switch name := f.Text("event.name"); f.Kind {
	case facts.KindAudit:
		return name == "login_success"
	default:
		return name == "sign-in" || name == "submission"
	}
}

// theirs says that people used the network before anything suspect came from it, and before any finding names it.
func (h *habit) theirs() bool {
	before := func(t time.Time) bool { return t.IsZero() || h.familiar.Before(t) }
	return h != nil && !h.familiar.IsZero() && before(h.suspect) && before(h.named)
}

// Familiar are the networks that the users are known by: where they signed in before any address that a finding names was seen,
// and from where a person said that it was him. Where the intruder was first, nobody is at home, however long he stayed.
func (s *Survey) Familiar() Familiar {
	known := Familiar{}
	for key, first := range s.familiar {
		_, network, _ := strings.Cut(key, "\x00")
		if s.networks[network].theirs() && (s.began.IsZero() || first.Before(s.began)) && len(known) < maxFamiliar {
			known[key] = true
		}
	}
	for key := range s.home {
		known[key] = true
	}
	return known
}
