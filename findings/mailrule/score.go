package mailrule

import (
	"slices"
	"strings"
)

// Verdict is what a score amounts to.
type Verdict string

const (
	Benign  Verdict = "benign"  // what people set up for themselves
	Notable Verdict = "notable" // to be shown to the mailbox's owner
	Hostile Verdict = "hostile" // hardly anybody sets this up for himself
)

// Points from which a rule is notable, and hostile.
const (
	NotablePoints = 30
	HostilePoints = 60
)

// Score is a plain sum for those who want one number: sorting, and measuring this package against its corpus. It is no
// grade of an incident.
type Score struct {
	Points  int      `json:"points"` // 0 to 100
	Verdict Verdict  `json:"verdict"`
	Because []string `json:"because,omitempty"` // the lines of the table that hold, the weightiest first
}

// scoreLine is one line of the table: the score is that of the weightiest line that holds, and 15 more for a disguise.
type scoreLine struct {
	points int
	holds  bool
	why    string
}

// Score adds up the signals. The weightiest line counts; lines do not add, so that many small habits of a tidy person do
// not make an intruder. A rule that never acts counts for 45 at most: somebody put it there.
func (s Signals) Score() Score {
	lines := slices.Concat(s.forwardLines(), s.hidingLines(), s.otherLines())
	slices.SortStableFunc(lines, func(a, b scoreLine) int { return b.points - a.points })
	var out Score
	for _, l := range lines {
		if l.holds {
			out.Points = max(out.Points, l.points)
			out.Because = append(out.Because, l.why)
		}
	}
	if len(s.Disguised) > 0 {
		out.Points = max(out.Points+15, NotablePoints)
		out.Because = append(out.Because, "a text in it is disguised")
	}
	if !s.Active {
		out.Points = min(out.Points, 45)
	}
	out.Points = min(out.Points, 100)
	switch {
	case out.Points >= HostilePoints:
		out.Verdict = Hostile
	case out.Points >= NotablePoints:
		out.Verdict = Notable
	default:
		out.Verdict = Benign
	}
	return out
}

// about says whether the rule looks for words of a class, and of the kinds if any are given.
func (s Signals) about(class Class, kinds ...string) bool {
	return slices.ContainsFunc(s.Words, func(w Word) bool {
		return w.Class == class && (len(kinds) == 0 || slices.Contains(kinds, w.Kind))
	})
}

// odd says that the mail goes where nobody looks.
func (s Signals) odd() bool {
	return slices.ContainsFunc(s.Folders, func(f FolderUse) bool { return f.Kind == OddFolder }) && s.SkipsInbox
}

// filed says that the mail goes to a folder or label with an ordinary name.
func (s Signals) filed() bool {
	return slices.ContainsFunc(s.Folders, func(f FolderUse) bool { return f.Kind == PlainFolder || f.Kind == Inbox })
}

// Hides says that the mailbox's owner will hardly see the message: it is deleted, in the trash, among spam, in an odd
// folder, or archived as read without a label of its own.
func (s Signals) Hides() bool {
	return s.Deletes || s.Trashes || s.odd() || s.Junks && !s.SpamChecks || s.SkipsInbox && s.MarksRead && !s.filed()
}

// quiet says that the message is put away as read, in a folder where the owner can find it.
func (s Signals) quiet() bool { return s.SkipsInbox && s.MarksRead && s.filed() && !s.Hides() }

func (s Signals) wide() bool { return s.Reach != Some }

// external says whether something goes outside, which an address of unknown belonging counts as.
func (s Signals) external(notices bool) bool {
	return slices.ContainsFunc(s.Forwards, func(t Target) bool { return t.External != No && (notices || !t.Notice) })
}

func (s Signals) internal() bool {
	return slices.ContainsFunc(s.Forwards, func(t Target) bool { return t.External == No })
}

// withoutCopy says that nothing is left in the mailbox of what is forwarded.
func (s Signals) withoutCopy() bool {
	return slices.ContainsFunc(s.Forwards, func(t Target) bool { return !t.Copy })
}

