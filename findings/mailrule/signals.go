package mailrule

import (
	"slices"
	"strings"
)

// Answer is yes, no or don't know.
type Answer string

const (
	Yes      Answer = "yes"
	No       Answer = "no"
	DontKnow Answer = "dont-know"
)

// Context is what the text of a rule does not tell.
type Context struct {
	// External says whether an address is outside the organisation. Nil answers "don't know".
	External func(address string) Answer
	// Own are the addresses of the mailbox: a rule about mail to one of them is about everything.
	Own []string
}

// Target is an address that mail, or news of it, goes to.
type Target struct {
	Address  Value  `json:"address"`
	External Answer `json:"external"`
	Copy     bool   `json:"copy"`             // something is left in the mailbox
	Notice   bool   `json:"notice,omitempty"` // only a notice is sent, which may quote the message
	Partial  bool   `json:"partial,omitempty"`
}

// FolderKind is what kind of place a folder is, by its name.
type FolderKind string

const (
	Inbox        FolderKind = "inbox"
	TrashFolder  FolderKind = "trash"
	JunkFolder   FolderKind = "junk"
	ArchivePlace FolderKind = "archive"
	OddFolder    FolderKind = "odd" // where nobody looks: RSS, Conversation History, a name of one sign or of none that shows
	PlainFolder  FolderKind = "plain"
)

// FolderUse is a folder or label that a rule files into.
type FolderUse struct {
	Name Value      `json:"name"`
	Kind FolderKind `json:"kind"`
}

// Signals are what an examiner wants to know of a rule: facts, each with what gave it. They take into account what other
// rules do to the same messages (Rule.Also). Nothing here is a verdict.
type Signals struct {
	Active bool  `json:"active"` // false: it never acts as things stand
	Reach  Reach `json:"reach"`
	Timed  bool  `json:"timed,omitempty"` // a date is part of the condition

	Deletes    bool        `json:"deletes"`     // for good, without a copy in any folder
	Trashes    bool        `json:"trashes"`     // into the trash
	Junks      bool        `json:"junks"`       // into spam
	SkipsInbox bool        `json:"skips_inbox"` // whatever way: it is not in the inbox afterwards
	MarksRead  bool        `json:"marks_read"`
	NeverSpam  bool        `json:"never_spam"`
	Rejects    bool        `json:"rejects"`
	Folders    []FolderUse `json:"folders,omitempty"`

	Forwards     []Target `json:"forwards,omitempty"`
	Replies      bool     `json:"replies"`
	ReplyFrom    []Target `json:"reply_from,omitempty"` // sender addresses that automatic answers give
	Runs         []Value  `json:"runs,omitempty"`
	EditsHeaders bool     `json:"edits_headers"`

	Words       []Word `json:"words,omitempty"`        // that the rule looks for
	ExceptWords []Word `json:"except_words,omitempty"` // that it excludes
	ReplyWords  []Word `json:"reply_words,omitempty"`  // in the text of automatic answers

	People     []Value `json:"people,omitempty"`  // senders and recipients named by address or name
	Domains    []Value `json:"domains,omitempty"` // senders and recipients named by domain
	Automatic  bool    `json:"automatic"`         // the senders named are machines, or the mail is bulk mail
	OnePerson  bool    `json:"one_person"`
	OneDomain  bool    `json:"one_domain"`
	Thread     bool    `json:"thread"`      // it is about answers, or about one conversation
	SpamChecks bool    `json:"spam_checks"` // it acts on what a spam or virus check found

	Disguised  []Value `json:"disguised,omitempty"` // texts that look like others, or were put together so that nobody reads them
	Incomplete bool    `json:"incomplete"`          // part of the rule was not understood; see its notes
}

// Signals computes the facts about a rule.
func (r Rule) Signals(ctx Context) Signals {
	s := Signals{Active: !r.Unreachable}
	when := r.Conditions
	if len(r.Unless) > 0 {
		when = all(when, negate(Condition{Op: Any, Of: r.Unless}))
	}
	s.Reach, s.Timed = reach(when, ctx.Own)
	s.destiny(append(slices.Clip(r.Actions), r.Also...), r.Dialect)
	s.outward(append(slices.Clip(r.Actions), r.Also...), ctx)
	s.conditions(r.Conditions, ctx)
	for _, n := range r.Notes {
		s.Incomplete = s.Incomplete || n.Kind != NotConstant && n.Kind != Refused
	}
	return s
}

