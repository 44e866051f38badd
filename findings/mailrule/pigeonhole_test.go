package mailrule

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mbaudit/mbaudit/internal/servertest"
)

// TestPigeonholeAgrees runs each Sieve script of the corpus on messages that meet its conditions and on ones that do not,
// with Pigeonhole's sieve-test, and compares what Pigeonhole does with what the rules say. Where Pigeonhole refuses a
// script, a note must say why; where there is no such note, Pigeonhole must take it.
func TestPigeonholeAgrees(t *testing.T) {
	if _, err := exec.LookPath("sieve-test"); err != nil {
		servertest.Missing(t, "sieve-test is not installed: apt-get install dovecot-sieve")
	}
	run := newPigeonhole(t)
	compared := 0
	for _, half := range []string{"design", "heldout"} {
		for _, c := range readCorpus(t, half) {
			if !strings.HasPrefix(c.name, "sieve/") || strings.Contains(string(c.source), "vnd.cyrus") {
				continue
			}
			for i, m := range messagesFor(c.set) {
				got, refused := run.test(c.source, m)
				noted := refusable(c.set)
				if strings.Contains(strings.Join(got, ""), "unknown Sieve capability") && !noted { // known here: ereject is for servers only
					break
				}
				if refused != noted {
					t.Errorf("%s: Pigeonhole refuses it: %v, and the notes say so: %v %v\n%s", c.name, refused, noted, c.set.Notes, got)
				}
				if refused {
					break
				}
				want, constant := outcome(c.set, m)
				if constant && !slices.Equal(want, got) {
					t.Errorf("%s, message %d (%v): Pigeonhole does %q, the rules say %q", c.name, i, m.headers, got, want)
				}
				compared++
			}
		}
	}
	if compared < 200 {
		t.Errorf("only %d messages were compared", compared)
	}
	t.Logf("%d runs compared", compared)
}

// refusable says that a note tells why a server refuses the script.
func refusable(set Set) bool {
	notes := slices.Clone(set.Notes)
	for _, r := range set.Rules {
		notes = append(notes, r.Notes...)
	}
	return slices.ContainsFunc(notes, func(n Note) bool {
		return slices.Contains([]NoteKind{Syntax, UnknownExtension, UnknownCommand, NotRequired, NotIncluded}, n.Kind)
	})
}

// outcome is what the rules say becomes of one message; constant is false where a value depends on the message.
func outcome(set Set, m *sample) (list []string, constant bool) {
	e := &evaluator{budget: 1 << 20}
	kept, cancelled := false, false
	for _, r := range set.Rules {
		if r.Unreachable {
			continue
		}
		holds := e.holds(r.Conditions, m)
		for _, u := range r.Unless {
			holds = min(holds, -e.holds(u, m))
		}
		if holds == unknown || e.timed {
			return nil, false
		}
		if holds == no {
			continue
		}
		for _, a := range r.Actions {
			if a.Partial || len(a.Values) > 1 && slices.Contains([]Kind{File, Forward}, a.Kind) {
				return nil, false
			}
			switch a.Kind {
			case Keep:
				kept = true
			case File:
				list = append(list, "store "+a.Values[0].Text)
			case Forward:
				list = append(list, "redirect "+a.Values[0].Text)
			case Reject:
				list = append(list, "reject")
			case Reply:
				list = append(list, "vacation")
			}
			cancelled = cancelled || slices.Contains([]Kind{Discard, Reject}, a.Kind) || (a.Kind == File || a.Kind == Forward) && !a.Copy || a.Kind == Run && !a.Copy
		}
	}
	if kept || !cancelled {
		list = append(list, "store INBOX")
	}
	slices.Sort(list)
	return slices.Compact(list), true
}

// messagesFor makes messages that meet tests of the set, one by one, and some that meet none.
func messagesFor(set Set) []*sample {
	base := samples([]string{"alice@corp.example"})
	out := []*sample{&base[0], &base[3], &base[6], &base[14]}
	var walk func(c Condition)
	walk = func(c Condition) {
		for _, of := range c.Of {
			walk(of)
		}
		for _, v := range c.Values[:min(2, len(c.Values))] {
			if m := meeting(base[0], c, v.Text); m != nil && len(out) < 12 {
				out = append(out, m)
			}
		}
		if c.Match == Exists && len(out) < 12 {
			m := base[0]
			m.headers = maps.Clone(m.headers)
			m.headers[strings.ToLower(c.Names[0])] = "<x.y.example>"
			out = append(out, &m)
		}
	}
	for _, r := range set.Rules {
		walk(r.Conditions)
		if len(out) < 16 {
			out = append(out, meetingAll(base[0], r.Conditions))
		}
	}
	return out
}

// meetingAll changes m until it meets each test that a rule wants.
func meetingAll(m sample, c Condition) *sample {
	for _, part := range c.conjuncts() {
		if part.Op == Any {
			part = part.Of[0]
		}
		switch {
		case part.Match == Exists:
			m.headers = maps.Clone(m.headers)
			if name := strings.ToLower(part.Names[0]); m.headers[name] == "" {
				m.headers[name] = "<x.y.example>"
			}
		case len(part.Values) > 0:
			if next := meeting(m, part, part.Values[0].Text); next != nil {
				m = *next
			}
		}
	}
	return &m
}