func (s Signals) forwardLines() []scoreLine {
	out, in := s.external(false), s.internal()
	notices := s.external(true) && !out
	sensitive := s.about(Security)
	return []scoreLine{
		{80, out && s.wide() && (s.Hides() || s.withoutCopy()), "everything goes outside and leaves nothing in the inbox"},
		{70, out && s.wide(), "everything goes outside"},
		{75, out && sensitive, "security notices go outside"},
		{70, out && s.Hides(), "mail goes outside and is hidden here"},
		{62, out && s.about(Money) && s.SkipsInbox && !s.withoutCopy(), "mail about money goes outside and skips the inbox"},
		{50, out && s.about(Money), "mail about money goes outside"},
		{45, out && s.OnePerson && !s.Automatic, "mail with one person goes outside"},
		{35, out, "some mail goes outside"},
		{65, notices && s.wide(), "notices of everything go outside"},
		{35, notices, "notices of some mail go outside"},
		{40, in && s.wide() && s.Hides(), "everything goes to a colleague and is hidden here"},
		{20, in && s.wide(), "everything goes to a colleague"},
		{60, in && s.Hides() && (s.about(Money) || sensitive), "mail about money or security goes to a colleague and is hidden here"},
	}
}

// hidingLines leave out what a spam check moves.
func (s Signals) hidingLines() []scoreLine {
	if s.SpamChecks {
		return nil
	}
	hides, quiet, away := s.Hides(), s.quiet(), s.SkipsInbox
	security := s.about(Security, "password", "sign-in", "two-step", "warning", "help-desk")
	bounce := s.about(Security, "bounce")
	money := s.about(Money)
	return []scoreLine{
		{80, s.wide() && hides, "nearly everything is hidden"},
		{35, s.wide() && away && !s.withoutCopy(), "nearly everything skips the inbox"},
		{30, s.wide() && s.MarksRead, "nearly everything is marked as read"},
		{75, security && hides && !s.Automatic, "security notices are hidden"},
		{60, security && hides && s.Automatic && !s.bulky(), "security notices of a machine are hidden"},
		{20, security && hides && s.bulky(), "bulk mail with words of security is hidden"},
		{45, security && quiet, "security notices are put away as read"},
		{30, security && away && !s.bulky(), "security notices skip the inbox"},
		{30, security && s.MarksRead, "security notices are marked as read"},
		{60, bounce && hides, "bounces are hidden"},
		{35, bounce && quiet, "bounces are put away as read"},
		{65, money && hides && !s.Automatic, "mail about money is hidden"},
		{45, money && hides && s.Automatic && !s.bulky(), "mail about money of a machine is hidden"},
		{20, money && hides && s.bulky(), "bulk mail with words of money is hidden"},
		{40, money && quiet && len(s.People)+len(s.Domains) == 0, "mail about money from anybody is put away as read"},
		{20, money && quiet, "mail about money is put away as read"},
		{60, s.Thread && hides && !s.bulky(), "answers are hidden"},
		{45, s.Thread && quiet, "answers are put away as read"},
		{60, (s.OnePerson || s.OneDomain) && s.odd() && !s.Automatic, "mail of one counterpart goes where nobody looks"},
		{50, len(s.People)+len(s.Domains) > 0 && hides && !s.Trashes && !s.Deletes && !s.Junks && !s.Automatic, "mail of a counterpart is archived as read"},
		{35, len(s.People) > 0 && hides && !s.Automatic, "mail of a person is hidden"},
		{20, hides, "mail is hidden"},
		{50, s.odd() && !s.bulky(), "mail goes where nobody looks"},
		{60, s.Rejects && (money || security), "mail about money or security is refused"},
		{35, s.Rejects && (s.wide() || len(s.People) > 0), "mail is refused"},
		{40, s.NeverSpam && s.wide(), "nothing is ever taken for spam"},
	}
}

// bulky says that the mail is bulk mail by the rule's own words.
func (s Signals) bulky() bool {
	return s.about(Bulk)
}

