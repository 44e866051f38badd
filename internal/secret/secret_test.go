package secret

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// TestNothingPrintsIt tries every way in which a value usually gets into a log or a file.
func TestNothingPrintsIt(t *testing.T) {
	s := New("hunter2")
	holder := struct {
		Password String
		Pointer  *String
	}{s, &s}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("login", "password", s, "holder", holder)
	inJSON, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	asMap, err := json.Marshal(map[string]any{"p": s})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q %x %d", s, s, s, s, s, s, s), fmt.Sprintf("%v %+v %#v", holder, holder, holder),
		fmt.Sprint(&s), log.String(), string(inJSON), string(asMap), fmt.Errorf("login with %v", s).Error()} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, fmt.Sprintf("%x", "hunter2")) {
			t.Errorf("the secret is in %q", text)
		}
	}
	if s.Reveal() != "hunter2" || s.Empty() || !New("").Empty() {
		t.Error("the secret is not what it was")
	}
}
