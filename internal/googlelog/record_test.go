package googlelog

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

const success = `{"kind":"admin#reports#activity","id":{"time":"2026-10-12T07:14:05.123Z","uniqueQualifier":"-7312","applicationName":"login","customerId":"C01"},` +
	`"actor":{"callerType":"USER","email":"alice@example.com","profileId":"118"},"ipAddress":"192.0.2.66","networkInfo":{"ipAsn":[64496],"regionCode":"NL"},` +
	`"events":[{"type":"login","name":"login_success","parameters":[{"name":"login_type","value":"google_password"},` +
	`{"name":"login_challenge_method","multiValue":["password","none"]},{"name":"is_suspicious","boolValue":true},{"name":"count","intValue":"42"},` +
	`{"name":"info","messageValue":{"parameter":[{"name":"a","value":"b"}]}}]},{"type":"login","name":"login_verification"}]}`

// read gives what a text is read as: a line for each record's events, and for each record that is not read.
func read(t testing.TB, text string, o Options) (lines []string, r *Reader) {
	t.Helper()
	r = NewReader(strings.NewReader(text), o)
	for {
		rec, err := r.Next()
		var not *NotReadError
		switch {
		case errors.Is(err, io.EOF):
			return lines, r
		case errors.As(err, &not):
			lines = append(lines, fmt.Sprintf("%d: %s", not.Offset, not.Reason()))
			continue
		case err != nil:
			return append(lines, "error: "+err.Error()), r
		}
		var names []string
		for _, e := range rec.Events {
			names = append(names, e.Name)
		}
		lines = append(lines, fmt.Sprintf("%d: %s %s", rec.Offset, rec.Email, strings.Join(names, "+")))
	}
}

// TestActivity wants every part of an activity.
func TestActivity(t *testing.T) {
	rec, err := NewReader(strings.NewReader(success), Options{}).Next()
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%s|%s|%s|%s|%s|%s|%s|%s|%s|%s|%d|%s", rec.Time.Format(time.RFC3339Nano), rec.Zone, rec.Application, rec.Customer, rec.Qualifier, rec.Email,
		rec.ProfileID, rec.CallerType, rec.IP, rec.Network, len(rec.Events), rec.Events[1].Name)
	want := `2026-10-12T07:14:05.123Z|Z|login|C01|-7312|alice@example.com|118|USER|192.0.2.66|{"ipAsn":[64496],"regionCode":"NL"}|2|login_verification`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	var parameters []string
	for _, p := range rec.Events[0].Parameters {
		parameters = append(parameters, p.Name+"="+string(p.Value))
	}
	if got, want := strings.Join(parameters, " "), `login_type="google_password" login_challenge_method=["password","none"] is_suspicious=true count=42 info={"parameter":[{"name":"a","value":"b"}]}`; got != want {
		t.Errorf("parameters: %s", got)
	}
}

// TestNothingIsLost: what has no place of its own, or comes twice, stands beside the rest.
func TestNothingIsLost(t *testing.T) {
	text := `{"id":{"time":"2026-10-12T07:14:05+02:00","time":"2020-01-01T00:00:00Z","shape":1},"actor":{"email":"a@example.com","applicationInfo":{"oauthClientId":"7"}},` +
		`"ownerDomain":"example.com","etag":"e","events":{"name":"n","status":{"code":1},"parameters":[{"value":"nameless"},{"name":"two","value":"1","boolValue":true},` +
		`{"name":"none"},{"name":"x","value":"1"},{"name":"x","value":"2"},{"name":"null","value":null},{"name":"big","intValue":"99999999999999999999"},"word",` +
		`{"name":"m","multiMessageValue":[]},{"name":"e","multiValue":[]},{"name":"new","doubleValue":1.5}]},"events":[{"name":"second"}]}`
	rec, err := NewReader(strings.NewReader(text), Options{}).Next()
	if err != nil {
		t.Fatal(err)
	}
	var other, odd []string
	for _, f := range append(rec.Other, rec.Events[0].Other...) {
		other = append(other, f.Name+"="+string(f.Value))
	}
	for _, p := range rec.Events[0].Odd {
		odd = append(odd, string(p))
	}
	if got, want := strings.Join(other, " "), `ownerDomain="example.com" etag="e" events=[{"name":"second"}] id.time="2020-01-01T00:00:00Z" id.shape=1 actor.applicationInfo={"oauthClientId":"7"} status={"code":1}`; got != want {
		t.Errorf("other:\n%s\n%s", got, want)
	}
	want := `{"value":"nameless"} {"name":"two","value":"1","boolValue":true} {"name":"none"} {"name":"x","value":"2"} {"name":"null","value":null} {"name":"big","intValue":"99999999999999999999"} "word" {"name":"m","multiMessageValue":[]} {"name":"new","doubleValue":1.5}`
	if got := strings.Join(odd, " "); got != want {
		t.Errorf("odd:\n%s\n%s", got, want)
	}
	if rec.Time.Format(time.RFC3339) != "2026-10-12T05:14:05Z" || rec.Zone != "+02:00" || rec.Events[0].Name != "n" || len(rec.Events[0].Parameters) != 2 {
		t.Errorf("%+v", rec)
	}
}

