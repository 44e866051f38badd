package facts

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/findings/networks"
)

// What it takes to know a person's ways: as many deeds, on as many days, the first that long ago.
const (
	baselineDeeds = 5
	baselineDays  = 3
	baselineSpan  = 3 * 24 * time.Hour

	suspectFor    = 14 * 24 * time.Hour // for how long a new source stays one
	sessionPause  = 30 * time.Minute
	tenantKnown   = 7 * 24 * time.Hour // a network that others use for that long is no intruder's
	maxSightings  = 4_000_000
	hourDeeds     = 50 // deeds before an hour is called unusual
	hourDays      = 10
	newSourceNear = 24 * time.Hour
)

// sightings remember who was seen from where since when. They are fed in the order of time.
type sightings struct {
	location *time.Location
	first    map[string]int64 // "identity NUL dimension NUL value": Unix seconds
	persons  map[string]*person
	sources  map[string]*shared // addresses: who was seen from them
	sessions map[string]*session
	suspects map[string]suspicion // networks: for whom one was new last
	next     int64
	full     bool
}

type suspicion struct {
	who string
	at  time.Time
}

type person struct {
	first, last time.Time
	lastDay     int64
	deeds, days int64
	hours       [24]int64
	newest      time.Time // when the latest new source was first seen
	settled     bool
}

// shared is how many persons were seen from an address, and since when more than one was seen from a network.
type shared struct {
	persons []string
	count   int64
}

type session struct {
	number int64
	last   time.Time
}

func newSightings(location *time.Location) *sightings {
	return &sightings{location: location, first: map[string]int64{}, persons: map[string]*person{}, sources: map[string]*shared{}, sessions: map[string]*session{}, suspects: map[string]suspicion{}}
}

// remember notes when something was first seen and says whether it is now.
func (s *sightings) remember(key string, at time.Time) (first time.Time, isNew bool) {
	if seconds, there := s.first[key]; there {
		return time.Unix(seconds, 0), false
	}
	if len(s.first) >= maxSightings {
		s.full = true
		return at, false // nothing is called new that may only have been forgotten
	}
	s.first[key] = at.Unix()
	return at, true
}

// since is when something was first seen; ok is false where it never was.
func (s *sightings) since(key string) (first time.Time, ok bool) {
	seconds, ok := s.first[key]
	return time.Unix(seconds, 0), ok
}

// A deed is what a fact says somebody did.
type deed byte

const (
	noDeed  deed = iota
	attempt      // it failed: it makes nothing known
	done
)

// deedOf tells what somebody did, as against what was done to him or said about him.
func deedOf(f *Fact) deed {
	switch f.Kind {
	case KindAudit:
		return auditDeed(f)
	case KindMailLog:
		switch f.Text("event.name") {
		case "sign-in", "submission":
			return done
		case "failure":
			return attempt
		}
	case KindMessage:
		if f.Is("sent") && f.Text("time_of") == "internaldate" {
			return done
		}
	}
	return noDeed
}

func auditDeed(f *Fact) deed {
	switch f.Text("event.application") {
	case "gmail": // what came, bounced or was forwarded has others' addresses
		if slices.Contains([]string{"2", "4", "5", "6", "11", "30", "34"}, f.Text("event_info.mail_event_type")) {
			return noDeed
		}
	case "login", "user_accounts", "saml":
		switch name := f.Text("event.name"); {
		case strings.HasPrefix(name, "suspicious_") || strings.HasPrefix(name, "account_disabled") || name == "gov_attack_warning" || name == "login_failure" ||
			name == "login_challenge" || name == "login_verification" || name == "risky_sensitive_action_blocked" || name == "logout":
			return attempt
		}
	case "rules", "access_transparency", "context_aware_access":
		return attempt
	}
	return done
}

// see says what is new about a fact, and remembers it.
func (s *sightings) see(f *Fact, who string) {
	what := deedOf(f)
	if f.Time.IsZero() || who == "" || what == noDeed {
		return
	}
	p := s.persons[who]
	if p == nil {
		p = &person{}
		s.persons[who] = p
	}
	p.settled = p.settled || p.deeds >= baselineDeeds && p.days >= baselineDays && f.Time.Sub(p.first) >= baselineSpan
	s.source(f, who, p, what)
	if !p.newest.IsZero() && f.Time.Sub(p.newest) <= newSourceNear {
		f.Set("minutes_since_new_source", Number(int64(f.Time.Sub(p.newest)/time.Minute)))
	}
	s.hour(f, p, what)
	if what == done {
		s.session(f, who)
	}
}

// A dimension is one thing that a source is known by.
type dimension struct{ name, value string }

func dimensions(f *Fact) []dimension {
	ip := f.Text("ip")
	all := []dimension{{"ip", networks.Host(ip)}, {"network", networks.Prefix(ip)}}
	if asn := f.Text("asn"); asn != "" {
		all = append(all, dimension{"asn", asn})
	}
	return append(all, dimension{"country", f.Text("country")}, dimension{"device", f.Text("device")}, dimension{"agent", f.Text("user_agent")}, dimension{"agent", f.Text("mailer")})
}

