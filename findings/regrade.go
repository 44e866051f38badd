package findings

import "slices"

// Regrade gives the finding as it stands after the person's answer. What is recognised is context from then on; what is
// not is one grade higher, and confirmed where a strong finding was probable already. Who does not know changes nothing. The
// answer before does not matter: the grade is made anew from what was observed.
func Regrade(f Finding, answer Recognition) Finding {
	if f.Recognition == Recognised || f.Recognition == NotRecognised {
		f = observedOnly(f)
	}
	f.Recognition = answer
	f.Raised = slices.Clone(f.Raised)
	switch answer {
	case Recognised:
		f.Grade = Context
	case NotRecognised:
		most := Probable
		if f.Strength == "strong" {
			most = Confirmed
		}
		if up := f.Grade.raised(most); up != f.Grade {
			f.Grade = up
			f.Raised = append(f.Raised, raisedUnknown)
		}
	}
	return f
}

// Why a grade is above the rule's own.
const (
	raisedSource  = "new source"
	raisedPair    = "state and event"
	raisedAddress = "same address elsewhere"
	raisedUnknown = "not recognised"
)

// observedOnly takes an earlier answer's effect off a grade.
func observedOnly(f Finding) Finding {
	f.Grade = f.Base
	f.Raised = slices.DeleteFunc(slices.Clone(f.Raised), func(why string) bool { return why == raisedUnknown })
	for _, why := range f.Raised {
		f.Grade = raise(f.Grade, why)
	}
	f.Recognition = NotAsked
	return f
}

// raise applies one reason to a grade.
func raise(g Grade, why string) Grade {
	if why == raisedPair {
		return Confirmed
	}
	return g.raised(Probable)
}

// raiseFor notes a reason once.
func (f *Finding) raiseFor(why string) {
	if slices.Contains(f.Raised, why) {
		return
	}
	if up := raise(f.Grade, why); up != f.Grade {
		f.Grade = up
		f.Raised = append(f.Raised, why)
	}
}
