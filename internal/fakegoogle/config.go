package fakegoogle

import (
	"crypto/rsa"
	"sync"
	"time"
)

// The tenant's own names. All are reserved for documentation (RFC 2606, RFC 5737, RFC 5398).
const (
	Domain     = "example.test"
	Admin      = "admin@example.test" // super administrator, the subject for Directory and Reports
	Victim     = "alice@example.test" // whose account is taken over
	Delegate   = "stage@example.test" // a forgotten account, which the intruder has too and made the victim's delegate
	CustomerID = "C03fakegg"
	Intruder   = "203.0.113.77"   // the address that the intruder works from
	Responder  = "198.51.100.250" // the address that the logs have for callers of the APIs
)

// Start is where a tenant's clock begins when Config has none: the morning on which the takeover is noticed.
func Start() time.Time { return time.Date(2026, time.October, 15, 8, 0, 0, 0, time.UTC) }

// A Config says which tenant to make. The zero Config is a tenant of 25 users with the takeover.
type Config struct {
	Seed     uint64 // equal seeds give equal tenants
	Users    int    // how many users; 0 means 25, and the story's cast is always there
	Messages int    // how many messages each mailbox but the victim's holds; 0 means 40
	Quiet    bool   // nobody breaks in

	// Mailboxes has how many messages single accounts hold, by address; the victim's are beside those of the story.
	Mailboxes map[string]int

	// Weeks is by how many weeks all that is told of October 2026 is later, so that a story can be one of these days.
	Weeks int

	// Now is the tenant's clock; nil is one that begins at Start, in the weeks of the story, and runs. Access tokens, quotas, propagation, lag
	// and retention go by it. Only the iat and exp of assertions are checked against another, Assertions, because
	// the clients that sign them know none but the machine's.
	Now func() time.Time

	// Key is the service account's key; nil is one that the tenants of this process share: making one takes a tenth of a second or more.
	Key *rsa.PrivateKey

	// Scopes are what the service account may ask for by domain-wide delegation; nil means all.
	Scopes []string

	// DisabledAPIs are services, such as gmail.googleapis.com or drive.googleapis.com, that the project has not enabled.
	DisabledAPIs []string

	// Unlicensed is what the tenant's edition does not include, and how it is refused: applications of the Reports API
	// such as gmail, services such as vault.googleapis.com, methods and the beginnings of their ids such as
	// cloudidentity.devices.
	Unlicensed map[string]Denial

	// Privileges limits delegated administrators, by address, to the privileges that their roles have, such as
	// REPORTS_ACCESS or USER_SECURITY_ALL. Who is not here has all; super administrators always have.
	Privileges map[string][]string

	// AdvancedProtection are the addresses of users in Google's Advanced Protection Program: two steps cannot be
	// turned off for them.
	AdvancedProtection []string

	// Federated are the addresses of users whom a third-party identity provider signs in: that they must change their
	// password at the next sign-in is ignored.
	Federated []string

	// NoSigning keeps everybody from signing for the service account without its key.
	NoSigning bool

	// Assertions is the clock that the iat and exp of assertions are checked against; nil is the machine's.
	Assertions func() time.Time

	// Quotas limit calls; the zero value has the limits that new projects get (May 2026).
	Quotas Quotas

	// Propagation is how long the change that a method (by its discovery id) makes stays invisible; nil means 0,
	// UsualPropagation is what Google says.
	Propagation func(methodID string) time.Duration

	// Latency is how long a call takes on the machine's clock; nil means 0. TokenLatency is that of the token endpoint, apart
	// from it: who asks for a token may hold a lock, and in a bubble of testing/synctest time stands still for who waits for one.
	Latency      func(methodID string) time.Duration
	TokenLatency func() time.Duration

	// Page is how many things a page of a method's list has at the most, whatever is asked for, as Google may give fewer; nil
	// and 0 are Google's own limits.
	Page func(methodID string) int

	// Lag is how long after it happened an activity of an application shows; nil means the lags that Google
	// documents or people measure. About one activity in a hundred is hours later still.
	Lag func(application string) time.Duration

	// Regrant is how long after a grant is deleted the intruder, while a session of his lives, has consented again;
	// 0 means 5 minutes, negative never.
	Regrant time.Duration

	// Intruder is what else he does about what is taken from him; the zero value is nothing.
	Intruder Persistence

	// Volume is how many activities each user has in an application on each day, exactly, in the place of how often
	// people usually do things: 0 is as usual, negative is none. Applications that only administrators or machines
	// appear in have as many for each of those. Nil is as usual everywhere. Activities are made when they are asked
	// for: a tenant of any volume takes a few tens of megabytes.
	Volume func(application string) int

	// History is for how long Gmail keeps history records; 0 means 7 days.
	History time.Duration

	// GzipAlways compresses for everybody who accepts it. Otherwise, as Google documents, only for those whose
	// User-Agent contains "gzip" as well.
	GzipAlways bool
}

func (c Config) shift() time.Duration { return time.Duration(c.Weeks) * 7 * dayLength }

func (c Config) withDefaults() Config {
	if c.Users == 0 {
		c.Users = 25
	}
	c.Users = max(c.Users, len(cast()))
	if c.Messages == 0 {
		c.Messages = 40
	}
	if c.Now == nil {
		begin := time.Now()
		c.Now = func() time.Time { return Start().Add(c.shift() + time.Since(begin)) }
	}
	if c.Assertions == nil {
		c.Assertions = time.Now
	}
	if c.Propagation == nil {
		c.Propagation = func(string) time.Duration { return 0 }
	}
	if c.Latency == nil {
		c.Latency = func(string) time.Duration { return 0 }
	}
	if c.Page == nil {
		c.Page = func(string) int { return 0 }
	}
	if c.TokenLatency == nil {
		c.TokenLatency = func() time.Duration { return 0 }
	}
	if c.Lag == nil {
		c.Lag = usualLag
	}
	if c.Regrant == 0 {
		c.Regrant = 5 * time.Minute
	}
	if c.History == 0 {
		c.History = 7 * 24 * time.Hour
	}
	c.Quotas = c.Quotas.withDefaults()
	return c
}

// UsualPropagation is how long Google says that changes take: signing out of Gmail up to an hour, delegates about a
// minute, passwords and suspensions some minutes.
func UsualPropagation(methodID string) time.Duration {
	switch methodID {
	case "directory.users.signOut":
		return time.Hour
	case "directory.users.update", "directory.users.patch":
		return 5 * time.Minute
	case "gmail.users.settings.delegates.create", "gmail.users.settings.delegates.delete":
		return time.Minute
	}
	return 0
}

// A Clock is a clock that goes on only when told. Its method Now fits Config.Now.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that shows a time.
func NewClock(now time.Time) *Clock { return &Clock{now: now} }

// Now is the time that the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
