package fakegoogle

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// An account is a user's state.
type account struct {
	person
	user      object // Directory's User, without etag
	deleted   bool
	deletedAt time.Time

	tokens, asps, codes []object
	codeSets            int // how many sets of backup codes have been made

	// Cookies: who is signed in on the web. The intruder's session lives until somebody ends it.
	sessions map[string]bool

	// What the intruder has of the account, beside his session: he knows the password, a second step is his, and the
	// set of backup codes that he has seen (0 is none).
	knowsPassword, hisFactor bool
	hisCodes                 int

	mail gmailState
}

// Sessions of an account.
const (
	ownSession      = "owner"
	intruderSession = "intruder"
)

// account returns the state of the user with a number, and makes it the first time.
func (t *Tenant) account(number int) *account {
	if a := t.accounts[number]; a != nil {
		return a
	}
	a := &account{person: t.person(number), sessions: map[string]bool{ownSession: true}}
	a.user = t.newUser(a.person)
	if a.role == removed {
		a.deleted, a.deletedAt = true, t.morning().AddDate(0, 0, -3)
		a.user["deletionTime"] = stamp(a.deletedAt)
	}
	t.accounts[number] = a
	t.furnish(a)
	return a
}

// userByKey finds a user by address, alias or id.
func (t *Tenant) userByKey(key string) (*account, bool) {
	i, ok := t.index[strings.ToLower(key)]
	if !ok {
		return nil, false
	}
	return t.account(i), true
}

// newUser writes a user as Directory does.
func (t *Tenant) newUser(p person) object {
	d := t.dice("user", p.number)
	u := object{
		"kind": "admin#directory#user", "id": p.id, "primaryEmail": p.email, "customerId": CustomerID, "orgUnitPath": p.orgUnit,
		"name":    object{"givenName": p.given, "familyName": p.family, "fullName": p.given + " " + p.family},
		"isAdmin": p.role == superAdmin, "isDelegatedAdmin": p.role == helpdesk,
		"creationTime": stamp(p.created), "lastLoginTime": stamp(t.lastLogin(p)),
		"agreedToTerms": true, "suspended": p.role == suspended || p.role == abusive, "archived": false,
		"changePasswordAtNextLogin": false, "ipWhitelisted": false, "includeInGlobalAddressList": true,
		"isMailboxSetup": p.role != noMailbox, "isEnforcedIn2Sv": p.role == enforced || p.role == superAdmin,
		"isEnrolledIn2Sv":    p.role == enforced || p.role == superAdmin || p.role == traveller || p.role == ordinary && d.chance(500),
		"nonEditableAliases": texts(p.email + ".test-google-a.com"),
		"languages":          []any{object{"languageCode": "fr", "preference": "preferred"}},
	}
	if d.chance(700) || p.role == victim {
		u["recoveryEmail"] = strings.Split(p.email, "@")[0] + ".perso@webfree.example"
		u["recoveryPhone"] = fmt.Sprintf("+3363998%04d", p.number%10000)
	}
	switch p.role {
	case suspended:
		u["suspensionReason"], u["suspensionTime"] = "ADMIN", stamp(t.morning().AddDate(0, -2, 0))
	case abusive:
		u["suspensionReason"], u["suspensionTime"] = "ABUSE", stamp(t.morning().AddDate(0, 0, -9))
	}
	addresses := []any{object{"address": p.email, "primary": true}}
	for _, alias := range p.aliases {
		addresses = append(addresses, object{"address": alias})
	}
	u["emails"] = append(addresses, object{"address": p.email + ".test-google-a.com"})
	if len(p.aliases) > 0 {
		u["aliases"] = texts(p.aliases...)
	}
	return u
}

// lastLogin is when a user signed in last before the clock's start, as the login log has it.
func (t *Tenant) lastLogin(p person) time.Time {
	if p.number >= len(t.everybody()) {
		return time.Unix(0, 0) // he is just coming
	}
	last := time.Unix(0, 0)
	w := wanted{application: "login", user: p.number, from: t.morning().AddDate(0, -4, 0), to: t.morning(), event: "login_success"}
	t.each(w, t.morning().AddDate(1, 0, 0), func(a activity) bool {
		last = a.key.at
		return false
	})
	return last
}

// furnish gives a new account what users have, and those with a part what their part wants.
func (t *Tenant) furnish(a *account) {
	d := t.dice("furniture", a.number)
	t.furnishMail(a)
	if d.chance(600) {
		a.tokens = append(a.tokens, grant(a, "406964657835-calendarsync.apps.googleusercontent.com", "Agenda Pro",
			"https://www.googleapis.com/auth/calendar.readonly", "openid"))
	}
	if d.chance(150) {
		a.tokens = append(a.tokens, grant(a, "912345678901-signature.apps.googleusercontent.com", "Signatures d'équipe",
			"https://www.googleapis.com/auth/gmail.settings.basic"))
	}
	if truth(a.user, "isEnrolledIn2Sv") {
		a.codes = t.newCodes(a)
	}
	t.play(a)
}

// grant is an OAuth grant as Directory lists it.
func grant(a *account, client, name string, scopes ...string) object {
	return object{"kind": "admin#directory#token", "clientId": client, "displayText": name, "userKey": a.id,
		"anonymous": false, "nativeApp": false, "scopes": texts(scopes...)}
}

// appPassword is an app password as Directory lists it.
func appPassword(a *account, code int, name string, created, used time.Time) object {
	last := int64(0)
	if !used.IsZero() {
		last = used.UnixMilli()
	}
	return object{"kind": "admin#directory#asp", "codeId": float64(code), "name": name, "userKey": a.id,
		"creationTime": strconv.FormatInt(created.UnixMilli(), 10), "lastTimeUsed": strconv.FormatInt(last, 10)}
}

// newCodes makes ten backup codes.
func (t *Tenant) newCodes(a *account) []object {
	a.codeSets++
	d := t.dice("codes", a.number, a.codeSets)
	codes := make([]object, 10)
	for i := range codes {
		codes[i] = object{"kind": "admin#directory#verificationCode", "userId": a.id, "verificationCode": fmt.Sprintf("%08d", d.below(100_000_000))}
	}
	return codes
}

// suspended says that the user cannot use anything.
func (a *account) isSuspended() bool { return truth(a.user, "suspended") }
