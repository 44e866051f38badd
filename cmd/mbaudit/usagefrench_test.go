package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"
)

// TestUsageInFrench: before a case is open the environment says in which language a wrong command line is told.
func TestUsageInFrench(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		args []string
		want string
	}{
		{map[string]string{"LANG": "fr_FR.UTF-8"}, []string{"nonsuch"}, "mbaudit: error: la commande \"nonsuch\" n’existe pas\nmbaudit: hint: pour voir les commandes, tapez : mbaudit --help\n"},
		{map[string]string{"LANG": "en_GB.UTF-8", "LC_MESSAGES": "fr"}, []string{"report", "--nonsuch"}, "mbaudit: error: option inconnue : --nonsuch\nmbaudit: hint: pour voir ce qui existe, tapez : mbaudit report --help\n"},
		{map[string]string{"LC_ALL": "C", "LANG": "fr_FR"}, []string{"report", "--lang", "de"}, "mbaudit: error: there is no language \"de\"\nmbaudit: hint: type --lang fr or --lang en\n"},
		{map[string]string{"LANG": "fr_CA"}, []string{"report", "--lang", "de"}, "mbaudit: error: la langue \"de\" n’existe pas\nmbaudit: hint: tapez --lang fr ou --lang en\n"},
		{map[string]string{"LANG": "frr_DE"}, []string{"nonsuch"}, "mbaudit: error: there is no command \"nonsuch\"\nmbaudit: hint: to see the commands, type: mbaudit --help\n"},
	} {
		var out bytes.Buffer
		world := &terminal{stdin: strings.NewReader(""), stdout: &out, stderr: &out, getenv: func(name string) string { return c.env[name] }, now: time.Now}
		if status := run(context.Background(), world, c.args); status != statusUsage || out.String() != c.want {
			t.Errorf("%v %v: status %d\n%s\nwant\n%s", c.env, c.args, status, out.String(), c.want)
		}
	}
}

// TestUsagePairs: each sentence is found by its own pair and keeps its values.
func TestUsagePairs(t *testing.T) {
	for _, pair := range usagePairs() {
		if n := strings.Count(pair[0], "%s"); n != strings.Count(pair[1], "%s") {
			t.Errorf("%q has other values in French", pair[0])
		}
		english, french := strings.ReplaceAll(pair[0], "%s", "x"), strings.ReplaceAll(pair[1], "%s", "x")
		if got := inFrench(english); got != french {
			t.Errorf("%q is said as %q, want %q", english, got, french)
		}
	}
}