func meeting(m sample, c Condition, value string) *sample {
	value = strings.NewReplacer("*", "", "?", "x").Replace(value)
	if c.Op != Test || len(c.Names) == 0 || value == "" || !isASCII(value) || slices.Contains([]Field{Body, Date, Other, Size}, c.Field) {
		return nil
	}
	m.headers = maps.Clone(m.headers)
	name := strings.ToLower(c.Names[0])
	switch {
	case strings.HasPrefix(name, "envelope-"), c.Part == "detail", c.Part == "user":
		return nil
	case c.Part == "domain":
		value = "someone@" + value
	case c.Part == "localpart":
		value += "@elsewhere.example"
	case c.Field == From && !strings.Contains(value, "@"):
		value += " <someone@elsewhere.example>"
	case c.Match == Contains && c.Field == Subject:
		value = "On " + value + " again"
	}
	m.headers[name] = value
	return &m
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

type pigeonhole struct {
	t         *testing.T
	dir, conf string
}

func newPigeonhole(t *testing.T) pigeonhole {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // sieve-test gives up root
		t.Fatal(err)
	}
	user, group := "nobody", "nogroup"
	if os.Getuid() != 0 {
		user, group = fmt.Sprint(os.Getuid()), fmt.Sprint(os.Getgid())
	}
	conf := filepath.Join(dir, "dovecot.conf")
	text := "mail_location = maildir:" + dir + "/mail\nmail_uid = " + user + "\nmail_gid = " + group + "\nfirst_valid_uid = 1\nbase_dir = " + dir + "/base\n" +
		"log_path = /dev/stderr\nssl = no\nmail_home = " + dir + "/home\nplugin {\n  sieve_plugins = sieve_extprograms\n  sieve_global = " + dir + "/global\n  sieve = file:" + dir + "/personal;active=" + dir + "/active.sieve\n" +
		"  sieve_extensions = +vnd.dovecot.pipe +vnd.dovecot.execute +vnd.dovecot.filter +editheader +vacation-seconds +imapflags +notify +spamtest +spamtestplus +virustest +vnd.dovecot.report +mboxmetadata +servermetadata +special-use\n" +
		"  sieve_pipe_bin_dir = " + dir + "/bin\n  sieve_execute_bin_dir = " + dir + "/bin\n  sieve_filter_bin_dir = " + dir + "/bin\n}\n"
	p := pigeonhole{t, dir, conf}
	p.write("dovecot.conf", text)
	scripts, err := filepath.Glob(filepath.Join(corpusDir, "sieve", "included", "*.sieve"))
	if err != nil {
		t.Fatal(err)
	}
	for _, sub := range []string{"global", "personal", "home", "bin", "work"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "work"), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lookup", "sync-out", "normalise"} {
		if err := os.WriteFile(filepath.Join(dir, "bin", name), []byte("#!/bin/sh\nexec cat\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range scripts {
		text, err := os.ReadFile(s)
		if err != nil {
			t.Fatal(err)
		}
		p.write("global/"+filepath.Base(s), string(text))
		p.write("personal/"+filepath.Base(s), string(text))
	}
	return p
}

func (p pigeonhole) write(name, text string) string {
	p.t.Helper()
	file := filepath.Join(p.dir, name)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
	return file
}

// test runs one script on one message.
func (p pigeonhole) test(script []byte, m *sample) (actions []string, refused bool) {
	p.t.Helper()
	var mail strings.Builder
	for _, name := range slices.Sorted(maps.Keys(m.headers)) {
		if !strings.HasPrefix(name, "envelope-") {
			fmt.Fprintf(&mail, "%s: %s\n", name, m.headers[name])
		}
	}
	mail.WriteString("\n" + m.body + "\n" + strings.Repeat(strings.Repeat("x", 70)+"\n", int(m.size)/71))
	out, _ := exec.Command("sieve-test", "-c", p.conf, "-C", "-f", m.headers["envelope-from"], "-a", m.headers["envelope-to"],
		p.write("work/script.sieve", string(script)), p.write("message.eml", mail.String())).CombinedOutput()
	text := string(out)
	if !strings.Contains(text, "final result: ") {
		return []string{text}, true
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "* redirect message to: "):
			actions = append(actions, "redirect "+strings.Trim(strings.TrimPrefix(line, "* redirect message to: "), "<>"))
		case strings.HasPrefix(line, "* store message in folder: "):
			actions = append(actions, "store "+strings.TrimPrefix(line, "* store message in folder: "))
		case strings.HasPrefix(line, "* reject"):
			actions = append(actions, "reject")
		case strings.HasPrefix(line, "* send vacation message"):
			actions = append(actions, "vacation")
		}
	}
	slices.Sort(actions)
	return slices.Compact(actions), false
}
