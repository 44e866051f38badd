package watch

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/mbaudit/mbaudit/findings/networks"
)

// A Kind says what an indicator is.
type Kind string

// The kinds. An IPv6 address stands for its /64, within which one machine changes its address.
const (
	IP      Kind = "ip"
	Network Kind = "network" // a prefix, as 203.0.113.0/24
	ASN     Kind = "asn"     // the number of an autonomous system
	Client  Kind = "client"  // of OAuth
	Device  Kind = "device"  // the id that Google gives a device
	Agent   Kind = "agent"   // the user agent, whole
	Account Kind = "account" // the account that was taken back
)

// An Indicator is one thing to look for.
type Indicator struct {
	Kind  Kind   `json:"kind"`
	Value string `json:"value"`
	From  string `json:"from"`          // "command line", a finding's id, a plan's
	Why   string `json:"why,omitempty"` // for people; may quote a stranger

	// Shared says that people who did nothing have it too: a program that many use, a provider's address.
	Shared bool `json:"shared,omitempty"`
}

// String names the indicator as the journal does.
func (i Indicator) String() string { return string(i.Kind) + " " + i.Value }

// ErrIndicator says that a text is no indicator of its kind.
type ErrIndicator struct{ Indicator Indicator }

// Error says which.
func (e *ErrIndicator) Error() string {
	return fmt.Sprintf("%q is no %s", e.Indicator.Value, e.Indicator.Kind)
}

// maxIndicators bounds a list: more is no list of an intruder's any more, and each line of a log is compared with it.
const maxIndicators = 5000

// ErrTooMany says that a list is too long.
var ErrTooMany = fmt.Errorf("more than %d indicators", maxIndicators)

// A List is what to look for, and what is known to be the users' own.
type List struct {
	all      []Indicator
	exact    map[string]int // key of kind and value: place in all
	prefixes []prefixed
	familiar Familiar
}

type prefixed struct {
	netip.Prefix
	at int
}

// NewList makes a list. What is there twice is taken once. familiar may be nil.
func NewList(indicators []Indicator, familiar Familiar) (*List, error) {
	l := &List{exact: map[string]int{}, familiar: familiar}
	for _, i := range indicators {
		if err := i.normalise(); err != nil {
			return nil, err
		}
		key := exactKey(i.Kind, i.Value)
		if _, there := l.exact[key]; there {
			continue
		}
		if len(l.all) == maxIndicators {
			return nil, ErrTooMany
		}
		l.exact[key] = len(l.all)
		if i.Kind == Network {
			p, _ := netip.ParsePrefix(i.Value) // normalise parsed it
			l.prefixes = append(l.prefixes, prefixed{p, len(l.all)})
		}
		l.all = append(l.all, i)
	}
	return l, nil
}

// Indicators lists what is looked for.
func (l *List) Indicators() []Indicator { return slices.Clone(l.all) }

// normalise checks an indicator and writes it as it is compared.
func (i *Indicator) normalise() error {
	wrong := &ErrIndicator{*i}
	i.Value = strings.TrimSpace(i.Value)
	switch i.Kind {
	case IP:
		if i.Value = networks.Host(i.Value); i.Value == "" {
			return wrong
		}
	case Network:
		p, err := netip.ParsePrefix(i.Value)
		if err != nil {
			return wrong
		}
		i.Value = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()).Masked().String()
		if _, err := netip.ParsePrefix(i.Value); err != nil {
			return wrong
		}
	case ASN:
		i.Value = strings.TrimPrefix(strings.ToUpper(i.Value), "AS")
		if n, err := strconv.ParseUint(i.Value, 10, 32); err != nil || n == 0 {
			return wrong
		}
	case Account:
		i.Value = strings.ToLower(i.Value)
		if !strings.Contains(i.Value, "@") {
			return wrong
		}
	case Client, Device, Agent:
	default:
		return wrong
	}
	if i.Value == "" {
		return wrong
	}
	return nil
}

