package facts

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A listingOf says how an answer of Google's is read: the array of that name, or the answer itself.
type listingOf struct {
	kind string
	list string
	read func(s *source, f *Fact, t thing) error // reads one thing into f and keeps it
	bare bool                                    // read takes the thing apart itself: f is empty
}

// listings are the answers of Google's APIs by the collector's names of their resources.
func listings() map[string]listingOf {
	return map[string]listingOf{
		"gmail/filters":               {kind: KindFilter, list: "filter", read: (*source).filter},
		"gmail/autoForwarding":        {kind: KindForwarding, list: "", read: targeted("emailaddress")},
		"gmail/forwardingAddresses":   {kind: KindForwardingAddress, list: "forwardingAddresses", read: targeted("forwardingemail")},
		"gmail/delegates":             {kind: KindDelegate, list: "delegates", read: targeted("delegateemail")},
		"gmail/sendAs":                {kind: KindSendAs, list: "sendAs", read: targeted("sendasemail")},
		"gmail/vacation":              {kind: KindVacation, list: "", read: targeted("")},
		"gmail/imap":                  {kind: KindAccess, list: "", read: access("imap")},
		"gmail/pop":                   {kind: KindAccess, list: "", read: access("pop")},
		"gmail/labels":                {kind: KindLabel, list: "labels", read: targeted("")},
		"directory/tokens":            {kind: KindToken, list: "items", read: (*source).token},
		"directory/asps":              {kind: KindAppPassword, list: "items", read: (*source).appPassword},
		"directory/user":              {kind: KindUser, list: "", read: (*source).user},
		"directory/aliases":           {kind: KindAlias, list: "aliases", read: targeted("alias")},
		"directory/mobiledevices":     {kind: KindDevice, list: "mobiledevices", read: (*source).device},
		"directory/groups":            {kind: KindGroup, list: "groups", read: targeted("email")},
		"directory/roleAssignments":   {kind: KindRole, list: "items", read: targeted("")},
		"directory/roles":             {kind: kindRoleName, list: "items", read: targeted("")},
		"directory/customer":          {kind: kindCustomer, list: "", read: targeted("")},
		"directory/domains":           {kind: kindDomain, list: "domains", read: targeted("")},
		"directory/domainAliases":     {kind: kindDomain, list: "domainAliases", read: targeted("")},
		"directory/verificationCodes": {kind: KindCodes, list: "", read: targeted("")},
	}
}

// Kinds that are learnt and not kept, because they are no statements about the account: what a role's number means, and who
// the customer is and which domains he has.
const (
	kindRoleName = "role_name"
	kindCustomer = "customer"
	kindDomain   = "domain"
)

func learnt(kind string) bool {
	return kind == kindRoleName || kind == kindCustomer || kind == kindDomain
}

