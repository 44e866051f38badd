package googlelog

import (
	"cmp"
	"crypto/sha256"
	"strconv"
)

// An Identity tells an activity from every other one. Equal activities have equal identities, whoever read them and when.
type Identity [16]byte

// Identity is made of Google's id of it (time, uniqueQualifier, applicationName and customerId), and who did what,
// because one id may stand for several activities: a sign-in and its challenge, say. An activity of which Google changed
// actor or events since has another identity, so that neither form of it is lost where activities are merged by it.
func (r *Record) Identity() Identity {
	actor, at := cmp.Or(r.ProfileID, r.Email, r.Key), r.TimeText
	if !r.Time.IsZero() { // the same time may be written with more or fewer digits
		at = strconv.FormatInt(r.Time.UnixNano(), 10)
	}
	parts := []string{at, r.Qualifier, r.Application, r.Customer, actor}
	for i := range r.Events {
		parts = append(parts, r.Events[i].Type, r.Events[i].Name)
	}
	h := sha256.New()
	for _, part := range parts {
		h.Write(strconv.AppendQuote(nil, part))
	}
	return Identity(h.Sum(nil))
}