// ParseAddress makes an indicator of an IP address or of a network.
func ParseAddress(text, from string) (Indicator, error) {
	i := Indicator{Kind: IP, Value: text, From: from}
	if strings.Contains(text, "/") {
		i.Kind = Network
	}
	err := i.normalise()
	return i, err
}

func exactKey(k Kind, value string) string { return string(k) + "\x00" + strings.ToLower(value) }

// Familiar are the networks by which an account's own user is known.
type Familiar map[string]bool

func familiarKey(account, ip string) string {
	return strings.ToLower(account) + "\x00" + networks.Prefix(ip)
}

// Add notes that an account's user comes from the network of an address.
func (f Familiar) Add(account, ip string) {
	if networks.Prefix(ip) != "" && len(f) < maxFamiliar {
		f[familiarKey(account, ip)] = true
	}
}

// maxFamiliar bounds what a long log puts into memory.
const maxFamiliar = 200_000

// Has says whether an account's user is known by the network of an address.
func (f Familiar) Has(account, ip string) bool { return f[familiarKey(account, ip)] }

// A Verdict says whose an activity seems to be.
type Verdict string

// The verdicts.
const (
	Intruder Verdict = "intruder" // something of the list that nobody shares with him
	Similar  Verdict = "similar"  // something that he has and others have too
	Stranger Verdict = "stranger" // at an account that was taken back, from where its user was never seen
	User     Verdict = "user"     // at an account that was taken back, from where its user is known
)

// A Hit is an activity that something of the list is on.
type Hit struct {
	Activity
	Verdict    Verdict     `json:"verdict"`
	Indicators []Indicator `json:"indicators"`
}

// By names the first indicator.
func (h *Hit) By() string { return h.Indicators[0].String() }

// Match judges an activity. ok is false where nothing of the list is on it. What is known by a shared indicator alone is told by
// where it came from, at an account that was taken back, and else only similar.
func (l *List) Match(a Activity) (hit Hit, ok bool) {
	hit = Hit{Activity: a, Verdict: Intruder}
	l.addresses(&hit)
	for _, values := range []struct {
		kind Kind
		all  []string
	}{{Client, a.Clients}, {Device, a.Devices}, {Agent, a.Agents}, {ASN, a.ASNs}} {
		for _, v := range values.all {
			l.look(&hit, values.kind, v)
		}
	}
	if slices.ContainsFunc(hit.Indicators, func(i Indicator) bool { return !i.Shared }) {
		hit.sort()
		return hit, true
	}
	hit.Verdict = Similar
	if a.letsIn() && l.look(&hit, Account, a.Account) {
		if hit.Verdict = Stranger; a.IP != "" && l.familiar.Has(a.Account, a.IP) {
			hit.Verdict = User
		}
	}
	hit.sort()
	return hit, len(hit.Indicators) > 0
}

func (l *List) addresses(hit *Hit) {
	for _, ip := range hit.ips() {
		l.look(hit, IP, networks.Host(ip))
		addr, err := netip.ParseAddr(ip)
		if err != nil {
			continue
		}
		for _, p := range l.prefixes {
			if p.Contains(addr.Unmap().WithZone("")) {
				hit.add(l.all[p.at])
			}
		}
	}
}

// look adds the indicator of that kind and value, if there is one. Each call that a program makes which many use is no news; that
// somebody lets it in is.
func (l *List) look(hit *Hit, k Kind, value string) bool {
	at, there := l.exact[exactKey(k, value)]
	if !there || value == "" || k == Client && l.all[at].Shared && hit.Application == "token" && !hit.letsIn() {
		return false
	}
	hit.add(l.all[at])
	return true
}

func (h *Hit) sort() {
	slices.SortStableFunc(h.Indicators, func(x, y Indicator) int { return cmp.Compare(rankOf(x.Kind), rankOf(y.Kind)) })
}

func (h *Hit) add(i Indicator) {
	if !slices.Contains(h.Indicators, i) {
		h.Indicators = append(h.Indicators, i)
	}
}

// rankOf puts what tells one machine or program apart before what many share.
func rankOf(k Kind) int {
	return slices.Index([]Kind{IP, Device, Client, Network, Agent, ASN, Account}, k)
}
