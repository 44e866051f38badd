package findings

import (
	"slices"
	"testing"
)

func TestRegrade(t *testing.T) {
	for _, c := range []struct {
		base     Grade
		strength string
		raised   []string
		answers  []Recognition
		want     Grade
	}{
		{Probable, "strong", nil, []Recognition{Recognised}, Context},
		{Probable, "strong", nil, []Recognition{NotRecognised}, Confirmed},
		{Probable, "medium", nil, []Recognition{NotRecognised}, Probable},
		{Check, "medium", nil, []Recognition{NotRecognised}, Probable},
		{Check, "strong", nil, []Recognition{NotRecognised}, Probable},
		{Context, "weak", nil, []Recognition{NotRecognised}, Check},
		{Check, "medium", nil, []Recognition{DoesNotKnow}, Check},
		{Check, "medium", nil, []Recognition{NotAsked}, Check},
		{Check, "medium", nil, []Recognition{NotRecognised, Recognised}, Context},
		{Check, "medium", nil, []Recognition{Recognised, NotRecognised}, Probable},
		{Check, "medium", nil, []Recognition{NotRecognised, NotRecognised}, Probable},
		{Check, "medium", []string{raisedSource}, []Recognition{Recognised, NotAsked}, Probable},
		{Check, "medium", []string{raisedPair}, []Recognition{Recognised, DoesNotKnow}, Confirmed},
	} {
		f := Finding{Base: c.base, Grade: c.base, Strength: c.strength}
		for _, why := range c.raised {
			f.raiseFor(why)
		}
		before := slices.Clone(f.Raised)
		g := f
		for _, answer := range c.answers {
			g = Regrade(g, answer)
		}
		if g.Grade != c.want || g.Recognition != c.answers[len(c.answers)-1] {
			t.Errorf("%+v: %s, %s", c, g.Grade, g.Recognition)
		}
		if f.Recognition != NotAsked || !slices.Equal(f.Raised, before) {
			t.Errorf("%+v: the finding that was asked about has changed: %+v", c, f)
		}
	}
}
