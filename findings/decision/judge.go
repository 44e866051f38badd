package decision

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/networks"
)

// Values of the axis of confirmation.
const (
	ruledOut     = 0
	notConfirmed = 1
	suspected    = 2
	confirmed    = 3
)

// A weight is what a finding says of whether somebody else is in the account.
type weight int

const (
	context weight = iota // it says nothing of that
	weak
	medium
	strong
)

func (w weight) String() string { return []string{"", "weak", "medium", "strong"}[w] }

// A weighed finding.
type weighed struct {
	*findings.Finding
	weight weight
	family string // what sort of thing it shows; two of one family say it once
	tied   bool   // to a source that was new for the person and is not recognised
	known  bool   // it was done from where the person is known
}

// A judge weighs the findings of a case.
type judge struct {
	result     *findings.Result
	survey     *Survey
	worlds     *worlds
	recognised map[string]bool // account and network
	open       map[string]bool // accounts with a new source that nobody has recognised
	flagged    map[string]bool // accounts of which a new source is suspect by more than its being new
	all        []*weighed
	unknown    map[string][]*findings.Outcome // by account: the rules of unknown state, in their order
}

func newJudge(result *findings.Result, survey *Survey, worlds *worlds) *judge {
	j := &judge{result: result, survey: survey, worlds: worlds, recognised: recognisedNetworks(result), flagged: map[string]bool{}, open: map[string]bool{}, unknown: map[string][]*findings.Outcome{}}
	for i := range result.Outcomes {
		if o := &result.Outcomes[i]; o.State == findings.Unknown {
			j.unknown[key(o.Account)] = append(j.unknown[key(o.Account)], o)
		}
	}
	for k, n := range survey.sources {
		if !j.recognised[k] {
			j.open[key(n.account)] = true
		}
	}
	for _, f := range result.Findings {
		switch f.Rule {
		case "sign-in-suspicious", "google-failure-then-suspect", "google-guessed", "mail-guessed", "session-stolen", "account-hijacked", "second-factor-fatigue":
			if f.Recognition != findings.Recognised {
				j.flagged[key(f.Account)] = true
			}
		}
	}
	for _, f := range result.Findings {
		w := &weighed{Finding: f, tied: j.tied(f), known: knownSource(f) || j.begunAtHome(f)}
		w.weight, w.family = j.weigh(w)
		j.all = append(j.all, w)
	}
	return j
}

// tied says whether what was found comes from a source that was new for the person, and that is not recognised.
func (j *judge) tied(f *findings.Finding) bool {
	if !j.open[key(f.Account)] {
		return false
	}
	tied := slices.Contains(f.Raised, "new source") || strings.HasSuffix(f.Rule, "-suspect") || strings.HasSuffix(f.Rule, "-after-new-source")
	for _, o := range f.Observed {
		ip, there := fieldOf(o, "ip")
		if there && j.recognised[key(f.Account, networks.Prefix(ip))] {
			continue
		}
		prefix := networks.Prefix(ip)
		if n := j.survey.sources[key(f.Account, prefix)]; prefix != "" && n != nil && !o.Time.Before(n.first) {
			return true
		}
		minutes, near := fieldOf(o, "minutes_since_new_source")
		n, err := strconv.Atoi(minutes)
		if suspect, _ := fieldOf(o, "source.suspect"); suspect == "true" || near && err == nil && n <= 60 {
			return true
		}
		tied = tied && !(there && j.recognised[key(f.Account, networks.Prefix(ip))])
	}
	return tied && !j.allRecognised(f)
}

// allRecognised says whether every place of a finding that names an address names a recognised one.
func (j *judge) allRecognised(f *findings.Finding) bool {
	some := false
	for _, o := range f.Observed {
		ip, there := fieldOf(o, "ip")
		if !there {
			continue
		}
		if some = true; !j.recognised[key(f.Account, networks.Prefix(ip))] {
			return false
		}
	}
	return some
}

// knownSource says whether all that was seen was done from where the person is known.
func knownSource(f *findings.Finding) bool {
	some := false
	for _, o := range f.Observed {
		suspect, there := fieldOf(o, "source.suspect")
		if !there || suspect == "true" {
			return false
		}
		some = true
	}
	return some
}