func (s Signals) otherLines() []scoreLine {
	foreign := slices.ContainsFunc(s.ReplyFrom, func(t Target) bool { return t.External == Yes })
	pays := slices.ContainsFunc(s.ReplyWords, func(w Word) bool { return w.Class == Money && w.Kind != "who pays" })
	return []scoreLine{
		{60, len(s.Runs) > 0 && s.wide(), "a program gets everything"},
		{50, len(s.Runs) > 0, "a program gets mail"},
		{50, foreign, "automatic answers give a foreign sender"},
		{60, s.Replies && pays, "automatic answers are about money"},
		{40, s.EditsHeaders, "headers or texts of messages are changed"},
		{30, s.Incomplete, "part of it was not understood"},
	}
}

// Marks lists what holds, in fixed words: for rules engines, and for comparing two rules. Its words are "everything",
// "nearly-everything", "deletes", "trash", "junk", "skips-inbox", "marks-read", "odd-folder", "never-spam", "rejects",
// "forwards-external", "forwards-internal", "forwards-unknown", "notifies-external", "no-copy", "replies", "reply-money",
// "reply-foreign-sender", "runs-program", "edits-headers", "money", "security", "bounces", "one-person", "one-domain", "thread",
// "spam-check", "bulk", "disguised", "incomplete", "inactive".
func (s Signals) Marks() []string {
	var out []string
	add := func(holds bool, mark string) {
		if holds && !slices.Contains(out, mark) {
			out = append(out, mark)
		}
	}
	add(s.Reach == Everything, "everything")
	add(s.Reach == Nearly, "nearly-everything")
	add(s.Deletes, "deletes")
	add(s.Trashes, "trash")
	add(s.Junks, "junk")
	add(s.SkipsInbox, "skips-inbox")
	add(s.MarksRead, "marks-read")
	add(s.odd(), "odd-folder")
	add(s.NeverSpam, "never-spam")
	add(s.Rejects, "rejects")
	for _, t := range s.Forwards {
		verb := "forwards-"
		if t.Notice {
			verb = "notifies-"
		}
		add(true, verb+map[Answer]string{Yes: "external", No: "internal", DontKnow: "unknown"}[t.External])
	}
	add(s.withoutCopy(), "no-copy")
	add(s.Replies, "replies")
	add(s.Replies && slices.ContainsFunc(s.ReplyWords, func(w Word) bool { return w.Class == Money && w.Kind != "who pays" }), "reply-money")
	add(slices.ContainsFunc(s.ReplyFrom, func(t Target) bool { return t.External == Yes }), "reply-foreign-sender")
	add(len(s.Runs) > 0, "runs-program")
	add(s.EditsHeaders, "edits-headers")
	add(s.about(Money), "money")
	add(s.about(Security, "password", "sign-in", "two-step", "warning", "help-desk"), "security")
	add(s.about(Security, "bounce"), "bounces")
	add(s.OnePerson && !s.Automatic, "one-person")
	add(s.OneDomain && !s.Automatic, "one-domain")
	add(s.Thread, "thread")
	add(s.SpamChecks, "spam-check")
	add(s.Automatic, "bulk")
	add(len(s.Disguised) > 0, "disguised")
	add(s.Incomplete, "incomplete")
	add(!s.Active, "inactive")
	slices.Sort(out)
	return out
}

// Worst returns the rule of the set with the highest score, -1 for none, and the score: with what could not be read of the
// set as a whole taken for notable, since nobody knows what it does.
func (set Set) Worst(ctx Context) (int, Score) {
	worst, best := -1, Score{Verdict: Benign}
	for i, r := range set.Rules {
		if s := r.Signals(ctx).Score(); worst < 0 || s.Points > best.Points {
			worst, best = i, s
		}
	}
	if best.Points < NotablePoints && slices.ContainsFunc(set.Notes, func(n Note) bool { return n.Kind != NotUTF8 && n.Kind != Refused }) {
		best.Points, best.Verdict = NotablePoints, Notable
		best.Because = append([]string{"part of it was not understood"}, best.Because...)
	}
	return worst, best
}

// String is for logs of tests and of programs: verdict, points and reasons.
func (s Score) String() string {
	return string(s.Verdict) + ": " + strings.Join(s.Because, "; ")
}
