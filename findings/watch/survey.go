package watch

import (
	"net/netip"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/facts"
	"github.com/mbaudit/mbaudit/findings/networks"
)

// A Survey takes out of a case's analysis what is to be watched for, and by which networks the users are known: make it of the
// findings, show it every fact, in the order of their times, and ask for Indicators and Familiar.
type Survey struct {
	named      map[string]*Indicator // by kind and value
	order      []string
	recognised map[string]bool
	refused    map[string]bool
	home       Familiar             // from where a person said that it was him
	familiar   map[string]time.Time // when an account's user first signed in from a network, by familiarKey
	networks   map[string]*habit    // by network
	began      time.Time            // when the first address that a finding names was seen
}

// A habit is when a network was first used by whom it is known for, when first by somebody suspect, and when a finding first
// names an address in it.
type habit struct{ familiar, suspect, named time.Time }

// A LeftOut is what the findings name and nobody watches for.
type LeftOut struct {
	Indicator
	Reason Reason
}

// A Reason is why something is left out.
type Reason string

// The reasons.
const (
	Recognised Reason = "recognised" // a person said that it was him
	UsedBefore Reason = "used"       // people used the network before anything suspect came from it
	NotRouted  Reason = "not routed" // the address is private: it is somebody else's in every network
)

// FromFindings makes a survey.
func FromFindings(all []*findings.Finding) *Survey {
	s := &Survey{named: map[string]*Indicator{}, recognised: map[string]bool{}, refused: map[string]bool{}, home: Familiar{}, familiar: map[string]time.Time{}, networks: map[string]*habit{}}
	for _, f := range all {
		for _, i := range named(f) {
			switch f.Recognition {
			case findings.Recognised:
				s.recognised[exactKey(i.Kind, i.Value)] = true
				if i.Kind == IP && f.Class == "access" {
					s.home.Add(f.Account, i.Value)
				}
			case findings.NotRecognised:
				s.refused[exactKey(i.Kind, i.Value)] = true
			}
		}
	}
	for _, f := range all {
		if f.State != findings.Yes || f.Grade == findings.Context || !f.Examined && f.Grade == findings.Check {
			continue
		}
		for _, i := range named(f) {
			s.take(i)
		}
		if f.Recognition != findings.Recognised {
			s.date(f)
		}
	}
	return s
}

// date notes when a finding names the addresses of its observations.
func (s *Survey) date(f *findings.Finding) {
	one := *f
	for _, o := range f.Observed {
		one.Observed = []*findings.Observation{o}
		for _, i := range named(&one) {
			if network := networks.Prefix(i.Value); i.Kind == IP && network != "" && !o.Time.IsZero() {
				earliest(&s.habit(network).named, o.Time)
				earliest(&s.began, o.Time)
			}
		}
	}
}

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

func (s *Survey) take(i Indicator) {
	if i.normalise() != nil {
		return // what a hostile log put there
	}
	key := exactKey(i.Kind, i.Value)
	if s.named[key] == nil && len(s.named) < maxIndicators {
		s.named[key] = &i
		s.order = append(s.order, key)
	}
}

// named lists what a finding names that can be looked for in a log.
func named(f *findings.Finding) []Indicator {
	var all []Indicator
	for _, o := range f.Observed {
		fields := facts.Fact{Fields: o.Fields}
		add := func(k Kind, v facts.Value) {
			for _, value := range v.All() {
				if value != "" {
					all = append(all, Indicator{Kind: k, Value: value, From: f.ID, Why: f.Title["en"]})
				}
			}
		}
		suspect := fields.Is("source.suspect")
		ip, _ := fields.Get("ip")
		switch o.Kind {
		case facts.KindAudit, facts.KindMailLog:
			if f.Class == "access" || f.Class == "notice" || suspect {
				add(IP, ip)
			}
			if device, ok := fields.Get("device"); ok && suspect {
				add(Device, device)
			}
		case facts.KindAlert:
			add(IP, ip)
		case facts.KindMessage:
			if fields.Is("sent") && (suspect || fields.Is("source.new")) {
				add(IP, ip)
			}
		}
		for _, field := range []string{"client_id", "clientid"} {
			if client, ok := fields.Get(field); ok && f.Class == "application" {
				add(Client, client)
			}
		}
	}
	return all
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

// Indicators lists what to watch for, and what is left out.
func (s *Survey) Indicators() (watched []Indicator, left []LeftOut) {
	for _, key := range s.order {
		i := *s.named[key]
		addr, _ := netip.ParseAddr(strings.TrimSuffix(i.Value, "/64"))
		switch {
		case s.recognised[key] && !s.refused[key]:
			left = append(left, LeftOut{i, Recognised})
		case i.Kind == IP && !routed(addr):
			left = append(left, LeftOut{i, NotRouted})
		case i.Kind == IP && !s.refused[key] && s.networks[networks.Prefix(addr.String())].theirs():
			left = append(left, LeftOut{i, UsedBefore})
		default:
			watched = append(watched, i)
		}
	}
	return watched, left
}

func routed(a netip.Addr) bool {
	return a.IsValid() && !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast() && !a.IsMulticast() && !a.IsUnspecified()
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
