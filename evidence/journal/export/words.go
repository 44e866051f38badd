package export

import (
	"fmt"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// French is the language in which Options and the functions below speak French; anything else is English.
const French = "fr"

// TypeWord is a type of entry in that language.
func TypeWord(t journal.Type, language string) string {
	if language == French {
		switch t {
		case journal.Detection:
			return "détection"
		case journal.Information:
			return "information"
		case journal.Decision:
			return "décision"
		case journal.Action:
			return "action"
		case journal.Collection:
			return "collecte"
		case journal.Communication:
			return "communication"
		case journal.Cost:
			return "coût"
		case journal.Error:
			return "erreur"
		case journal.Correction:
			return "correction"
		}
	}
	return visible.Text(string(t))
}

// StateWord is the state of an action in that language.
func StateWord(s journal.State, language string) string {
	if language == French {
		switch s {
		case journal.Planned:
			return "prévu"
		case journal.Started:
			return "entamé"
		case journal.Done:
			return "fait"
		case journal.Verified:
			return "vérifié"
		case journal.Failed:
			return "échoué"
		}
	}
	return visible.Text(string(s))
}

// ParseType reads a type in either language, whatever its case, with or without accents; a beginning that only one type
// has will do. ok is false where there is no such type, or more than one.
func ParseType(word string) (t journal.Type, ok bool) {
	return parse(word, journal.Types(), TypeWord)
}

// ParseState reads the state of an action as ParseType reads a type.
func ParseState(word string) (s journal.State, ok bool) {
	return parse(word, journal.States(), StateWord)
}

func parse[T ~string](word string, all []T, name func(T, string) string) (found T, ok bool) {
	word = plainWord(word)
	if word == "" {
		return "", false
	}
	for _, t := range all {
		english, french := plainWord(string(t)), plainWord(name(t, French))
		if word == english || word == french {
			return t, true
		}
		if strings.HasPrefix(english, word) || strings.HasPrefix(french, word) {
			if found != "" {
				return "", false
			}
			found = t
		}
	}
	return found, found != ""
}

// plainWord is a word in small letters without the accents that French has.
func plainWord(s string) string {
	return strings.NewReplacer("à", "a", "â", "a", "ç", "c", "é", "e", "è", "e", "ê", "e", "ë", "e", "î", "i", "ï", "i", "ô", "o", "ù", "u",
		"û", "u", "ü", "u").Replace(strings.ToLower(strings.TrimSpace(s)))
}

// EventTime is when it happened, in the zone and with its offset, as finely as it is known.
func EventTime(e journal.Entry, zone *time.Location, language string) string {
	layout := "2006-01-02 15:04:05 -07:00"
	switch e.EventPrecision {
	case journal.Minute:
		layout = "2006-01-02 15:04 -07:00"
	case journal.Hour:
		layout = "2006-01-02 15h -07:00"
	case journal.Day:
		layout = "2006-01-02"
	}
	when := e.EventTime.In(zone).Format(layout)
	if e.EventApproximate {
		if language == French {
			return "vers " + when
		}
		return "about " + when
	}
	return when
}

// RecordedTime is when the entry was written, in the zone and with its offset.
func RecordedTime(e journal.Entry, zone *time.Location) string {
	return e.RecordedTime.In(zone).Format("2006-01-02 15:04:05 -07:00")
}

// LateAfter is how long after its event an entry is written to be called late.
const LateAfter = 15 * time.Minute

// Late says by how much an entry was written after its event, in words; it is empty for one that was not late.
func Late(e journal.Entry, language string) string {
	d := e.Delay()
	if e.EventPrecision == journal.Hour {
		d -= time.Hour
	}
	if e.EventPrecision == journal.Day {
		d -= 24 * time.Hour
	}
	if d <= LateAfter {
		return ""
	}
	if language == French {
		return "écrit " + span(e.Delay(), "j") + " plus tard"
	}
	return "written " + span(e.Delay(), "d") + " later"
}

// span is a duration to the minute.
func span(d time.Duration, day string) string {
	minutes := int64(d.Round(time.Minute) / time.Minute)
	switch {
	case minutes >= 48*60:
		return fmt.Sprintf("%d %s %d h", minutes/(24*60), day, minutes/60%24)
	case minutes >= 60:
		return fmt.Sprintf("%d h %02d min", minutes/60, minutes%60)
	}
	return fmt.Sprintf("%d min", minutes)
}

// The names in an entry's Ref that say that it was typed back from paper.
const (
	RefPaperLine = "paper_line" // the line's number on the form
	RefPaperFile = "paper_file_sha256"
)

// FromPaper says that an entry was typed back from paper, and from which line; it is empty for others.
func FromPaper(e journal.Entry, language string) string {
	line := e.Ref[RefPaperLine]
	if line == "" {
		return ""
	}
	if language == French {
		return "du papier, ligne " + visible.Text(line)
	}
	return "from paper, line " + visible.Text(line)
}

// Corrections says for each corrected entry which entries correct it.
func Corrections(entries []journal.Line) map[uint64][]uint64 {
	by := make(map[uint64][]uint64)
	for _, e := range entries {
		if e.Corrects != 0 {
			by[e.Corrects] = append(by[e.Corrects], e.Seq)
		}
	}
	return by
}

// Marks are what a reader must see beside an entry's type: who wrote it where the program did, its state, that it is
// late, typed back, a correction, or corrected by others.
func Marks(e journal.Entry, correctedBy []uint64, language string) []string {
	var marks []string
	add := func(english, french string, args ...any) {
		if language == French {
			english = french
		}
		marks = append(marks, fmt.Sprintf(english, args...))
	}
	if e.Auto {
		marks = append(marks, "mbaudit")
	}
	if e.ActionState != "" {
		marks = append(marks, StateWord(e.ActionState, language))
	}
	if e.OutcomeOf != 0 {
		add("outcome of %d", "suite de %d", e.OutcomeOf)
	}
	if late := Late(e, language); late != "" {
		marks = append(marks, late)
	}
	if paper := FromPaper(e, language); paper != "" {
		marks = append(marks, paper)
	}
	if e.Corrects != 0 {
		add("corrects %d", "corrige %d", e.Corrects)
	}
	for _, seq := range correctedBy {
		add("corrected by %d", "corrigé par %d", seq)
	}
	return marks
}

// Grouped is a SHA-256 in blocks of four digits, for reading out and comparing by eye.
func Grouped(sum string) string {
	var b strings.Builder
	for i, r := range sum {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}
