package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/findings/facts"
	"github.com/mbaudit/mbaudit/internal/casefile"
)

// A watch counts, while the facts of the examined accounts pass by, what the pictures and lists show. It holds bounded
// tables only, however many facts there are; what goes into a long one is a copy, since a fact's strings are parts of its whole line.
type watch struct {
	zone     *time.Location
	accounts map[string]bool
	pictures Pictures
	networks map[string]*Network
	logged   map[string]*Day // by the provider's log
	kept     map[string]*Day // by the messages in the mailbox
	links    map[Link]bool
	messages []Message
	personal map[string]bool
	count    int64 // personal messages
	people   map[string]bool
	touched  map[string]bool
	held     map[string]map[string]int64 // by message: how many of each sort of data, and attachments
	data     DataCount

	own         spread // of the traces of the collection itself
	ownExhibits []string
}

func newWatch(c casefile.Case, accounts []string) *watch {
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	w := &watch{zone: zone, accounts: map[string]bool{}, networks: map[string]*Network{}, logged: map[string]*Day{}, kept: map[string]*Day{}, links: map[Link]bool{},
		people: map[string]bool{}, touched: map[string]bool{}, personal: map[string]bool{}, held: map[string]map[string]int64{}, data: DataCount{Sorts: map[string]Held{}}}
	for _, a := range accounts {
		w.accounts[strings.ToLower(a)] = true
	}
	return w
}

// Gmail's numbers of what happened to a message: docs of the Gmail log events.
const (
	mailSent          = 1
	mailReceived      = 2
	mailOpened        = 7
	mailForwarded     = 10
	mailAutoForwarded = 11
	mailToTrash       = 13
	mailAttachment    = 17
	mailDeleted       = 27
	mailViewed        = 31
	mailDownloaded    = 32
)

func (w *watch) see(f *facts.Fact) {
	if f.Is("duplicate") {
		return
	}
	if f.Is("own_trace") { // what the collection itself left in a log says nothing of anybody
		w.own.take(f.Time)
		if id := f.Bundle + "/" + f.Exhibit; len(w.ownExhibits) < maxOwn && !slices.Contains(w.ownExhibits, id) {
			w.ownExhibits = append(w.ownExhibits, id)
		}
		return
	}
	suspect := f.Is("source.suspect") || f.Is("source.suspect_elsewhere")
	if !w.accounts[strings.ToLower(f.Account)] {
		return
	}
	if f.Is("personal") {
		w.count++
		w.personal[f.Bundle+"/"+f.Exhibit+"#"+f.Locator] = true
	}
	w.hour(f, suspect)
	w.link(f)
	switch f.Kind {
	case facts.KindAudit:
		w.audit(f, suspect)
	case facts.KindMailLog:
		w.mailLog(f, suspect)
	case facts.KindMessage:
		w.message(f, suspect)
	}
}

// hour counts deeds by hour and weekday of the case's time zone.
func (w *watch) hour(f *facts.Fact, suspect bool) {
	if f.Time.IsZero() || f.Kind != facts.KindAudit && f.Kind != facts.KindMailLog || f.Text("ip") == "" {
		return
	}
	local := f.Time.In(w.zone)
	day := (int(local.Weekday()) + 6) % 7
	if suspect {
		w.pictures.Suspect[day][local.Hour()]++
	} else {
		w.pictures.Usual[day][local.Hour()]++
	}
}

func (w *watch) audit(f *facts.Fact, suspect bool) {
	switch f.Text("event.name") {
	case "login_success":
		w.signIn(f, suspect, true)
	case "login_failure":
		w.signIn(f, suspect, false)
	}
	if f.Text("event.service") != "gmail" {
		return
	}
	n, ok := f.Get("event_info.mail_event_type")
	if !ok {
		return
	}
	day := w.day(w.logged, f.Time)
	action := ""
	switch n.Int() {
	case mailSent:
		day.Sent++
		action = "sent"
	case mailReceived:
		day.Received++
	case mailForwarded, mailAutoForwarded:
		day.Forwarded++
		action = "forwarded"
	case mailToTrash, mailDeleted:
		day.Deleted++
		action = "deleted"
	case mailOpened, mailViewed:
		action = "read"
	case mailAttachment, mailDownloaded:
		action = "downloaded"
	}
	if suspect && action != "" {
		w.keep(f, action, "message_info.subject", "message_info.rfc2822_message_id")
	}
}

