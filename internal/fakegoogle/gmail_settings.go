package fakegoogle

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// gmailState is what Gmail keeps of a user.
type gmailState struct {
	filters, forwarding, delegates, sendAs, labels    []object
	identities, keyPairs                              []object
	smime                                             map[string][]object // by send-as address
	autoForwarding, imap, pop, vacation, languageUsed object
	box                                               *mailbox
}

// The limits of Gmail's settings.
const (
	filterLimit   = 1000
	delegateLimit = 25
)

func gmailSettings() map[string]handler {
	const s = "gmail.users.settings."
	all := map[string]handler{
		s + "filters.list":               forMailbox(listFilters),
		s + "filters.get":                forMailbox(getFilter),
		s + "filters.create":             forMailbox(createFilter),
		s + "filters.delete":             forMailbox(deleteFilter),
		s + "forwardingAddresses.list":   forMailbox(listForwarding),
		s + "forwardingAddresses.get":    forMailbox(getForwarding),
		s + "forwardingAddresses.create": forMailbox(createForwarding),
		s + "forwardingAddresses.delete": forMailbox(deleteForwarding),
		s + "updateAutoForwarding":       forMailbox(updateAutoForwarding),
		s + "delegates.list":             forMailbox(listDelegates),
		s + "delegates.get":              forMailbox(getDelegate),
		s + "delegates.create":           forMailbox(createDelegate),
		s + "delegates.delete":           forMailbox(deleteDelegate),
		s + "cse.identities.list":        forMailbox(listIdentities),
		s + "cse.identities.get":         forMailbox(getIdentity),
		s + "cse.identities.delete":      forMailbox(deleteIdentity),
		s + "cse.keypairs.list":          forMailbox(listKeyPairs),
		s + "cse.keypairs.get":           forMailbox(getKeyPair),
		s + "cse.keypairs.disable":       forMailbox(disableKeyPair),
		"gmail.users.getProfile":         forMailbox(getProfile),
		"gmail.users.labels.list":        forMailbox(listLabels),
		"gmail.users.labels.get":         forMailbox(getLabel),
		"gmail.users.labels.create":      forMailbox(createLabel),
		"gmail.users.labels.patch":       forMailbox(patchLabel),
		"gmail.users.labels.delete":      forMailbox(deleteLabel),
	}
	for name, of := range map[string]func(*gmailState) *object{
		"AutoForwarding": func(m *gmailState) *object { return &m.autoForwarding },
		"Imap":           func(m *gmailState) *object { return &m.imap },
		"Pop":            func(m *gmailState) *object { return &m.pop },
		"Vacation":       func(m *gmailState) *object { return &m.vacation },
		"Language":       func(m *gmailState) *object { return &m.languageUsed },
	} {
		all[s+"get"+name] = forMailbox(func(c *call, a *account) (object, *apiError) { return *of(&a.mail), nil })
		if name != "AutoForwarding" {
			all[s+"update"+name] = forMailbox(func(c *call, a *account) (object, *apiError) {
				c.change(func() { *of(&a.mail) = c.body })
				return c.body, nil
			})
		}
	}
	return all
}

// forMailbox finds the mailbox that a call is for. The caller can only speak for himself: Gmail has no administrators.
func forMailbox(h func(*call, *account) (object, *apiError)) handler {
	return func(t *Tenant, c *call) (object, *apiError) {
		if c.subject == "" {
			return nil, failure(http.StatusBadRequest, "failedPrecondition", "Precondition check failed.")
		}
		a, _ := t.userByKey(c.subject)
		if user := c.path["userId"]; user != "me" {
			if named, ok := t.userByKey(user); !ok || named != a {
				return nil, failure(http.StatusForbidden, "forbidden", "Delegation denied for %s", c.subject)
			}
		}
		if a.isSuspended() || a.deleted || !truth(a.user, "isMailboxSetup") {
			return nil, mailNotEnabled()
		}
		return h(c, a)
	}
}

// one answers with the object whose field has the value, or 404.
func one(items []object, field, value string) (object, *apiError) {
	i := where(items, field, value)
	if i < 0 {
		return nil, notFoundEntity()
	}
	return items[i], nil
}

// remove removes the object whose field has the value, when that has propagated.
func (c *call) remove(items *[]object, field, value string) (object, *apiError) {
	if where(*items, field, value) < 0 {
		return nil, notFoundEntity()
	}
	c.change(func() { *items = without(*items, field, value) })
	return nil, nil
}

// add adds an object when that has propagated, and answers with it.
func (c *call) add(items *[]object, item object) (object, *apiError) {
	c.change(func() { *items = append(slices.Clone(*items), item) })
	return item, nil
}

func listFilters(c *call, a *account) (object, *apiError) {
	return list(object{}, "filter", a.mail.filters), nil
}

func getFilter(c *call, a *account) (object, *apiError) {
	return one(a.mail.filters, "id", c.path["id"])
}

// createFilter makes a filter. One like it, one without an action, and one that forwards to an address that the user
// has not verified are refused.
func createFilter(c *call, a *account) (object, *apiError) {
	criteria, _ := c.body["criteria"].(object)
	action, _ := c.body["action"].(object)
	if len(criteria) == 0 || len(action) == 0 {
		return nil, failure(http.StatusBadRequest, "invalidArgument", "Filter doesn't have any criteria or actions")
	}
	if to := text(action, "forward"); to != "" && !a.mail.forwardsTo(to) {
		return nil, failure(http.StatusBadRequest, "invalidArgument", "Unrecognized forwarding address")
	}
	if len(a.mail.filters) >= filterLimit {
		return nil, failure(http.StatusBadRequest, "failedPrecondition", "Too many filters")
	}
	filter := object{"criteria": criteria, "action": action}
	for _, other := range a.mail.filters {
		if etag(object{"criteria": other["criteria"], "action": other["action"]}) == etag(filter) {
			return nil, failure(http.StatusConflict, "alreadyExists", "Filter already exists")
		}
	}
	filter["id"] = filterID(c.tenant.next())
	return c.add(&a.mail.filters, filter)
}