// source compares where somebody is with where he was.
func (s *sightings) source(f *Fact, who string, p *person, what deed) {
	fresh := map[string]bool{}
	for _, d := range dimensions(f) {
		if d.value == "" {
			continue
		}
		if d.name == "network" {
			f.say("ip.network", d.value)
		}
		key := who + "\x00" + d.name + "\x00" + d.value
		first, known := s.since(key)
		fresh[d.name] = !known
		if p.settled {
			f.Set(d.name+".new", Bool(!known))
		}
		if known && (d.name == "ip" || d.name == "network") {
			f.Set(d.name+".first_seen_days", Number(int64(f.Time.Sub(first)/(24*time.Hour))))
		}
		if what == done {
			s.remember(key, f.Time)
		}
	}
	network := networks.Prefix(f.Text("ip"))
	if network == "" {
		return
	}
	s.judge(f, who, p, what, network, fresh)
}

// judge says whether the source is new, and since when it is suspect.
func (s *sightings) judge(f *Fact, who string, p *person, what deed, network string, fresh map[string]bool) {
	asnFresh, resolved := fresh["asn"]
	isNew := fresh["network"] && (!resolved || asnFresh) && !s.tenantKnows(network, who, f.Time)
	key := who + "\x00suspect\x00" + network
	if p.settled {
		f.Set("source.new", Bool(isNew))
	} else {
		f.say("source.baseline", "short")
	}
	if x, there := s.suspects[network]; there && x.who != who && f.Time.Sub(x.at) <= suspectFor {
		f.Set("source.suspect_elsewhere", Bool(true))
	}
	if p.settled && isNew && what == done {
		s.remember(key, f.Time)
		s.suspects[network] = suspicion{who, f.Time}
		p.newest = f.Time
	}
	if since, suspect := s.since(key); suspect {
		age := f.Time.Sub(since)
		f.Set("source.age_minutes", Number(int64(age/time.Minute)))
		f.Set("source.suspect", Bool(age <= suspectFor))
	} else if p.settled {
		f.Set("source.suspect", Bool(false))
	}
	f.Set("source.accounts", Number(s.share(network, who, f.Time, what)))
}

// tenantKnows says whether others have come from a network for a while: an office, a shared way out.
func (s *sightings) tenantKnows(network, who string, at time.Time) bool {
	shared := s.sources[network]
	if shared == nil || shared.count == 0 || shared.count == 1 && slices.Contains(shared.persons, who) {
		return false
	}
	first, ok := s.since("tenant\x00" + network)
	return ok && at.Sub(first) >= tenantKnown
}

// maxShared is how many persons are told apart for one network.
const maxShared = 64

// share counts the persons seen from a network.
func (s *sightings) share(network, who string, at time.Time, what deed) int64 {
	if what == done {
		s.remember("tenant\x00"+network, at)
	}
	sh := s.sources[network]
	if sh == nil {
		sh = &shared{}
		if len(s.sources) < maxSightings {
			s.sources[network] = sh
		}
	}
	if what == done && sh.count < maxShared && !slices.Contains(sh.persons, who) {
		sh.persons = append(sh.persons, who)
		sh.count++
	}
	return sh.count
}

// hour compares the hour with those at which the person is at work.
func (s *sightings) hour(f *Fact, p *person, what deed) {
	local := f.Time.In(s.location)
	h := local.Hour()
	f.Set("hour.local", Number(int64(h)))
	f.say("weekday.local", strings.ToLower(local.Weekday().String()))
	if p.deeds >= hourDeeds && p.days >= hourDays {
		around := p.hours[(h+23)%24] + p.hours[h] + p.hours[(h+1)%24]
		f.Set("hour.unusual", Bool(around*100 < p.deeds))
	}
	if what != done {
		return
	}
	if p.deeds == 0 {
		p.first = f.Time
	}
	if day := local.Unix() / 86400; day != p.lastDay {
		p.lastDay = day
		p.days++
	}
	p.deeds++
	p.hours[h]++
	p.last = f.Time
}

// session numbers the sessions: deeds of one person from one network with no long pause between them.
func (s *sightings) session(f *Fact, who string) {
	network := networks.Prefix(f.Text("ip"))
	if network == "" {
		return
	}
	key := who + "\x00" + network
	x := s.sessions[key]
	if x == nil || f.Time.Sub(x.last) > sessionPause {
		if len(s.sessions) > 100_000 {
			s.forget(f.Time)
		}
		s.next++
		x = &session{number: s.next}
		s.sessions[key] = x
	}
	x.last = f.Time
	f.Set("session", Number(x.number))
}

// forget drops sessions that have ended.
func (s *sightings) forget(now time.Time) {
	for key, x := range s.sessions {
		if now.Sub(x.last) > sessionPause {
			delete(s.sessions, key)
		}
	}
}

func (s *sightings) baselines() map[string]bool {
	all := map[string]bool{}
	for who, p := range s.persons {
		all[who] = p.settled
	}
	return all
}

// firstASN is the first autonomous system that an event names; Google writes 0 where it knows none.
func firstASN(f *Fact) int64 {
	v, there := f.Get("network_info.ipasn")
	if !there {
		return 0
	}
	for _, text := range v.All() {
		if n, err := strconv.ParseFloat(text, 64); err == nil && n > 0 && n < 1<<32 {
			return int64(n)
		}
	}
	return 0
}