// destiny works out where a message ends up.
func (s *Signals) destiny(actions []Action, dialect Dialect) {
	kept, cancelled, stored, forwarded := false, false, false, false
	for _, a := range actions {
		s.MarksRead = s.MarksRead || a.Read || a.Kind == MarkRead
		s.NeverSpam = s.NeverSpam || a.Kind == NeverSpam
		s.Rejects = s.Rejects || a.Kind == Reject
		s.EditsHeaders = s.EditsHeaders || a.Kind == EditHeader
		switch a.Kind {
		case Keep:
			kept = true
		case Discard, Reject:
			cancelled = true
		case SkipInbox:
			cancelled, stored = true, true
		case Trash:
			s.Trashes, cancelled, stored = true, true, true
		case Spam:
			s.Junks, cancelled, stored = true, true, true
		case Snooze:
			cancelled, stored = true, true
		case Forward, Run:
			forwarded = true
			cancelled = cancelled || !a.Copy
		case File, Label:
			for _, v := range a.Values {
				use := FolderUse{v, folderKind(v.Text)}
				s.Folders = append(s.Folders, use)
				kept = kept || use.Kind == Inbox
			}
			stored = stored || a.Kind == File
			cancelled = cancelled || a.Kind == File && !a.Copy
		}
	}
	s.SkipsInbox = cancelled && (!kept || dialect == GmailFilter)
	for _, f := range s.Folders {
		s.Trashes = s.Trashes || f.Kind == TrashFolder && s.SkipsInbox
		s.Junks = s.Junks || f.Kind == JunkFolder && s.SkipsInbox
	}
	s.Deletes = s.SkipsInbox && !stored && !forwarded && !s.Rejects
	s.Trashes = s.Trashes && s.SkipsInbox
}

// outward works out who else gets the message or an answer, and which programs run.
func (s *Signals) outward(actions []Action, ctx Context) {
	stays := !s.SkipsInbox || len(s.Folders) > 0 || s.Trashes || slices.ContainsFunc(actions, func(a Action) bool { return a.Kind == SkipInbox })
	for _, a := range actions {
		switch a.Kind {
		case Forward, Notify:
			for _, v := range a.Values {
				t := ctx.target(v, a)
				t.Copy, t.Notice = a.Copy || a.Kind == Notify || stays, a.Kind == Notify
				s.Forwards = append(s.Forwards, t)
			}
		case Reply, Reject:
			s.Replies = s.Replies || a.Kind == Reply
			for _, v := range a.From {
				s.ReplyFrom = append(s.ReplyFrom, ctx.target(v, a))
			}
			for _, v := range append(slices.Clip(a.Values), a.Subject...) {
				s.ReplyWords = append(s.ReplyWords, wordsIn(v)...)
			}
		case Run:
			s.Runs = append(s.Runs, a.Values...)
		}
		for _, v := range a.Values {
			s.disguise(v, slices.Contains([]Kind{Forward, Notify, File, Label}, a.Kind))
		}
	}
}

func (ctx Context) target(v Value, a Action) Target {
	t := Target{Address: v, External: DontKnow, Partial: a.Partial}
	if ctx.External != nil && !(a.Partial && strings.Contains(v.Text, "${")) {
		t.External = ctx.External(v.Text)
	}
	return t
}

// inside says that an address is the mailbox's own or of the organisation.
func (ctx Context) inside(address string) bool {
	own := slices.ContainsFunc(ctx.Own, func(own string) bool { return strings.EqualFold(own, address) })
	return own || ctx.External != nil && ctx.External(address) == No
}

// disguise notes a text that shows as another, or an address that a script assembles.
func (s *Signals) disguise(v Value, destination bool) {
	odd := destination && v.Built && strings.Contains(v.Text, "@") && !splitAtSign(v)
	for _, t := range tokens(v) {
		odd = odd || t.disguised()
	}
	if odd {
		s.Disguised = append(s.Disguised, v)
	}
}

// splitAtSign says that a built address is an ordinary one in a variable: all of it comes from one place.
func splitAtSign(v Value) bool {
	for i := 1; i < len(v.from); i++ {
		if v.from[i] != v.to[i-1] {
			return false
		}
	}
	return len(v.from) > 0 && v.to[0]-v.from[0] == 1
}