// keep notes what was done to a message from a suspect source. Personal ones are counted elsewhere and never named.
func (w *watch) keep(f *facts.Fact, action, subject, id string) {
	if f.Is("personal") {
		return
	}
	if len(w.touched) < maxPeople && action != "deleted" {
		w.touched[strings.Clone(cmp.Or(bareID(f.Text(id)), f.Bundle+f.Exhibit+f.Locator))] = true
	}
	if action == "sent" {
		return // package findings/suspects tells which of these are fraudulent
	}
	m := Message{At: f.Time, Account: f.Account, Subject: f.Text(subject), ID: f.Text(id), IP: f.Text("ip"), Exhibit: f.Bundle + "/" + f.Exhibit, Action: action}
	for _, name := range []string{"recipients", "message_info.destination.address", "message_info.destination"} {
		if v, ok := f.Get(name); ok {
			m.Recipients = append(m.Recipients, v.All()...)
			break
		}
	}
	if len(m.Recipients) > maxRecipients {
		m.Recipients = m.Recipients[:maxRecipients]
	}
	if len(w.messages) < 4*maxMessages {
		w.messages = append(w.messages, m)
	}
}

func (w *watch) mailLog(f *facts.Fact, suspect bool) {
	switch f.Text("event.name") {
	case "sign-in":
		w.signIn(f, suspect, true)
	case "failure":
		w.signIn(f, suspect, false)
	case "submission":
		w.day(w.logged, f.Time).Sent++
		if suspect {
			w.keep(f, "sent", "subject", "message_id")
		}
	case "expunge", "delete":
		w.day(w.logged, f.Time).Deleted++
	case "sieve":
		if f.Text("action") == "redirect" || f.Text("action") == "forward" {
			w.day(w.logged, f.Time).Forwarded++
		}
	}
}

// named counts the people whom messages that a suspect source touched name.
func (m *Model) named() int {
	seen := map[string]bool{}
	for _, x := range m.Sent {
		for _, r := range x.Recipients {
			seen[strings.ToLower(r)] = true
		}
	}
	return len(seen)
}

// bareID is a Message-ID as logs and mailboxes both have it.
func bareID(id string) string { return strings.Trim(id, "<> ") }

// attachmentSort stands among the sorts of data for files that nobody opened.
const attachmentSort = "attachments"

// hold counts the sorts of data in a message, and remembers them until it is known whether a suspect source touched it.
func (w *watch) hold(f *facts.Fact) {
	holds := map[string]int64{}
	for _, field := range f.Fields {
		switch sort, isData := strings.CutPrefix(field.Name, "data."); {
		case isData:
			holds[strings.Clone(sort)] = field.Value.Int()
		case field.Name == "iban", field.Name == "attachments":
			if n := int64(field.Value.Len()); n > 0 {
				holds[strings.Clone(field.Name)] = n
			}
		}
	}
	if len(holds) == 0 {
		return
	}
	for sort, n := range holds {
		w.data.Sorts[sort] = w.data.Sorts[sort].and(Held{Messages: 1, Values: n})
	}
	if len(w.held) < maxPeople {
		w.held[strings.Clone(cmp.Or(bareID(f.Text("message_id")), f.Bundle+f.Exhibit+f.Locator))] = holds
	}
}

func (h Held) and(more Held) Held {
	return Held{h.Messages + more.Messages, h.Values + more.Values, h.Touched + more.Touched}
}

// dataCount is what the messages hold, now that it is known which were touched. own says whose an address is.
func (w *watch) dataCount(own func(address string) bool) *DataCount {
	for id, holds := range w.held {
		for sort := range holds {
			if w.touched[id] {
				w.data.Sorts[sort] = w.data.Sorts[sort].and(Held{Touched: 1})
			}
		}
	}
	w.data.Attachments = w.data.Sorts[attachmentSort]
	delete(w.data.Sorts, attachmentSort)
	for a := range w.people {
		if own(a) {
			w.data.Own++
		} else {
			w.data.Outside++
		}
	}
	return &w.data
}

func (w *watch) message(f *facts.Fact, suspect bool) {
	w.hold(f)
	for _, name := range []string{"from", "recipients"} {
		if v, ok := f.Get(name); ok && len(w.people) < maxPeople {
			for _, a := range v.All() {
				if a = strings.ToLower(a); !w.people[a] {
					w.people[strings.Clone(a)] = true
				}
			}
		}
	}
	if f.Time.IsZero() {
		return
	}
	if f.Is("sent") {
		w.day(w.kept, f.Time).Sent++
		if suspect {
			w.keep(f, "sent", "subject", "message_id")
		}
		return
	}
	w.day(w.kept, f.Time).Received++
}

func (w *watch) day(days map[string]*Day, at time.Time) *Day {
	if at.IsZero() {
		return &Day{}
	}
	name := at.In(w.zone).Format(time.DateOnly)
	d := days[name]
	if d == nil {
		d = &Day{Day: name}
		if len(days) < maxDays {
			days[name] = d
		}
	}
	return d
}

