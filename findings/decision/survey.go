package decision

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/findings/facts"
	"github.com/mbaudit/mbaudit/findings/networks"
)

// The most that a survey remembers. What is beyond is counted in Survey.leftOut.
const (
	maxSessions = 10_000
	maxServers  = 50_000
	maxStates   = 20_000
	maxPlaces   = 10
)

// A Survey is what a decision needs of the facts beside the findings: who was where, what left in which session, what the
// account reaches. It sees every fact once (See) in the order of their times and keeps a bounded part.
type Survey struct {
	sources  map[string]*network // account and network: where somebody came from who had not been there before
	sessions map[string]*session
	servers  map[string]*session // a mail server's own name of a session
	users    map[string]*user
	states   []*state
	services map[string]*Reach // account and application
	forwards map[string]*forwarded
	lines    timelineLines
	latest   time.Time // when anything was last collected
	leftOut  int64
}

// A network is a source that was new for somebody.
type network struct {
	account, prefix              string
	first, last                  time.Time
	asn, country, device, signIn bool // these were new, too; somebody signed in from there
	ips                          []string
	places                       []string
}

// A session is what somebody did from such a source without a long pause.
type session struct {
	account, prefix                              string
	first, last                                  time.Time
	viewed, fetched, sent, deleted, files, bytes int64
	gmail, server                                bool // it is known from Gmail's log, or from the mail server's
	places                                       []string
}

// A user is what the directory says of an account.
type user struct {
	twoStep, twoStepKnown, super, admin, imap bool
	places                                    []string
}

// A state is a fact without which the reach of an account is not known.
type state struct {
	kind, account, name, detail string
	external                    bool
	at                          time.Time
	place                       string
}

type forwarded struct {
	count       int64
	first, last time.Time
	places      []string
}

// NewSurvey makes an empty one.
func NewSurvey() *Survey {
	return &Survey{sources: map[string]*network{}, sessions: map[string]*session{}, servers: map[string]*session{}, users: map[string]*user{},
		services: map[string]*Reach{}, forwards: map[string]*forwarded{}}
}

// See takes a fact in.
func (s *Survey) See(f *facts.Fact) {
	if f.Collected.After(s.latest) {
		s.latest = f.Collected
	}
	if f.Is("duplicate") || f.Is("own_trace") {
		return
	}
	switch f.Kind {
	case facts.KindAudit:
		s.audit(f)
	case facts.KindMailLog:
		s.mailLog(f)
	case facts.KindUser:
		u := s.user(f)
		u.twoStepKnown, u.twoStep = true, f.Is("isenrolledin2sv")
		u.super, u.admin = u.super || f.Is("isadmin"), u.admin || f.Is("isadmin") || f.Is("isdelegatedadmin")
	case facts.KindRole:
		u := s.user(f)
		u.admin, u.super = true, u.super || f.Is("role.super")
	case facts.KindAccess:
		u := s.user(f)
		u.imap = u.imap || f.Is("enabled")
	case facts.KindDelegate, facts.KindRights, facts.KindACL, facts.KindToken, facts.KindDevice, facts.KindGroup, facts.KindSendAs, facts.KindNamedElsewhere:
		s.state(f)
	}
	s.lines.see(f)
}

func key(parts ...string) string { return strings.ToLower(strings.Join(parts, "\x00")) }

func placeOf(f *facts.Fact) string { return f.Bundle + "/" + f.Exhibit }

func addPlace(places []string, place string) []string {
	if len(places) >= maxPlaces || slices.Contains(places, place) {
		return places
	}
	return append(places, place)
}

func (s *Survey) user(f *facts.Fact) *user {
	k := key(f.Account)
	u := s.users[k]
	if u == nil {
		u = &user{}
		if len(s.users) < maxStates {
			s.users[k] = u
		}
	}
	u.places = addPlace(u.places, placeOf(f))
	return u
}

// state keeps whom or what the account is tied to.
func (s *Survey) state(f *facts.Fact) {
	x := &state{kind: f.Kind, account: f.Account, external: f.Is("target.external"), at: f.Time, place: placeOf(f)}
	switch f.Kind {
	case facts.KindDelegate:
		x.name = f.Text("target")
	case facts.KindRights:
		x.name, x.detail = f.Text("mailbox"), f.Text("rights")
	case facts.KindACL:
		if f.Is("owner") || f.Is("negative") {
			return
		}
		x.name, x.detail = f.Text("identifier"), f.Text("mailbox")
	case facts.KindToken:
		x.name, x.detail = cmp.Or(f.Text("displaytext"), f.Text("clientid")), f.Text("scope.widest")
	case facts.KindDevice:
		x.name = cmp.Or(f.Text("model"), f.Text("deviceid"))
	case facts.KindGroup:
		x.name = f.Text("target")
	case facts.KindNamedElsewhere:
		x.name, x.detail = f.Text("target"), f.Text("as")
	case facts.KindSendAs:
		if x.name = f.Text("target"); strings.EqualFold(x.name, f.Account) {
			return
		}
	}
	if len(s.states) >= maxStates {
		s.leftOut++
		return
	}
	s.states = append(s.states, x)
}