// begunAtHome says whether a state was begun by events that were all done from where the person is known.
func (j *judge) begunAtHome(f *findings.Finding) bool {
	if !slices.Contains(f.Raised, "state and event") || !f.First.IsZero() {
		return false
	}
	target, _, _ := strings.Cut(strings.ToLower(f.Subject), " ")
	some := false
	for _, e := range j.result.Findings {
		other, _, _ := strings.Cut(strings.ToLower(e.Subject), " ")
		if e.First.IsZero() || e.Class != f.Class || other != target || !strings.EqualFold(e.Account, f.Account) {
			continue
		}
		if some = true; !knownSource(e) {
			return false
		}
	}
	return some
}

// weigh says what a finding is worth for the word confirmed, and what sort of thing it shows. The bar is the doctrine's: a rule
// that forwards or hides and was made from an unfamiliar source, the provider's own verdict, a guessed password, and a new
// factor, device or grant from a source that is suspect by more than being new are strong.
func (j *judge) weigh(w *weighed) (weight, string) {
	if w.Recognition == findings.Recognised {
		return context, w.Class
	}
	base, family := j.base(w)
	if w.known && w.Recognition != findings.NotRecognised && (base == strong || base == medium && w.Strength != "strong") {
		base-- // done from where the person is known
	}
	if w.Recognition == findings.NotRecognised {
		switch {
		case w.Strength == "strong":
			return strong, w.Class
		case w.Strength == "medium" && base < medium:
			return medium, w.ID
		}
	}
	return base, family
}

func (j *judge) base(w *weighed) (weight, string) {
	flagged := j.flagged[key(w.Account)]
	switch w.Rule {
	case "account-hijacked", "session-stolen", "mail-guessed", "google-guessed":
		return strong, w.Class
	case "sign-in-new-source", "mail-sign-in-new-source":
		if j.strange(w.Finding) {
			return medium, "source"
		}
		return weak, "source"
	case "sign-in-suspicious", "google-many-networks", "mail-many-networks", "google-failure-then-suspect", "source-suspect-elsewhere", "same-source-other-accounts":
		return medium, "source"
	case "sign-in-new-country", "unusual-hour", "mail-unusual-hour", "mail-read-suspect", "mail-client-suspect", "reset-read-suspect", "sent-suspect", "sent-new-source",
		"sent-money-suspect", "saml-suspect", "admin-suspect", "google-alert":
		return weak, "source"
	case "two-step-after-new-source", "credentials-after-new-source", "device-after-new-source", "token-granted-suspect":
		if flagged {
			return strong, w.Class
		}
		return medium, w.Class
	case "sieve-changed", "sieve-not-by-webmail", "sieve-odd-name":
		if w.tied && j.hasRule(w.Account) {
			return strong, "hiding"
		}
		return weak, "hiding"
	case "notice-deleted":
		if w.tied {
			return strong, w.Class
		}
		return weak, w.Class
	case "reply-orphan", "second-factor-fatigue", "delegate-external", "app-password-recent", "password-leaked", "account-spamming", "token-anonymous":
		return medium, w.Class
	case "delete-burst", "expunge-burst":
		return medium, w.Class
	case "send-burst", "submit-burst", "bounce-burst", "takeout", "file-burst", "mail-fetched-burst", "mail-bulk-read", "alerts-deleted", "protection-lowered", "role-granted",
		"file-shared-outside", "script-trigger", "vault-export", "mailbox-dump":
		if w.tied && flagged {
			return medium, w.Class
		}
		return weak, w.Class
	}
	return classWeight(w), w.Class
}

// classWeight is what a rule is worth that has no word of its own.
func classWeight(w *weighed) weight {
	high := w.Grade == findings.Probable || w.Grade == findings.Confirmed
	switch w.Class {
	case "posture", "service", "privilege", "notice":
		return context
	case "forwarding", "hiding":
		if w.Strength == "strong" && w.tied {
			return strong
		}
	case "fraud":
		if byStrangers(w.Rule) {
			return context // what strangers write says how somebody may have got in, and not that he did
		}
	}
	if high && w.Strength != "weak" {
		return medium
	}
	return weak
}

