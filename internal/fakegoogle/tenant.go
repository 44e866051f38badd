package fakegoogle

import (
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// An object is a JSON object, as the APIs send and take it.
type object = map[string]any

// A Tenant is a Google Workspace customer and the APIs that it is seen through. Its methods may be called by several
// goroutines.
type Tenant struct {
	config    Config
	discovery *extract
	handlers  map[string]handler
	newKey    func() (*rsa.PrivateKey, error)
	habits    []habit
	people    atomic.Pointer[[]person]

	mu       sync.Mutex // guards everything below
	accounts map[int]*account
	index    map[string]int // of addresses and ids to users
	issued   map[string]*accessToken
	meters   map[string]*meter
	running  map[string]int
	pending  []change
	requests []Request
	faults   []*Fault
	logs     map[string]*log // by application
	serial   uint64
	org      *organisation
	intruder intruderState

	thrown         []thrownDay
	keptActivities int // in thrown
	absences       map[int][]absence
	served         map[servedKey]int

	credentials credentialState
}

// A change takes effect at a time of the tenant's clock.
type change struct {
	at    time.Time
	apply func()
}

// A handler answers one method. A nil answer is an empty one.
type handler func(*Tenant, *call) (object, *apiError)

// New makes a tenant. Users and their mailboxes come into being when they are first asked for. It panics where the
// configuration names a service, an application or a user that the tenant does not have: nothing would come of it.
func New(config Config) *Tenant {
	t := &Tenant{
		config: config.withDefaults(), discovery: loadDiscovery(), handlers: handlers(), habits: habits(), newKey: sharedKey,
		accounts: map[int]*account{}, index: map[string]int{}, issued: map[string]*accessToken{}, meters: map[string]*meter{},
		running: map[string]int{}, absences: map[int][]absence{}, served: map[servedKey]int{},
		credentials: credentialState{codes: map[string]*codeGrant{}, refresh: map[string]*codeGrant{}},
	}
	t.logs = newLogs(t.habits)
	for _, service := range config.DisabledAPIs {
		if service != "iamcredentials.googleapis.com" && !slices.ContainsFunc(t.discovery.APIs, func(api apiDiscovery) bool { return api.service() == service }) {
			panic("fakegoogle: " + service + " is not served")
		}
	}
	if config.Key != nil {
		t.newKey = func() (*rsa.PrivateKey, error) { return config.Key, nil }
	}
	people := make([]person, t.config.Users)
	for i := range people {
		p := t.newPerson(i)
		people[i] = p
		t.index[p.email], t.index[p.id] = i, i
		for _, alias := range p.aliases {
			t.index[alias] = i
		}
	}
	t.people.Store(&people)
	t.checkNames()
	t.org = t.newOrganisation()
	t.recordStory()
	return t
}

// checkNames panics where the configuration names what there is not.
func (t *Tenant) checkNames() {
	for name := range t.config.Unlicensed {
		if t.logs[name] == nil && !slices.ContainsFunc(t.discovery.APIs, func(api apiDiscovery) bool {
			return api.service() == name || slices.ContainsFunc(api.Methods, func(m method) bool { return m.ID == name || strings.HasPrefix(m.ID, name+".") })
		}) {
			panic("fakegoogle: " + name + " is no application, service or method that is served")
		}
	}
	addresses := slices.Concat(t.config.AdvancedProtection, t.config.Federated, slices.Collect(maps.Keys(t.config.Privileges)))
	for _, address := range addresses {
		if _, ok := t.index[address]; !ok {
			panic("fakegoogle: nobody is " + address)
		}
	}
}

// Handler serves the tenant: the token endpoint at /token, and every API by its paths, whatever the host.
func (t *Tenant) Handler() http.Handler { return http.HandlerFunc(t.serve) }

// settle lets the changes take effect whose time has come. It holds the lock.
func (t *Tenant) settle(now time.Time) {
	for {
		due := slices.IndexFunc(t.pending, func(c change) bool { return !c.at.After(now) })
		if due < 0 {
			return
		}
		c := t.pending[due]
		t.pending = slices.Delete(t.pending, due, due+1)
		c.apply()
		t.provoke(c.at)
	}
}

// later has a change take effect at a time.
func (t *Tenant) later(at time.Time, apply func()) {
	t.pending = append(t.pending, change{at, apply})
	slices.SortStableFunc(t.pending, func(a, b change) int { return a.at.Compare(b.at) })
}

// change makes what a method changes visible, at once or when it has propagated.
func (c *call) change(apply func()) {
	if delay := c.tenant.config.Propagation(c.method.ID); delay > 0 {
		c.tenant.later(c.now.Add(delay), apply)
		return
	}
	apply()
}

// next returns a number that no other call of it returns.
func (t *Tenant) next() uint64 {
	t.serial++
	return t.serial
}

// handlers lists every method that is served.
func handlers() map[string]handler {
	all := map[string]handler{}
	for _, some := range []map[string]handler{gmailSettings(), gmailSendAs(), gmailMail(), directoryUsers(), directorySecurity(), directoryGroups(), directoryOrg(),
		directoryDevices(), reportsAPI(), alertCenter(), cloudIdentity(), driveAPI(), vaultAPI(), scriptAPI(), reach()} {
		for id, h := range some {
			all[id] = h
		}
	}
	return all
}

// clone copies a JSON value, so that what a caller gets does not change later.
func clone[T any](v T) T {
	b, err := json.Marshal(v)
	if err != nil {
		panic("fakegoogle: " + err.Error())
	}
	var copied T
	if err := json.Unmarshal(b, &copied); err != nil {
		panic("fakegoogle: " + err.Error())
	}
	return copied
}

// list is a list for an answer: Google leaves empty ones out.
func list(answer object, name string, items []object) object {
	if len(items) > 0 {
		values := make([]any, len(items))
		for i, item := range items {
			values[i] = item
		}
		answer[name] = values
	}
	return answer
}

// texts are strings as a decoded JSON array.
func texts(values ...string) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}

// text reads a string of a JSON object; anything else reads as "".
func text(o object, name string) string {
	s, _ := o[name].(string)
	return s
}

// truth reads a boolean of a JSON object.
func truth(o object, name string) bool {
	b, _ := o[name].(bool)
	return b
}

// where finds an object by a string field.
func where(items []object, field, value string) int {
	return slices.IndexFunc(items, func(o object) bool { return text(o, field) == value })
}

// without returns items but for those with that field.
func without(items []object, field, value string) []object {
	return slices.DeleteFunc(slices.Clone(items), func(o object) bool { return text(o, field) == value })
}