// audit takes in an event of one of Google's logs.
func (s *Survey) audit(f *facts.Fact) {
	service, kind := f.Text("event.service"), f.Text("event_info.mail_event_type")
	who := cmp.Or(f.Text("actor"), f.Account)
	if service == "gmail" && kind == "11" {
		s.forward(f)
	}
	if service == "saml" && f.Text("event.name") == "login_success" {
		s.service(f, who)
	}
	if !f.Is("source.suspect") {
		return
	}
	s.source(f, who)
	x := s.session(f, who)
	switch service {
	case "gmail":
		x.gmail = true
		switch kind {
		case "7", "31", "15", "16", "28":
			x.viewed++
		case "17", "18", "32", "33":
			x.fetched++
		case "1", "9", "10", "35":
			x.sent++
		case "13", "27":
			x.deleted++
		}
	case "drive":
		switch f.Text("event.name") {
		case "view", "preview":
			x.files++
		case "download", "copy":
			x.files++
			x.fetched++
		}
	}
}

func (s *Survey) forward(f *facts.Fact) {
	k := key(f.Account)
	x := s.forwards[k]
	if x == nil {
		x = &forwarded{first: f.Time}
		if len(s.forwards) < maxStates {
			s.forwards[k] = x
		}
	}
	x.count++
	x.last = f.Time
	x.places = addPlace(x.places, placeOf(f))
}

// service notes another service that the account signs in to.
func (s *Survey) service(f *facts.Fact, who string) {
	k := key(who, f.Text("application_name"))
	r := s.services[k]
	if r == nil {
		if len(s.services) >= maxStates {
			s.leftOut++
			return
		}
		r = &Reach{Kind: "service", Name: f.Text("application_name"), Account: who, State: "reachable", How: Text{"le compte s'y connecte", "the account signs in there"}}
		s.services[k] = r
	}
	if suspect := f.Is("source.suspect"); suspect || r.State == "reachable" {
		if suspect {
			r.State = "used"
		}
		r.At = f.Time
		r.Exhibits = addPlace(r.Exhibits, placeOf(f))
	}
}

// mailLog takes in an event of a mail server's log. Where a session began decides whose its later lines are.
func (s *Survey) mailLog(f *facts.Fact) {
	name := f.Text("server.session")
	var x *session
	if f.Is("source.suspect") {
		s.source(f, f.Account)
		x = s.session(f, f.Account)
		if name != "" && len(s.servers) < maxServers {
			s.servers[key(f.Account, name)] = x
		}
	} else if x = s.servers[key(f.Account, name)]; x == nil || name == "" {
		return
	}
	x.server = true
	x.last = f.Time
	x.places = addPlace(x.places, placeOf(f))
	v, _ := f.Get("bytes_out")
	x.bytes += max(0, v.Int())
	switch f.Text("event.name") {
	case "submission":
		x.sent++
	case "expunge", "delete":
		x.deleted++
	}
}

// source notes what was new about where somebody came from.
func (s *Survey) source(f *facts.Fact, who string) {
	prefix := networks.Prefix(f.Text("ip"))
	k := key(who, prefix)
	n := s.sources[k]
	if n == nil {
		n = &network{account: who, prefix: prefix, first: f.Time}
		if len(s.sources) < maxSessions {
			s.sources[k] = n
		}
	}
	n.last = f.Time
	n.asn, n.country = n.asn || f.Is("asn.new"), n.country || f.Is("country.new")
	n.device = n.device || f.Is("device.new") || f.Is("agent.new")
	n.signIn = n.signIn || f.Text("event.name") == "login_success" || f.Text("event.name") == "sign-in"
	n.places = addPlace(n.places, placeOf(f))
	n.ips = addPlace(n.ips, f.Text("ip"))
}

func (s *Survey) session(f *facts.Fact, who string) *session {
	prefix := networks.Prefix(f.Text("ip"))
	k := key(who, prefix, f.Text("session"))
	x := s.sessions[k]
	if x == nil {
		x = &session{account: who, prefix: prefix, first: f.Time}
		if len(s.sessions) < maxSessions {
			s.sessions[k] = x
		} else {
			s.leftOut++
		}
	}
	x.last = f.Time
	x.places = addPlace(x.places, placeOf(f))
	return x
}