// byStrangers says whether a rule is about what others wrote to the account.
func byStrangers(rule string) bool {
	return strings.HasPrefix(rule, "sender-") || slices.Contains([]string{"name-holds-address", "own-domain-forged", "reply-to-elsewhere", "reply-to-imitates-correspondent", "iban-changed",
		"iban-changed-suspect", "bank-change-announced", "attachment-risky"}, rule)
}

// strange says whether more than the network of a sign-in was new: the autonomous system, and the country, device or program.
func (j *judge) strange(f *findings.Finding) bool {
	n := j.survey.sources[key(f.Account, f.Subject)]
	return n != nil && n.asn && (n.device || n.country) && !j.recognised[key(f.Account, f.Subject)]
}

// hasRule says whether the mailbox has a rule that forwards or hides and that nobody has recognised.
func (j *judge) hasRule(account string) bool {
	return slices.ContainsFunc(j.result.Findings, func(f *findings.Finding) bool {
		return strings.EqualFold(f.Account, account) && (f.Class == "forwarding" || f.Class == "hiding") && f.Strength != "weak" &&
			f.Rule != "sieve-changed" && f.Rule != "sieve-odd-name" && f.Recognition != findings.Recognised
	})
}

// maxMediums is how many medium signs of an account are compared with each other.
const maxMediums = 500

// confirmation says how sure it is that somebody else was in an account.
func (j *judge) confirmation(account string) int {
	var mediums []*weighed
	asked, open := false, false
	for _, w := range j.all {
		if !strings.EqualFold(w.Account, account) {
			continue
		}
		switch w.weight {
		case strong:
			return confirmed
		case medium:
			if len(mediums) < maxMediums {
				mediums = append(mediums, w)
			}
		case weak:
			open = open || w.Class != "posture"
		}
		asked = asked || w.Recognition == findings.Recognised
	}
	for i, a := range mediums {
		for _, b := range mediums[i+1:] {
			if independent(a, b, j.survey) {
				return confirmed
			}
		}
	}
	switch {
	case len(mediums) > 0:
		return suspected
	case asked && !open && j.whole(account):
		return ruledOut
	}
	return notConfirmed
}

// nearSource is how long after a new source something is taken to be its deed.
const nearSource = 24 * time.Hour

// independent says whether two findings are two signs and not one seen twice: of different sorts, about different things. With a
// new source only what was done near it counts, for travellers have old rules and delegates, too.
func independent(a, b *weighed, s *Survey) bool {
	if a.family == b.family || a.Subject != "" && a.Subject == b.Subject || sharePlace(a.Finding, b.Finding) {
		return false
	}
	if b.family == "source" {
		a, b = b, a
	}
	if a.family != "source" || damning(b.Rule) || b.Recognition == findings.NotRecognised {
		return true
	}
	since := a.First
	if n := s.sources[key(a.Account, a.Subject)]; n != nil && n.first.Before(since) {
		since = n.first
	}
	return !b.Last.IsZero() && b.Last.After(since.Add(-time.Hour)) && b.Last.Before(since.Add(nearSource))
}

// damning lists states that have hardly another explanation beside a new source, even if nobody knows since when they are.
func damning(rule string) bool {
	return slices.Contains([]string{"rule-hides-money", "rule-hides-security", "send-as-look-alike", "filter-forwards-and-hides", "filter-odd-label", "rule-executes"}, rule)
}

func sharePlace(a, b *findings.Finding) bool {
	for _, x := range a.Observed {
		for _, y := range b.Observed {
			if x.Bundle == y.Bundle && x.Exhibit == y.Exhibit && x.Locator == y.Locator {
				return true
			}
		}
	}
	return false
}

// whole says whether all was read without which nobody can say that an account is in order.
func (j *judge) whole(account string) bool { return len(j.lacking(account)) == 0 }

// lacking lists the essential rules of unknown state.
func (j *judge) lacking(account string) []findings.Outcome {
	var all []findings.Outcome
	rules := j.worlds.essential(account)
	for _, o := range j.unknown[key(account)] {
		if slices.Contains(rules, o.Rule) {
			all = append(all, *o)
		}
	}
	return all
}