func activity(name string) string {
	return `{"id":{"time":"2026-10-12T07:14:05Z"},"actor":{"email":"a@example.com"},"events":[{"name":"` + name + `"}]}`
}

// TestForms reads the same activities in every form, and goes on behind what is broken.
func TestForms(t *testing.T) {
	one, two, three := activity("one"), activity("two"), activity("three")
	at := func(text, name string) string {
		i := strings.Index(text, `"`+name+`"`)
		return fmt.Sprintf("%d: a@example.com %s", strings.LastIndex(text[:i], `{"id"`), name)
	}
	pretty := strings.NewReplacer(`{`, "{\n  ", `,`, ",\n  ").Replace
	for name, text := range map[string]string{
		"lines":          one + "\n" + two + "\r\n" + three,
		"concatenated":   one + two + three,
		"an array":       "[" + one + ",\n" + two + " , " + three + "]",
		"a page":         `{"kind":"admin#reports#activities","etag":"x","items":[` + one + "," + two + "," + three + "]}",
		"pages":          `{"items":[` + one + `],"nextPageToken":"t"}` + "\n" + `{"nextPageToken":"","items":[` + two + "," + three + "]}",
		"empty pages":    `{"kind":"k"` + `,"items":[]}{"items":[` + one + "," + two + "," + three + `]}{"items":[]}`,
		"pages twice":    `{"items":[` + one + `],"items":[` + two + "," + three + "]}",
		"array of pages": `[{"items":[` + one + `],"nextPageToken":"t"},{"items":[` + two + "," + three + "]}]",
		"arrays":         "[" + one + "]\n[" + two + "," + three + "]",
		"nested":         "[[" + one + "," + two + "],[" + three + "]]",
		"RFC 7464":       "\x1e" + one + "\n\x1e" + two + "\n\x1e" + three + "\n",
		"mark":           "\ufeff" + one + two + three,
		"spaces":         " \n\n" + one + "\n\n" + two + "\n" + three + "\n\n",
		"no commas":      "[" + one + two + three + "]",
	} {
		t.Run(name, func(t *testing.T) {
			got, r := read(t, text, Options{})
			want := at(text, "one") + "\n" + at(text, "two") + "\n" + at(text, "three")
			if strings.Join(got, "\n") != want {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
			}
			if _, _, more := r.Pages(); more {
				t.Error("more pages are announced")
			}
		})
	}
	got, _ := read(t, pretty(one)+"\n"+pretty(two), Options{})
	if len(got) != 2 || !strings.HasSuffix(got[1], "a@example.com two") {
		t.Errorf("pretty: %q", got)
	}
	for _, text := range []string{`{"kind":"admin#reports#activities","nextPageToken":"t"}`, `{"items":[],"nextPageToken":"a"}{"kind":"x#activities","nextPageToken":"t"}`,
		`[{"items":[` + one + `],"nextPageToken":"t"}]`, `{"kind":"x#activities"}{"nextPageToken":"t","items":[]}`} {
		if _, r := read(t, text, Options{}); !ends(r) {
			t.Errorf("%s does not say that there is more", text)
		}
		if _, r := read(t, text+`{"items":[]}`, Options{}); ends(r) {
			t.Errorf("%s and its last page say that there is more", text)
		}
		if _, r := read(t, text+`{"kind":"admin#reports#activities"}`, Options{}); ends(r) {
			t.Errorf("%s and its last page say that there is more", text)
		}
	}
	got, r := read(t, `{"items":[`+one+`],"nextPageToken":"t"}`, Options{})
	if pages, announcing, more := r.Pages(); len(got) != 1 || pages != 1 || announcing != 1 || !more {
		t.Errorf("a page of several: %q %d %d %v", got, pages, announcing, more)
	}
}