func (w *watch) signIn(f *facts.Fact, suspect, good bool) {
	name := cmp.Or(f.Text("ip.network"), f.Text("ip"))
	if name == "" || f.Time.IsZero() {
		return
	}
	n := w.networks[name]
	if n == nil {
		if len(w.networks) >= maxNetworks {
			name = "…"
			if n = w.networks[name]; n == nil {
				n = &Network{Name: name, First: f.Time}
				w.networks[name] = n
			}
		} else {
			n = &Network{Name: name, First: f.Time}
			w.networks[name] = n
		}
	}
	if v, ok := f.Get("asn"); ok {
		n.ASN = v.Int()
	}
	n.Owner, n.Country = cmp.Or(n.Owner, f.Text("asn.name")), cmp.Or(n.Country, f.Text("country"))
	n.Suspect = n.Suspect || suspect
	n.Last = later(n.Last, f.Time)
	if good {
		n.Good++
	} else {
		n.Failed++
	}
	if id := f.Bundle + "/" + f.Exhibit; len(n.Exhibits) < 3 && !slices.Contains(n.Exhibits, id) {
		n.Exhibits = append(n.Exhibits, id)
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// link notes where mail goes by itself and who else may use the mailbox.
func (w *watch) link(f *facts.Fact) {
	l := Link{From: f.Account, Exhibit: f.Bundle + "/" + f.Exhibit, Outside: f.Is("target.external")}
	l.To = f.Text("target")
	switch f.Kind {
	case facts.KindForwarding:
		l.Kind = "forward"
		if !f.Is("enabled") {
			return
		}
	case facts.KindFilter, facts.KindRuleAction:
		if !strings.Contains(l.To, "@") {
			return // it moves mail to a folder or a label: nobody gets it
		}
		if l.Kind = "filter"; f.Kind == facts.KindRuleAction {
			l.Kind = "rule"
		}
	case facts.KindDelegate:
		l.Kind, l.From, l.To = "delegate", f.Text("target"), f.Account
	case facts.KindACL:
		if f.Is("owner") || f.Is("negative") {
			return
		}
		l.Kind, l.From, l.To = "right", f.Text("identifier"), f.Account
	case facts.KindRights:
		if f.Text("of") == "" || strings.EqualFold(f.Text("of"), f.Account) {
			return
		}
		l.Kind, l.To = "right", f.Text("of")
	case facts.KindSendAs:
		l.Kind = "send-as"
		if r := f.Text("replytoaddress"); r != "" && !strings.EqualFold(r, f.Account) {
			w.connect(Link{From: f.Account, To: r, Kind: "reply-to", Outside: f.Is("replytoaddress.external"), Exhibit: l.Exhibit})
		}
		if f.Is("isprimary") {
			return
		}
	default:
		return
	}
	w.connect(l)
}

func (w *watch) connect(l Link) {
	if l.To == "" || l.From == "" || strings.EqualFold(l.From, l.To) || len(w.links) >= maxLinks {
		return
	}
	for other := range w.links {
		if other.From == l.From && other.To == l.To && other.Kind == l.Kind {
			return
		}
	}
	w.links[l] = true
}

// finish puts what was counted into the model, in an order that does not depend on chance.
func (w *watch) finish(m *Model) {
	m.Personal = w.count
	m.OwnFirst, m.OwnLast, m.OwnExhibits = w.own.first, w.own.last, w.ownExhibits
	m.Picture = w.pictures
	m.Picture.Zone = w.zone.String()
	m.Picture.Correspondents, m.Picture.Touched = len(w.people), len(w.touched)
	own := m.ownDomains()
	m.Data = w.dataCount(func(address string) bool { return within(address, own) })
	for _, n := range w.networks {
		m.Picture.Networks = append(m.Picture.Networks, *n)
	}
	slices.SortFunc(m.Picture.Networks, func(x, y Network) int {
		return cmp.Or(-compareBool(x.Suspect, y.Suspect), cmp.Compare(y.Good+y.Failed, x.Good+x.Failed), strings.Compare(x.Name, y.Name))
	})
	days := w.logged
	if len(days) == 0 {
		days = w.kept
	}
	for _, d := range days {
		m.Picture.Days = append(m.Picture.Days, *d)
	}
	slices.SortFunc(m.Picture.Days, func(x, y Day) int { return strings.Compare(x.Day, y.Day) })
	for l := range w.links {
		m.Picture.Links = append(m.Picture.Links, l)
	}
	slices.SortFunc(m.Picture.Links, func(x, y Link) int {
		return cmp.Or(strings.Compare(x.From, y.From), strings.Compare(x.To, y.To), strings.Compare(x.Kind, y.Kind))
	})
	slices.SortStableFunc(w.messages, func(x, y Message) int { return x.At.Compare(y.At) })
	m.Sent = w.messages[:min(len(w.messages), maxMessages)]
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