// conditions collects what the tests look for.
func (s *Signals) conditions(c Condition, ctx Context) {
	budget := 20_000
	var walk func(c Condition, negated bool)
	walk = func(c Condition, negated bool) {
		if budget -= 1 + len(c.Values); budget < 0 {
			s.Incomplete = true
			return
		}
		switch c.Op {
		case Not:
			walk(c.Of[0], !negated)
		case All, Any:
			for _, of := range c.Of {
				walk(of, negated)
			}
		case Unknown:
			s.Incomplete = true
		case Test:
			s.look(c, negated, ctx)
		}
	}
	walk(c, false)
	s.Words = uniqueWords(s.Words)
	people, domains := distinct(s.People), distinct(s.Domains)
	s.OnePerson = people == 1 && domains == 0
	s.OneDomain = domains == 1 && people == 0
	for _, w := range s.Words {
		s.Thread = s.Thread || w.Class == Thread
		s.Automatic = s.Automatic || w.Class == Bulk
	}
	if people+domains > 0 && !s.Automatic {
		s.Automatic = !slices.ContainsFunc(s.People, func(v Value) bool { return !automatic(v.Text) }) && people > 0
	}
}

func distinct(values []Value) int {
	seen := make(map[string]bool)
	for _, v := range values {
		seen[foldText(v.Text)] = true
	}
	return len(seen)
}

func uniqueWords(list []Word) []Word {
	seen := make(map[Span]bool)
	return slices.DeleteFunc(list, func(w Word) bool {
		old := seen[w.At] && !w.Part
		seen[w.At] = true
		return old
	})
}

// look takes in one test.
func (s *Signals) look(c Condition, negated bool, ctx Context) {
	if negated {
		for _, v := range c.Values {
			s.ExceptWords = append(s.ExceptWords, wordsIn(v)...)
		}
		return
	}
	s.SpamChecks = s.SpamChecks || c.Field == SpamCheck
	s.Automatic = s.Automatic || c.Field == List || c.Field == Folder && slices.Contains(c.Names, "category")
	s.Thread = s.Thread || c.Field == InThread && c.Match != Exists
	for _, v := range c.Values {
		s.disguise(v, false)
		switch c.Field {
		case SpamCheck, Size, Date, State, Folder:
			continue
		case Subject, Text:
			s.Words = append(s.Words, replyMark(v, c)...)
		case From, To:
			s.counterpart(v, c, ctx)
		}
		found := soughtWords(v, c.Match)
		for _, w := range found {
			s.Words = append(s.Words, w)
			if t := tokens(v); slices.ContainsFunc(t, func(t token) bool { return t.lookalike || t.zeroWidth }) && !slices.ContainsFunc(s.Disguised, func(d Value) bool { return d.At == v.At }) {
				s.Disguised = append(s.Disguised, v)
			}
		}
	}
}

// soughtWords returns the vocabulary that a value finds: as words, and as parts or patterns of words.
func soughtWords(v Value, m Match) []Word {
	found := wordsIn(v)
	fold := foldText(v.Text)
	switch {
	case m == Regex:
		found = appendKinds(found, v.pattern.found(v))
	case m == Glob && strings.ContainsAny(v.Text, "*?"):
		pattern := strings.ToLower(v.Text)
		if !glob(pattern, "zqxjkvw") && !glob(pattern, "") {
			found = appendKinds(found, wordsWith(v, func(word string) bool { return glob(pattern, word) }))
		}
		if inner := strings.Trim(fold, " "); len(found) == 0 && len(inner) >= 4 {
			found = appendKinds(found, wordsWith(v, func(word string) bool { return partOfWord(inner, word) }))
		}
	case (m == Contains || m == Is) && len(found) == 0 && len(fold) >= 4 && !strings.Contains(fold, " "):
		found = wordsWith(v, func(word string) bool { return partOfWord(fold, word) })
	}
	return found
}

// partOfWord says that part is most of a word, and so finds it in a text.
func partOfWord(part, word string) bool {
	return len(part)*10 >= len(word)*6 && strings.Contains(word, part)
}

func appendKinds(found, more []Word) []Word {
	for _, w := range more {
		if !slices.ContainsFunc(found, func(f Word) bool { return f.Class == w.Class && f.Kind == w.Kind }) {
			found = append(found, w)
		}
	}
	return found
}

// replyMark knows "Re:" and its like at the start of a subject that a rule wants.
func replyMark(v Value, c Condition) []Word {
	list := tokens(v)
	if len(list) == 0 || !slices.Contains([]string{"re", "aw", "antw", "sv", "rif", "res", "ref"}, list[0].text) {
		return nil
	}
	rest := v.Text[list[0].end:]
	if !strings.HasPrefix(strings.TrimSpace(rest), ":") && !(c.Field == Subject && len(list) == 1) {
		return nil
	}
	return []Word{{Class: Thread, Kind: "reply", Term: list[0].text, Text: v.Text[list[0].start:list[0].end], At: v.span(list[0].start, list[0].end)}}
}

