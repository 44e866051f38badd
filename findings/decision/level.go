package decision

import (
	"fmt"
	"slices"
	"strings"
)

// A Level says how bad it is.
type Level string

// The levels, the lowest first.
const (
	Anomaly Level = "anomaly"
	Minor   Level = "minor"
	Major   Level = "major"
	Crisis  Level = "crisis"
)

// Levels lists the levels, the lowest first.
func Levels() []Level { return []Level{Anomaly, Minor, Major, Crisis} }

// Rank is 0 for an anomaly to 3 for a crisis, and -1 for what is no level.
func (l Level) Rank() int { return slices.Index(Levels(), l) }

// Text is what the level is called.
func (l Level) Text() Text {
	names := []Text{{"anomalie courante", "routine anomaly"}, {"incident mineur", "minor incident"}, {"incident majeur", "major incident"}, {"crise cyber", "cyber crisis"}}
	if l.Rank() < 0 {
		return Text{}
	}
	return names[l.Rank()]
}

// In is what the level is called in a language.
func (l Level) In(language string) string { return l.Text().In(language) }

// lower is the level below, down to the lowest.
func (l Level) lower() Level { return Levels()[max(0, l.Rank()-1)] }

// ParseLevel reads a level as the program writes it, or as people do in French or English.
func ParseLevel(s string) (Level, error) {
	word := strings.ToLower(strings.TrimSpace(s))
	for _, l := range Levels() {
		t := l.Text()
		if word == string(l) || word == t.FR || word == t.EN || word == strings.TrimPrefix(t.FR, "incident ") {
			return l, nil
		}
	}
	switch word {
	case "anomalie":
		return Anomaly, nil
	case "crise":
		return Crisis, nil
	}
	return "", fmt.Errorf("there is no level %q", s)
}