// listing reads an answer, or a page of one.
func (s *source) listing(l listingOf) error {
	body, err := s.body()
	if err != nil {
		return err
	}
	all, err := things(body, l.list)
	if err != nil {
		return err
	}
	for _, t := range all {
		f := s.fact(l.kind, t.pointer)
		if !startsObject(t.raw) {
			err = s.unreadable(l.kind, t.pointer, errNoObject)
		} else if !l.bare {
			err = f.flatten(&s.json, "", t.raw)
		}
		if err == nil && startsObject(t.raw) {
			err = l.read(s, f, t)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// targeted keeps a thing as it is; the field of that name is whom it is about.
func targeted(field string) func(*source, *Fact, thing) error {
	return func(s *source, f *Fact, _ thing) error {
		if v := f.Text(field); field != "" && v != "" {
			f.say("target", v)
		}
		return s.keep(f)
	}
}

// access is whether mail programs get in.
func access(protocol string) func(*source, *Fact, thing) error {
	return func(s *source, f *Fact, _ thing) error {
		f.say("protocol", protocol)
		if window := f.Text("accesswindow"); protocol == "pop" {
			f.Set("enabled", Bool(window != "" && window != "disabled" && window != "accessWindowUnspecified"))
		}
		return s.keep(f)
	}
}

// filter reads a Gmail filter, and what it does as far as its actions say so by themselves.
func (s *source) filter(f *Fact, t thing) error {
	f.say("target", f.Text("action.forward"))
	added, _ := f.Get("action.addlabelids")
	removed, _ := f.Get("action.removelabelids")
	does := make([]string, 0, 4)
	for _, step := range []struct {
		labels Value
		label  string
		word   string
	}{{added, "TRASH", "delete"}, {added, "SPAM", "spam"}, {removed, "INBOX", "skip-inbox"}, {removed, "UNREAD", "mark-read"}, {removed, "SPAM", "never-spam"}} {
		if slices.Contains(step.labels.All(), step.label) {
			does = append(does, step.word)
		}
	}
	if f.Text("target") != "" {
		does = append(does, "forward")
	}
	f.Set("does", List(does))
	if err := s.keep(f); err != nil || s.c.options.MailRules.Filter == nil {
		return err
	}
	return s.meanings(f.Locator, f.Text("id"), t.raw, s.c.options.MailRules.Filter)
}

// meanings keeps what a filter or script does as a reader of mail rules understands it.
func (s *source) meanings(locator, rule string, raw []byte, read func([]byte) ([]Meaning, error)) error {
	all, err := read(raw)
	if err != nil {
		return s.unreadable(KindRuleAction, locator, err)
	}
	for _, m := range all {
		f := s.fact(KindRuleAction, strings.TrimSpace(locator+" "+m.Locator))
		f.say("rule", rule)
		f.say("action", m.Action)
		f.say("summary", m.Summary)
		for _, l := range []struct {
			name  string
			texts []string
		}{{"target", m.Targets}, {"topics", m.Topics}, {"parties", m.Parties}, {"words", m.Words}, {"tricks", m.Tricks}} {
			if len(l.texts) > 0 {
				f.Set(l.name, List(cutList(f, l.texts)))
			}
		}
		f.Set("all", Bool(m.All))
		f.Set("active", Bool(m.Active))
		f.Set("keeps_copy", Bool(m.Local))
		if err := s.keep(f); err != nil {
			return err
		}
	}
	return nil
}

func cutList(f *Fact, texts []string) []string {
	if len(texts) > maxItems {
		f.Set("cut", Bool(true))
		texts = texts[:maxItems]
	}
	cut := make([]string, len(texts))
	for i, t := range texts {
		cut[i] = f.cut(t)
	}
	return cut
}

// token reads a grant. Google does not say when it was made.
func (s *source) token(f *Fact, _ thing) error {
	scopes, _ := f.Get("scopes")
	rateScopes(f, scopes.All())
	return s.keep(f)
}

// appPassword reads an app password: its time is when it was made.
func (s *source) appPassword(f *Fact, _ thing) error {
	f.Time = milliseconds(f.Text("creationtime"))
	f.Zone = "Z"
	used := milliseconds(f.Text("lasttimeused"))
	f.Set("used", Bool(!used.IsZero()))
	if !used.IsZero() {
		f.say("last_used", stamp(used))
		f.Set("used_within_days", Number(int64(s.FetchedAt.Sub(used)/(24*time.Hour))))
	}
	if !f.Time.IsZero() {
		f.Set("age_days", Number(int64(s.FetchedAt.Sub(f.Time)/(24*time.Hour))))
	}
	return s.keep(f)
}

// milliseconds reads a time as the Directory writes it: milliseconds since 1970, 0 for never.
func milliseconds(text string) time.Time {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 || n > 1<<45 {
		return time.Time{}
	}
	return time.UnixMilli(n).UTC()
}

// user reads the user's record.
func (s *source) user(f *Fact, _ thing) error {
	f.say("recovery", f.Text("recoveryemail"))
	return s.keep(f)
}

// device reads a device that synchronises: its time is when it first did.
func (s *source) device(f *Fact, _ thing) error {
	f.Time, f.Zone = parseTime(f.Text("firstsync"))
	f.say("device", f.Text("deviceid"))
	if !f.Time.IsZero() {
		f.Set("age_days", Number(int64(s.FetchedAt.Sub(f.Time)/(24*time.Hour))))
	}
	return s.keep(f)
}

// alert reads an alert of the Alert Center, which is about the tenant: whom it names is whom it is about.
func (s *source) alert(f *Fact, _ thing) error {
	f.Time, f.Zone = parseTime(f.Text("starttime"))
	if f.Time.IsZero() {
		f.Time, f.Zone = parseTime(f.Text("createtime"))
	}
	f.say("ip", f.Text("data.logindetails.ipaddress"))
	if email := f.Text("data.email"); email != "" {
		f.Account = strings.ToLower(email)
	}
	return s.keep(f)
}

// parseTime reads a time as Google's newer APIs write it. The zone is the source's own.
func parseTime(text string) (time.Time, string) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, ""
	}
	return t.UTC(), t.Format("Z07:00")
}

// asRecord reads a JSON object strictly enough to know that it is one.
func asRecord(raw []byte, v any) error { return json.Unmarshal(raw, v) }