// counterpart sorts what a test of senders or recipients names: a person, a domain, or neither.
func (s *Signals) counterpart(v Value, c Condition, ctx Context) {
	text := strings.Trim(v.Text, " \t*<>\"'")
	local, domain, at := strings.Cut(text, "@")
	switch {
	case c.Part == "detail":
	case c.Part == "localpart" && automatic(text+"@"):
		s.Automatic = true
	case c.Field == To && ctx.inside(text): // a role or an alias of the own organisation
	case len(tokens(Value{Text: text})) == 0 || len([]rune(text)) < 3 || c.Match == Regex:
	case c.Part == "domain", at && local == "" && strings.Contains(domain, "."):
		s.Domains = append(s.Domains, v)
	case at && local != "" && domain != "" && !strings.ContainsAny(domain, "*"):
		s.People = append(s.People, v)
	case !at && strings.Contains(text, ".") && !strings.Contains(text, " ") && len(strings.Trim(text, ".")) > 3 && strings.Contains(strings.Trim(text, "."), "."):
		s.Domains = append(s.Domains, v)
	case !at && len(wordsIn(v)) == 0 && !automatic(text+"@") && len([]rune(text)) > 3:
		s.People = append(s.People, v) // a name
	}
}

// automatic says that an address is a machine's by its local part.
func automatic(address string) bool {
	local, _, _ := strings.Cut(address, "@")
	for _, t := range tokens(Value{Text: local}) {
		switch t.text {
		case "noreply", "reply", "donotreply", "newsletter", "newsletters", "news", "notification", "notifications", "notify", "alert", "alerts", "mailer", "daemon",
			"postmaster", "bounce", "bounces", "update", "updates", "jira", "github", "gitlab", "nepasrepondre", "repondre", "info", "marketing", "promo", "bot",
			"builds", "ci", "cron", "root", "nagios", "zabbix", "monitoring", "backup", "tickets", "ticket", "automat", "automailer", "robot", "calendar", "system",
			"contact", "hello", "bonjour", "support", "service", "orders", "order", "shop", "store", "digest", "invitations", "scanner", "copieur", "printer":
			return true
		}
	}
	return false
}

// folderKind tells a folder by its name, whatever stands before the last separator.
func folderKind(name string) FolderKind {
	if strings.EqualFold(name, "inbox") {
		return Inbox
	}
	name = strings.TrimPrefix(name, `\`)
	last := name[strings.LastIndexAny(name, "/|")+1:]
	if rest, ok := strings.CutPrefix(strings.ToLower(last), "inbox."); ok {
		last = rest[strings.LastIndexByte(rest, '.')+1:]
	}
	fold := foldText(last)
	if slices.ContainsFunc(tokens(Value{Text: last}), token.disguised) {
		return OddFolder
	}
	switch fold {
	case "trash", "deleted", "deleted items", "deleted messages", "corbeille", "elements supprimes", "messages supprimes", "papierkorb", "geloscht", "geloschte elemente",
		"geloschte objekte", "papelera", "elementos eliminados", "eliminados", "cestino", "posta eliminata", "bin":
		return TrashFolder
	case "junk", "spam", "bulk", "junk e mail", "junk email", "junk mail", "bulk mail", "indesirables", "courrier indesirable", "courriers indesirables", "pourriel", "pourriels",
		"spamverdacht", "unerwunscht", "correo no deseado", "no deseado", "posta indesiderata", "indesiderata", "quarantine", "quarantaine", "virus", "spambucket":
		return JunkFolder
	case "archive", "archives", "archiv", "archivo", "archivio", "all mail", "tous les messages":
		return ArchivePlace
	case "drafts", "brouillons", "entwurfe", "borradores", "bozze", "sent", "sent items", "sent messages", "outbox", "notes", "calendar", "calendrier", "contacts", "tasks",
		"journal", "templates", "modeles", "sync issues", "conversation history", "conversation action settings", "historique des conversations", "historique de conversation",
		"unterhaltungsverlauf", "historial de conversaciones", "cronologia conversazioni", "clutter", "recoverable items", "flux rss", "fuentes rss", "feed rss", "feeds", "external contacts", "files",
		"yammer root", "quick step settings", "social activity notifications", "suggested contacts":
		return OddFolder
	}
	list := tokens(Value{Text: last})
	switch {
	case len(list) == 0, len(fold) < 2, strings.HasPrefix(last, "."):
		return OddFolder
	case list[0].text == "rss":
		return OddFolder
	}
	return PlainFolder
}
