package fakegoogle

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/mbaudit/mbaudit/internal/seedmail"
)

// A State is what is true of an account, whatever any answer says. It is a copy.
type State struct {
	User                                             map[string]any
	Deleted                                          bool
	Filters, ForwardingAddresses, Delegates, SendAs  []map[string]any
	AutoForwarding, IMAP, POP, Vacation, Language    map[string]any
	Labels, SMIME, CSEIdentities, CSEKeyPairs        []map[string]any
	Tokens, AppPasswords, BackupCodes, MobileDevices []map[string]any
	Files, CalendarRules                             []map[string]any
	Messages                                         []string // ids, oldest first
	HistoryID                                        uint64
	OwnerSignedIn, IntruderSignedIn                  bool // on the web
}

// State returns what is true of the account with an address or id, after all changes that are due. It fails for nobody.
func (t *Tenant) State(key string) (State, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.settle(t.config.Now())
	a, ok := t.userByKey(key)
	if !ok {
		return State{}, fmt.Errorf("no user %s", key)
	}
	b := t.box(a)
	m := &a.mail
	s := State{User: clone(a.user), Deleted: a.deleted, Filters: clone(m.filters), ForwardingAddresses: clone(m.forwarding), Delegates: clone(m.delegates),
		SendAs: clone(m.sendAs), AutoForwarding: clone(m.autoForwarding), IMAP: clone(m.imap), POP: clone(m.pop), Vacation: clone(m.vacation),
		Language: clone(m.languageUsed), Labels: clone(m.labels), CSEIdentities: clone(m.identities), CSEKeyPairs: clone(m.keyPairs),
		Tokens: clone(a.tokens), AppPasswords: clone(a.asps), BackupCodes: clone(a.codes), Files: clone(t.files(a)), CalendarRules: clone(t.access(a)),
		HistoryID: b.last, OwnerSignedIn: a.sessions[ownSession], IntruderSignedIn: a.sessions[intruderSession]}
	for _, address := range m.sendAs {
		s.SMIME = append(s.SMIME, clone(m.smime[text(address, "sendAsEmail")])...)
	}
	for _, device := range t.org.mobiles {
		if deviceOwner(device) == a.email {
			s.MobileDevices = append(s.MobileDevices, clone(device))
		}
	}
	for _, msg := range b.messages {
		s.Messages = append(s.Messages, msg.id)
	}
	return s, nil
}

// Emails returns the primary addresses of all users, in the order of their numbers, also of those who are deleted.
func (t *Tenant) Emails() []string {
	people := t.everybody()
	emails := make([]string, len(people))
	for i := range emails {
		emails[i] = people[i].email
	}
	return emails
}

// Raw returns the bytes of a message, or nil when it is not there.
func (t *Tenant) Raw(email, id string) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	a, ok := t.userByKey(email)
	if !ok {
		return nil
	}
	m := t.box(a).byID[id]
	if m == nil {
		return nil
	}
	return m.raw()
}

// Activities returns the unique qualifiers of the activities of an application and a user ("all" for everybody) from a
// time to another, at most to now, newest first: those that show by now, and those that are late.
func (t *Tenant) Activities(application, userKey string, from, to time.Time) (shown, late []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.config.Now()
	t.settle(now)
	w := wanted{application: application, user: -1, from: from, to: to}
	if to.After(now) {
		w.to = now
	}
	if kept := t.oldest(application, now); from.Before(kept) {
		w.from = kept
	}
	if a, ok := t.userByKey(userKey); ok {
		w.user = a.number
	}
	showing := map[key]bool{}
	for _, a := range t.activities(w, now, -1) {
		showing[a.key] = true
		shown = append(shown, strconv.FormatInt(a.key.qualifier, 10))
	}
	for _, a := range t.activities(w, now.AddDate(1, 0, 0), -1) {
		if !showing[a.key] {
			late = append(late, strconv.FormatInt(a.key.qualifier, 10))
		}
	}
	return shown, late
}

// A Seed is what a test puts into an account beside what is there. Resources are JSON objects as the APIs show them,
// without entity tags; nothing is checked, so that a test can have an answer as hostile as it wants.
type Seed struct {
	Account                                     string // address or id
	Filters, ForwardingAddresses, Delegates     []map[string]any
	SendAs, Tokens, AppPasswords, MobileDevices []map[string]any
	Computers                                   []map[string]any // devices that Cloud Identity knows and Directory does not, in the form of mobile devices
	Files                                       []map[string]any // each with its permissions
	Holds, Exports                              []map[string]any // of Vault, in a matter of their own
	Messages                                    []seedmail.Message
	Activities                                  []SeedActivity
}

// A SeedActivity is one line of a log. Most have the one event of Type, Name and Parameters. The zero values of all
// fields from Late on leave things to the tenant.
type SeedActivity struct {
	Application string
	Time        time.Time
	IP          string
	Type, Name  string
	Parameters  []map[string]any
	Late        time.Duration // beyond the application's lag
	Shows       time.Time     // when it shows in the log, whatever the lag
	Events      []SeedEvent   // further events
	Qualifier   int64         // others may have the same
	Client      string        // OAuth client through which it was done
	Actor       map[string]any
	Device      map[string]any // userDeviceInfo
	Resources   []map[string]any
}

// A SeedEvent is one event of an activity. Parameters are JSON objects as the API shows them.
type SeedEvent struct {
	Type, Name string
	Parameters []map[string]any
}

// Seed puts things into an account.
func (t *Tenant) Seed(s Seed) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	a, ok := t.userByKey(s.Account)
	if !ok {
		return fmt.Errorf("no user %s", s.Account)
	}
	m := &a.mail
	m.filters = append(m.filters, clone(s.Filters)...)
	m.forwarding = append(m.forwarding, clone(s.ForwardingAddresses)...)
	m.delegates = append(m.delegates, clone(s.Delegates)...)
	m.sendAs = append(m.sendAs, clone(s.SendAs)...)
	a.tokens = append(a.tokens, clone(s.Tokens)...)
	a.asps = append(a.asps, clone(s.AppPasswords)...)
	t.org.mobiles = append(t.org.mobiles, clone(s.MobileDevices)...)
	t.org.computers = append(t.org.computers, clone(s.Computers)...)
	if len(s.Files) > 0 {
		t.org.files[a.number] = append(t.files(a), clone(s.Files)...)
	}
	if len(s.Holds)+len(s.Exports) > 0 {
		id := fmt.Sprintf("0b0b0b0b-0000-4000-8000-%012d", t.next())
		t.org.matters = append(t.org.matters, object{"matterId": id, "name": "Dossier", "state": "OPEN"})
		t.org.holds[id], t.org.exports[id] = clone(s.Holds), clone(s.Exports)
	}
	t.box(a)
	for _, msg := range s.Messages {
		raw := msg.Raw
		t.deliver(a, msg.InternalDate, m.labelsOf(msg), raw, func() []byte { return raw })
	}
	slices.SortStableFunc(m.box.messages, func(x, y *message) int { return x.date.Compare(y.date) })
	for _, line := range s.Activities {
		if err := t.addActivity(a.number, line); err != nil {
			return err
		}
	}
	return nil
}