func ends(r *Reader) bool { _, _, more := r.Pages(); return more }

// TestBroken: what cannot be read is told, and what is whole behind it is read.
func TestBroken(t *testing.T) {
	one, two := activity("one"), activity("two")
	cut, open := one[:len(one)-20], one[:strings.Index(one, `,"actor"`)]
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"a line that breaks off":          {one + "\n" + cut + "\n" + two, []string{"a@example.com one", "it is not JSON", "a@example.com two"}},
		"the first line breaks off":       {open + "\n" + two, []string{"it is not JSON, and another", "a@example.com two"}},
		"breaks off in a string":          {one[:20] + "\n" + two, []string{"it is not JSON", "a@example.com two"}},
		"breaks off in a string, in page": {`{"items":[` + one[:20] + "\n" + two + "]}", []string{"it is not JSON", "a@example.com two"}},
		"breaks off in an array":          {"[" + open + "\n" + two + "]", []string{"it is not JSON, and another", "a@example.com two"}},
		"the end is missing":              {one + "\n" + cut, []string{"a@example.com one", "the file ends in the middle"}},
		"the array's end is missing":      {"[" + one + ",", []string{"a@example.com one", "the file ends in the middle"}},
		"the page's end is missing":       {`{"items":[` + one + "]", []string{"a@example.com one", "the file ends in the middle"}},
		"other objects":                   {`{"a":1}` + "\n" + two, []string{"it is no activity", "a@example.com two"}},
		"cloud logging":                   {`{"protoPayload":{}}`, []string{"it is an entry of Cloud Logging"}},
		"no objects":                      {"[1,\"x\",null," + two + "]", []string{"it is no object", "it is no object", "it is no object", "a@example.com two"}},
		"rubbish between":                 {one + "\n<html>\n" + two, []string{"a@example.com one", "there is no record here", "a@example.com two"}},
		"wrong brackets":                  {one + "\n{\"a\":[}]\n" + two, []string{"a@example.com one", "it is not JSON", "a@example.com two"}},
		"wrong words":                     {"[{\"a\":nil}," + two + "]", []string{"it is not JSON", "a@example.com two"}},
		"long":                            {one + "\n" + activity(strings.Repeat("x", 600)) + "\n" + two, []string{"a@example.com one", "it is longer than", "a@example.com two"}},
		"long in a page":                  {`{"items":[` + activity(strings.Repeat("x", 600)) + "," + two + "]}", []string{"it is longer than", "a@example.com two"}},
		"deep":                            {strings.Repeat("[", 400) + "\n" + two, []string{"the file ends in the middle"}},
		"nothing":                         {"", nil},
		"blanks":                          {" \n ", nil},
		"words":                           {"Dear all, here are the logs\n", []string{"error: it is neither JSON nor a table"}},
		"an empty page":                   {`{"kind":"admin#reports#activities","etag":"x"}` + "\n" + two, []string{"a@example.com two"}},
		"an answer that refuses":          {`{"error":{"code":403}}`, []string{"it is an error that was answered"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, _ := read(t, test.text, Options{MaxRecord: 512})
			if len(got) != len(test.want) {
				t.Fatalf("%q", got)
			}
			for i := range got {
				if !strings.Contains(got[i], test.want[i]) {
					t.Errorf("%d: %q, want %q", i, got[i], test.want[i])
				}
			}
		})
	}
}

// TestBreakingReader passes on what broke below.
func TestBreakingReader(t *testing.T) {
	one := activity("one")
	r := NewReader(io.MultiReader(strings.NewReader(one+"\n"+one[:30]), iotest.ErrReader(io.ErrUnexpectedEOF)), Options{})
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := r.Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%v", err)
		}
	}
}
