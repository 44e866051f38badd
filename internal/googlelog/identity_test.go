package googlelog_test

import (
	"strings"
	"testing"

	"github.com/mbaudit/mbaudit/internal/googlelog"
)

func identityOf(t *testing.T, text string) googlelog.Identity {
	t.Helper()
	rec, err := googlelog.NewReader(strings.NewReader(text), googlelog.Options{}).Next()
	if err != nil {
		t.Fatal(err)
	}
	return rec.Identity()
}

// TestIdentity knows an activity again, and tells those apart that share a part of their ids.
func TestIdentity(t *testing.T) {
	const id, actor, event = `"time":"2026-10-12T08:00:00.100Z","uniqueQualifier":"7","applicationName":"login","customerId":"C1"`, `"email":"a@x.test","profileId":"1"`, `"type":"login","name":"login_success"`
	activity := func(id, actor, event string) string {
		return `{"id":{` + id + `},"actor":{` + actor + `},"events":[{` + event + `}]}`
	}
	base := identityOf(t, activity(id, actor, event))
	for name, same := range map[string]string{
		"other order":       `{"events":[{` + event + `}],"etag":"x","actor":{` + actor + `},"id":{` + id + `}}`,
		"more digits":       activity(strings.Replace(id, ".100Z", ".1000Z", 1), actor, event),
		"another zone":      activity(strings.Replace(id, "T08:00:00.100Z", "T10:00:00.100+02:00", 1), actor, event),
		"qualifier, number": activity(strings.Replace(id, `"7"`, `7`, 1), actor, event),
		"renamed":           activity(id, strings.Replace(actor, "a@x.test", "b@x.test", 1), event),
		"on a page":         `{"kind":"admin#reports#activities","items":[` + activity(id, actor, event) + `]}`,
	} {
		if identityOf(t, same) != base {
			t.Errorf("%s: another identity", name)
		}
	}
	for name, other := range map[string]string{
		"time":        activity(strings.Replace(id, ".100Z", ".101Z", 1), actor, event),
		"qualifier":   activity(strings.Replace(id, `"7"`, `"8"`, 1), actor, event),
		"application": activity(strings.Replace(id, `"login"`, `"user_accounts"`, 1), actor, event),
		"customer":    activity(strings.Replace(id, "C1", "C2", 1), actor, event),
		"actor":       activity(id, strings.Replace(actor, `"1"`, `"2"`, 1), event),
		"event":       activity(id, actor, strings.Replace(event, "login_success", "login_challenge", 1)),
		"two events":  activity(id, actor, event+"},{"+event),
		"no actor":    activity(id, "", event),
		"shifted":     activity(strings.Replace(strings.Replace(id, `"7"`, `""`, 1), `"login"`, `"7"`, 1), actor, event),
	} {
		if identityOf(t, other) == base {
			t.Errorf("%s: the same identity", name)
		}
	}
}