// filterID looks like those that Gmail gives.
func filterID(n uint64) string { return "ANe1Bmj" + strconv.FormatUint(n*0x9e3779b97f4a7c15, 36) }

// deleteFilter removes a filter for good: Google keeps no copy.
func deleteFilter(c *call, a *account) (object, *apiError) {
	return c.remove(&a.mail.filters, "id", c.path["id"])
}

// forwardsTo says whether an address is one that the user may forward to.
func (m *gmailState) forwardsTo(address string) bool {
	i := where(m.forwarding, "forwardingEmail", address)
	return i >= 0 && text(m.forwarding[i], "verificationStatus") == "accepted"
}

func listForwarding(c *call, a *account) (object, *apiError) {
	return list(object{}, "forwardingAddresses", a.mail.forwarding), nil
}

func getForwarding(c *call, a *account) (object, *apiError) {
	return one(a.mail.forwarding, "forwardingEmail", c.path["forwardingEmail"])
}

// createForwarding adds an address; one of another domain must first be verified by its owner.
func createForwarding(c *call, a *account) (object, *apiError) {
	address := text(c.body, "forwardingEmail")
	if !strings.Contains(address, "@") {
		return nil, failure(http.StatusBadRequest, "invalidArgument", "Invalid forwarding address")
	}
	if where(a.mail.forwarding, "forwardingEmail", address) >= 0 {
		return nil, failure(http.StatusConflict, "alreadyExists", "Forwarding address already exists")
	}
	status := "pending"
	if strings.HasSuffix(address, "@"+Domain) {
		status = "accepted"
	}
	return c.add(&a.mail.forwarding, object{"forwardingEmail": address, "verificationStatus": status})
}

// deleteForwarding removes an address, and with it the forwarding of all mail to it. Filters that forward to it go on.
func deleteForwarding(c *call, a *account) (object, *apiError) {
	address := c.path["forwardingEmail"]
	if text(a.mail.autoForwarding, "emailAddress") == address {
		c.change(func() { a.mail.autoForwarding = object{"enabled": false} })
	}
	return c.remove(&a.mail.forwarding, "forwardingEmail", address)
}

func updateAutoForwarding(c *call, a *account) (object, *apiError) {
	if truth(c.body, "enabled") && !a.mail.forwardsTo(text(c.body, "emailAddress")) {
		return nil, failure(http.StatusBadRequest, "failedPrecondition", "Unrecognized forwarding address")
	}
	c.change(func() { a.mail.autoForwarding = c.body })
	return c.body, nil
}

func listDelegates(c *call, a *account) (object, *apiError) {
	return list(object{}, "delegates", a.mail.delegates), nil
}

func getDelegate(c *call, a *account) (object, *apiError) {
	return one(a.mail.delegates, "delegateEmail", c.path["delegateEmail"])
}

// createDelegate makes a colleague a delegate, by his primary address.
func createDelegate(c *call, a *account) (object, *apiError) {
	address := text(c.body, "delegateEmail")
	colleague, ok := c.tenant.userByKey(address)
	if !ok || colleague.email != address || colleague.deleted || colleague.isSuspended() || colleague == a {
		return nil, failure(http.StatusBadRequest, "invalidArgument", "Invalid delegate")
	}
	if where(a.mail.delegates, "delegateEmail", address) >= 0 {
		return nil, failure(http.StatusConflict, "alreadyExists", "Delegate already exists")
	}
	if len(a.mail.delegates) >= delegateLimit {
		return nil, failure(http.StatusBadRequest, "failedPrecondition", "Too many delegates")
	}
	return c.add(&a.mail.delegates, object{"delegateEmail": address, "verificationStatus": "accepted"})
}

func deleteDelegate(c *call, a *account) (object, *apiError) {
	return c.remove(&a.mail.delegates, "delegateEmail", c.path["delegateEmail"])
}

func listIdentities(c *call, a *account) (object, *apiError) {
	return c.paged(object{}, "cseIdentities", a.mail.identities, 20, 100)
}

func getIdentity(c *call, a *account) (object, *apiError) {
	return one(a.mail.identities, "emailAddress", c.path["cseEmailAddress"])
}

func deleteIdentity(c *call, a *account) (object, *apiError) {
	return c.remove(&a.mail.identities, "emailAddress", c.path["cseEmailAddress"])
}

func listKeyPairs(c *call, a *account) (object, *apiError) {
	return c.paged(object{}, "cseKeyPairs", a.mail.keyPairs, 20, 100)
}

func getKeyPair(c *call, a *account) (object, *apiError) {
	return one(a.mail.keyPairs, "keyPairId", c.path["keyPairId"])
}

func disableKeyPair(c *call, a *account) (object, *apiError) {
	pair, err := one(a.mail.keyPairs, "keyPairId", c.path["keyPairId"])
	if err != nil {
		return nil, err
	}
	disabled := clone(pair)
	disabled["enablementState"], disabled["disableTime"] = "disabled", stamp(c.now)
	c.change(func() { a.mail.keyPairs[where(a.mail.keyPairs, "keyPairId", c.path["keyPairId"])] = disabled })
	return disabled, nil
}
