package facts

import (
	"encoding/hex"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
)

// changes compare the settings of an account in the bundles of a case: what an earlier one has and a later one not, and the
// other way round. Gmail does not log who makes or deletes a filter; two collections tell at least that it was done between
// them.
type changes struct {
	reads map[rowKey][]*settingsRead
	items int
}

// A settingsRead is that a bundle read a resource of an account as a whole.
type settingsRead struct {
	bundle, exhibit string
	collector       string
	at              time.Time // when it was read; where nothing came of it, when the bundle was begun
	whole           bool
	items           map[string]settingItem // by what tells them apart
}

// A settingItem is one setting as it was found.
type settingItem struct {
	kind, exhibit, locator string
	what, target           string
}

// maxSettings is how many settings are remembered over all bundles.
const maxSettings = 200_000

func newChanges() *changes { return &changes{reads: map[rowKey][]*settingsRead{}} }

// at is what a bundle says of a resource; nil for one whose settings are not compared.
func (c *changes) at(account, resource, bundle string, make bool) *settingsRead {
	if !compares(resource) {
		return nil
	}
	key := rowKey{strings.ToLower(account), resource}
	for _, r := range c.reads[key] {
		if r.bundle == bundle {
			return r
		}
	}
	if !make {
		return nil
	}
	r := &settingsRead{bundle: bundle, items: map[string]settingItem{}}
	c.reads[key] = append(c.reads[key], r)
	return r
}

// compares says whether a resource holds settings that are compared.
func compares(resource string) bool {
	switch resource {
	case "gmail/filters", "gmail/autoForwarding", "gmail/forwardingAddresses", "gmail/delegates", "gmail/sendAs", "directory/tokens", "directory/asps", "sieve", "acl", "calendar/acl":
		return true
	}
	return strings.HasPrefix(resource, "scripts/sieve:")
}

// take notes which of a bundle's resources were read as a whole.
func (c *changes) take(b *evidence.Bundle) {
	for _, row := range b.Coverage {
		if r := c.at(row.Account, row.Resource, b.Opening.Bundle, row.Status == evidence.StatusComplete || row.Status == evidence.StatusEmpty); r != nil {
			r.whole, r.at, r.collector = true, b.Opening.CreatedAt.UTC(), row.Collector
		}
	}
}

// exhibit notes where a resource was read from, and when.
func (c *changes) exhibit(s *source) {
	if r := c.at(s.Account, s.Resource, s.bundle.Opening.Bundle, false); r != nil && r.exhibit == "" {
		r.exhibit, r.at = s.record.ID(), s.FetchedAt.UTC()
	}
}

// see takes in a setting.
func (c *changes) see(f *Fact) {
	r := c.at(f.Account, f.Resource, f.Bundle, false)
	if r == nil || c.items >= maxSettings {
		return
	}
	item := settingItem{kind: f.Kind, exhibit: f.Exhibit, locator: f.Locator, target: f.Text("target")}
	var same []string // what tells it apart beside its kind
	switch f.Kind {
	case KindFilter:
		for _, field := range f.Fields {
			if strings.HasPrefix(field.Name, "criteria.") || strings.HasPrefix(field.Name, "action.") {
				same = append(same, field.Name+"="+field.Value.String())
			}
		}
		slices.Sort(same)
		item.what = strings.Join(same, ", ")
	case KindForwarding:
		if !f.Is("enabled") {
			return
		}
		same = []string{f.Text("target"), f.Text("disposition")}
	case KindForwardingAddress, KindDelegate, KindSendAs:
		same = []string{f.Text("target"), f.Text("verificationstatus"), f.Text("replytoaddress")}
	case KindToken:
		same = []string{f.Text("clientid")}
		item.what = f.Text("displaytext")
	case KindAppPassword:
		same = []string{f.Text("codeid")}
		item.what = f.Text("name")
	case KindScript:
		same = []string{f.Text("script"), f.Text("active"), f.Text("sha256")}
		item.what = f.Text("script")
	case KindACL:
		same = []string{f.Text("mailbox"), f.Text("identifier"), f.Text("rights")}
		item.what = strings.Join(same, " ")
	case KindCalendarACL:
		same = []string{f.Text("calendar"), f.Text("scope.type"), f.Text("scope.value"), f.Text("role")}
		item.what = strings.Join(same, " ")
	default:
		return
	}
	if item.what == "" {
		item.what = strings.Join(slices.DeleteFunc(slices.Clone(same), func(s string) bool { return s == "" }), " ")
	}
	r.items[f.Kind+"\x00"+strings.Join(same, "\x00")] = item
	c.items++
}

// facts gives one fact for each setting that came or went between two collections, in a fixed order.
func (c *changes) facts(keep func(*Fact) error) error {
	for _, key := range slices.SortedFunc(maps.Keys(c.reads), func(a, b rowKey) int {
		return strings.Compare(a.account+"\x00"+a.resource, b.account+"\x00"+b.resource)
	}) {
		reads := slices.DeleteFunc(slices.Clone(c.reads[key]), func(r *settingsRead) bool { return !r.whole })
		slices.SortStableFunc(reads, func(a, b *settingsRead) int { return a.at.Compare(b.at) })
		for i := 1; i < len(reads); i++ {
			before, after := reads[i-1], reads[i]
			if err := differ(key, "gone", before, after, before.items, after.items, keep); err != nil {
				return err
			}
			if err := differ(key, "new", before, after, after.items, before.items, keep); err != nil {
				return err
			}
		}
	}
	return nil
}

// differ gives what is in has and not in lacks.
func differ(key rowKey, change string, before, after *settingsRead, has, lacks map[string]settingItem, keep func(*Fact) error) error {
	for _, id := range slices.Sorted(maps.Keys(has)) {
		if _, there := lacks[id]; there {
			continue
		}
		item := has[id]
		f := &Fact{Kind: KindSettingChange, Account: key.account, Collector: after.collector, Resource: key.resource, Time: after.at, Zone: "Z", Collected: after.at,
			Exhibit: item.exhibit, Locator: item.locator, Inferred: "between " + stamp(before.at) + " and " + stamp(after.at) + ", the two collections"}
		f.Bundle = before.bundle
		other := [2]string{after.bundle, after.exhibit}
		if change == "new" {
			f.Bundle, other = after.bundle, [2]string{before.bundle, before.exhibit}
		}
		f.say("change", change)
		f.say("of", item.kind)
		f.say("what", item.what)
		f.say("item", item.kind+" "+digestOf(id))
		f.say("target", item.target)
		f.say("other.bundle", other[0])
		f.say("other.exhibit", other[1])
		f.say("since", stamp(before.at))
		if err := keep(f); err != nil {
			return err
		}
	}
	return nil
}

// digestOf names a setting shortly; nothing hangs on it but telling findings apart.
func digestOf(id string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id)) // it never fails
	return hex.EncodeToString(h.Sum(nil))
}
