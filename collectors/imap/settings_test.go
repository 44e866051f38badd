package imap

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/settings"
	"github.com/mbaudit/mbaudit/internal/imapwire"
)

// boxes makes a fake with empty folders of these names, as on the wire.
func boxes(caps string, names ...string) *fake {
	f := &fake{caps: caps}
	for _, name := range names {
		f.folders = append(f.folders, &fakeFolder{name: name, uidValidity: 1, uidNext: 1})
	}
	return f
}

// collectSettings collects from a fake, without messages.
func collectSettings(t *testing.T, f *fake, change ...func(*Config)) (*collectortest.Sink, map[string]*settings.Document) {
	t.Helper()
	cfg := f.start(t)
	for _, c := range change {
		c(&cfg)
	}
	sink := &collectortest.Sink{}
	scope := collectors.Scope{Account: rawScope.Account, Messages: collectors.MessagesNone}
	if err := mustNew(t, cfg).Collect(t.Context(), scope, sink); err != nil {
		t.Fatalf("one odd answer ended the collection: %v", err)
	}
	collectortest.CheckSink(t, sink)
	return sink, documents(t, sink)
}

// gapOf returns the gap of an item.
func gapOf(t *testing.T, sink *collectortest.Sink, resource, item string) evidence.Gap {
	t.Helper()
	for _, g := range sink.Gaps() {
		if g.Resource == resource && g.Item == item {
			return g
		}
	}
	t.Fatalf("no gap of %s %q in %+v", resource, item, sink.Gaps())
	return evidence.Gap{}
}

func rightsOf(t *testing.T, doc *settings.Document, name string) settings.Rights {
	t.Helper()
	for _, r := range doc.Rights {
		if r.Name == name {
			return r
		}
	}
	t.Fatalf("nothing about %q in %+v", name, doc.Rights)
	return settings.Rights{}
}

func (f *fake) count(command string) int {
	n := 0
	for _, c := range f.sent() {
		if strings.HasPrefix(c, command+" ") {
			n++
		}
	}
	return n
}

// wellBehaved answers as RFC 4314, 5464 and 9208 want.
func wellBehaved(c *fakeConn, tag, name, args string) bool {
	switch name {
	case "NAMESPACE":
		c.say("* NAMESPACE ((\"\" \"/\")) ((\"user/\" \"/\" \"X\" (\"y\"))) NIL\r\n")
	case "MYRIGHTS":
		c.say("* MYRIGHTS %s lrswipkxtea\r\n", args)
	case "GETACL":
		c.say("* ACL %s %s lrswipkxtea {3}\r\nbob lr \"-eve \\\"x\\\"\" w\r\n", args, rawScope.Account)
	case "LISTRIGHTS":
		c.say("* LISTRIGHTS %s \"\" l r swi\r\n", args)
	case "GETMETADATA":
		box := strings.SplitN(args, ") ", 2)[1]
		box, _, _ = strings.Cut(box, " (")
		c.say("* METADATA %s (/private/comment {5}\r\nhello /shared/comment NIL /private/vendor/x/bin ~{4}\r\n\x00\r\n\xff)\r\n", box)
	case "GETQUOTAROOT":
		c.say("* QUOTAROOT %s \"\" second\r\n* QUOTA \"\" (STORAGE 10 512)\r\n", args)
	case "GETQUOTA":
		c.say("* QUOTA %s (STORAGE 500 512 MESSAGE 3 100)\r\n", args)
	default:
		return false
	}
	c.say("%s OK done\r\n", tag)
	return true
}

const allCaps = "ACL METADATA QUOTA NAMESPACE"

func TestSettings(t *testing.T) {
	f := boxes(allCaps, "INBOX", `"Quoted \"q\" \\ name"`, "user/bob/Shared", "{2}\r\n\xff\xfe")
	var literal string // the tag of a command whose last argument comes as a literal
	f.command = func(c *fakeConn, tag, name, args string) bool {
		switch {
		case strings.HasSuffix(args, "{2}") || strings.HasPrefix(args, "{2} ") || strings.Contains(args, ") {2}"):
			literal = tag
			c.say("+ go on\r\n")
			return true
		case tag[0] >= 0x80: // the literal, and what follows it
			c.say("%s NO cannot\r\n", literal)
			return true
		}
		return wellBehaved(c, tag, name, args)
	}
	sink, docs := collectSettings(t, f)
	for _, g := range sink.Gaps() {
		if !strings.Contains(g.Item, "%FF%FE") || g.Class != evidence.GapRefused {
			t.Errorf("gap: %+v", g)
		}
	}
	inbox := rightsOf(t, docs[settings.ACL], "INBOX")
	if *inbox.Mine != "lrswipkxtea" || len(inbox.Entries) != 3 || inbox.Of != personal {
		t.Fatalf("INBOX: %+v", inbox)
	}
	eve := inbox.Entries[2]
	if string(eve.Identifier) != `-eve "x"` || !eve.Negative || string(eve.Rights) != "w" || eve.Always == nil || fmt.Sprintf("%s", eve.May) != "[l r swi]" {
		t.Errorf("eve: %+v", eve)
	}
	if quoted := rightsOf(t, docs[settings.ACL], `Quoted "q" \ name`); len(quoted.Entries) != 3 {
		t.Errorf("quoted: %+v", quoted)
	}
	if bob := rightsOf(t, docs[settings.ACL], "user/bob/Shared"); bob.Of != other || len(bob.Entries) != 3 {
		t.Errorf("bob's: %+v", bob)
	}
	if raw := rightsOf(t, docs[settings.ACL], "%FF%FE"); raw.Mine != nil || raw.Entries != nil || string(raw.Raw) != "\xff\xfe" {
		t.Errorf("a refused mailbox reads as %+v", raw)
	}
	metadata := docs[settings.Metadata]
	values := map[string]string{}
	for _, a := range metadata.Annotations {
		if a.Value != nil {
			values[a.Name+string(a.Entry)] = string(*a.Value)
		} else if string(a.Entry) != "/shared/comment" || a.SHA256 != nil {
			t.Errorf("without a value: %+v", a)
		}
	}
	if values["/private/comment"] != "hello" || values["INBOX/private/vendor/x/bin"] != "\x00\r\n\xff" || len(metadata.Annotations) != 9 {
		t.Errorf("annotations: %q", values)
	}
	if len(metadata.Unknown) != 1 || string(metadata.Unknown[0].Raw) != "\xff\xfe" {
		t.Errorf("unknown: %+v", metadata.Unknown)
	}
	if roots := docs[settings.Quota].Roots; len(roots) != 2 || string(roots[0].Name) != "" || roots[0].Resources[0].Usage != 10 || roots[1].Mailboxes != 2 {
		t.Errorf("quota: %+v", roots)
	}
	for _, doc := range docs {
		if len(doc.Odd) > 0 {
			t.Errorf("odd: %+v", doc.Odd)
		}
	}
	for _, command := range f.sent() {
		if name, _, _ := strings.Cut(command, " "); strings.HasPrefix(name, "SET") || strings.HasPrefix(name, "DELETE") {
			t.Errorf("sent %s", command)
		}
	}
}

func TestSettingsNotOffered(t *testing.T) {
	f := boxes("", "INBOX")
	sink, docs := collectSettings(t, f)
	for _, resource := range []string{"namespace", settings.ACL, settings.Metadata, settings.Quota} {
		if e, ok := sink.Expected(resource); !ok || !e.NotOffered || len(sink.Resource(resource)) > 0 {
			t.Errorf("%s: %+v", resource, e)
		}
	}
	if len(docs[settings.Mailboxes].Boxes) != 1 || len(sink.Gaps()) > 0 {
		t.Errorf("mailboxes: %+v, gaps: %+v", docs[settings.Mailboxes], sink.Gaps())
	}
	for _, command := range []string{"GETACL", "MYRIGHTS", "GETMETADATA", "GETANNOTATION", "GETQUOTAROOT"} {
		if f.count(command) > 0 {
			t.Errorf("%s was sent to a server without it", command)
		}
	}
}

// TestSettingsRefused is what servers say in place of an answer, and what comes of it.
func TestSettingsRefused(t *testing.T) {
	for _, test := range []struct {
		name           string
		command, say   string // in place of the answer about B; TAG is the tag
		resource, item string
		class          evidence.GapClass
		reason         string
		odd            int
		connections    int
		limits         imapwire.Limits
	}{
		{name: "NO", command: "GETACL", say: "TAG NO [NOPERM] not yours\r\n", resource: "acl", item: "GETACL B", class: evidence.GapRefused, reason: "[NOPERM] not yours"},
		{name: "BAD", command: "MYRIGHTS", say: "TAG BAD what\r\n", resource: "acl", item: "MYRIGHTS B", class: evidence.GapRefused, reason: "does not understand"},
		{name: "OK and nothing", command: "GETACL", say: "TAG OK done\r\n", resource: "acl", item: "GETACL B", class: evidence.GapUnaccounted, reason: "sent no ACL"},
		{name: "about another", command: "GETACL", say: "* ACL Z mallory lr\r\nTAG OK done\r\n", resource: "acl", item: "GETACL B", class: evidence.GapUnaccounted, odd: 1},
		{name: "half a pair", command: "GETACL", say: "* ACL B mallory\r\nTAG OK done\r\n", resource: "acl", item: "GETACL B", class: evidence.GapInvalid, odd: 1},
		{name: "a list for rights", command: "MYRIGHTS", say: "* MYRIGHTS B (l r)\r\nTAG OK done\r\n", resource: "acl", item: "MYRIGHTS B", class: evidence.GapInvalid, odd: 1},
		{name: "nothing in it", command: "MYRIGHTS", say: "* MYRIGHTS\r\nTAG OK done\r\n", resource: "acl", item: "MYRIGHTS B", class: evidence.GapInvalid, odd: 1},
		{name: "something unknown", command: "MYRIGHTS", say: "* X-FOO (bar\r\nTAG OK done\r\n", resource: "acl", item: "MYRIGHTS B", class: evidence.GapUnaccounted, odd: 1},
		{name: "no list of entries", command: "GETMETADATA", say: "* METADATA B /private/comment\r\nTAG OK done\r\n", resource: "metadata", item: "GETMETADATA B", class: evidence.GapInvalid, odd: 1},
		{name: "annotations of another", command: "GETMETADATA", say: "* METADATA Z (/private/comment x)\r\nTAG OK done\r\n", resource: "metadata", item: "GETMETADATA B", class: evidence.GapInvalid, odd: 1},
		{name: "half an entry", command: "GETMETADATA", say: "* METADATA B (/private/comment x /private/y)\r\nTAG OK done\r\n", resource: "metadata", item: "GETMETADATA B", class: evidence.GapInvalid, odd: 1},
		{name: "an entry without end", command: "GETMETADATA", say: "TAG OK [METADATA LONGENTRIES 99999999999] done\r\n", resource: "metadata", item: "GETMETADATA B", class: evidence.GapFailed, reason: "99999999999 bytes"},
		{name: "grantable rights refused", command: "LISTRIGHTS", say: "TAG NO no\r\n", resource: "acl", item: `LISTRIGHTS B bob`, class: evidence.GapRefused},
		{name: "roots refused", command: "GETQUOTAROOT", say: "TAG NO no\r\n", resource: "quota", item: "GETQUOTAROOT B", class: evidence.GapRefused},
		{name: "the connection breaks", command: "GETACL", say: "", resource: "acl", item: "GETACL B", class: evidence.GapFailed, reason: "the connection broke", connections: 3},
		{name: "goodbye", command: "GETMETADATA", say: "* BYE crashed\r\n", resource: "metadata", item: "GETMETADATA B", class: evidence.GapFailed, reason: "crashed", connections: 3},
		{name: "an answer without end", command: "GETACL", say: "* ACL B " + strings.Repeat("mallory lr ", 10_000), resource: "acl", item: "GETACL B", class: evidence.GapFailed,
			reason: "over the limit", limits: imapwire.Limits{Response: 32 << 10}, connections: 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := boxes(allCaps, "INBOX", "A", "B", "C")
			f.command = func(c *fakeConn, tag, name, args string) bool {
				if name == test.command && strings.Contains(args, `"B"`) && (name != "LISTRIGHTS" || strings.Contains(args, "bob")) {
					c.say("%s", strings.ReplaceAll(test.say, "TAG", tag))
					if !strings.Contains(test.say, "TAG") {
						_ = c.nc.Close()
					}
					return true
				}
				return wellBehaved(c, tag, name, args)
			}
			sink, docs := collectSettings(t, f, func(c *Config) { c.Limits = test.limits })
			g := gapOf(t, sink, test.resource, test.item)
			if g.Class != test.class || !strings.Contains(g.Reason, test.reason) || !strings.HasPrefix(g.Request, test.command) {
				t.Errorf("gap: %+v", g)
			}
			if len(sink.Gaps()) != 1 {
				t.Errorf("gaps: %+v", sink.Gaps())
			}
			doc := docs[test.resource]
			if len(doc.Odd) != test.odd {
				t.Errorf("odd: %+v", doc.Odd)
			}
			if want := max(test.connections, 1); f.conns != want {
				t.Errorf("%d connections, want %d", f.conns, want)
			}
			// All else is there.
			for _, name := range []string{"INBOX", "A", "C"} {
				if r := rightsOf(t, docs[settings.ACL], name); r.Mine == nil || len(r.Entries) != 3 || len(r.Entries[1].May) != 3 {
					t.Errorf("%s: %+v", name, r)
				}
			}
			b := rightsOf(t, docs[settings.ACL], "B")
			switch {
			case test.command == "LISTRIGHTS" && (b.Entries[1].May != nil || b.Entries[1].Always != nil || b.Entries[2].May == nil),
				test.command == "GETACL" && b.Entries != nil, test.command == "MYRIGHTS" && b.Mine != nil:
				t.Errorf("what was not read is there: %+v", b)
			case test.command == "GETMETADATA" && (len(doc.Unknown) != 1 || doc.Unknown[0].Name != "B"):
				t.Errorf("unknown: %+v", doc.Unknown)
			}
		})
	}
}

// TestSettingsUnknownCommand has a server that offers what it does not know: it is not asked 300 times.
func TestSettingsUnknownCommand(t *testing.T) {
	var names []string
	for i := range 300 {
		names = append(names, fmt.Sprint("box", i))
	}
	for name, say := range map[string]string{"BAD": "%s BAD unknown\r\n", "the connection breaks": ""} {
		t.Run(name, func(t *testing.T) {
			f := boxes(allCaps, names...)
			f.command = func(c *fakeConn, tag, name, args string) bool {
				if name != "GETACL" {
					return wellBehaved(c, tag, name, args)
				}
				if say == "" {
					_ = c.nc.Close()
				} else {
					c.say(say, tag)
				}
				return true
			}
			sink, docs := collectSettings(t, f)
			if n := f.count("GETACL"); n > settingsTries*settingsStrikes {
				t.Errorf("GETACL was sent %d times", n)
			}
			if g := gapOf(t, sink, "acl", "GETACL"); !strings.Contains(g.Reason, "297 more were not asked") {
				t.Errorf("gap: %+v", g)
			}
			if n := len(sink.Gaps()); n != 4 {
				t.Errorf("%d gaps: %+v", n, sink.Gaps())
			}
			if r := rightsOf(t, docs[settings.ACL], "box299"); r.Mine == nil || r.Entries != nil {
				t.Errorf("box299: %+v", r)
			}
			if len(docs[settings.Metadata].Annotations) != 3*301 {
				t.Errorf("%d annotations", len(docs[settings.Metadata].Annotations))
			}
		})
	}
}

// TestSettingsSpellings has a server that answers with other spellings of the names than it was asked with.
func TestSettingsSpellings(t *testing.T) {
	f := boxes("ACL", "INBOX", "&AMk-t&AOk-")
	f.command = func(c *fakeConn, tag, name, args string) bool {
		args = strings.NewReplacer(`"INBOX"`, "inbox", `"&AMk-t&AOk-"`, `"Été"`).Replace(args)
		return wellBehaved(c, tag, name, args)
	}
	sink, docs := collectSettings(t, f)
	for _, name := range []string{"INBOX", "Été"} {
		if r := rightsOf(t, docs[settings.ACL], name); r.Mine == nil || len(r.Entries) != 3 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if len(sink.Gaps()) > 0 || len(docs[settings.ACL].Odd) > 0 {
		t.Errorf("gaps: %+v, odd: %+v", sink.Gaps(), docs[settings.ACL].Odd)
	}
}

// TestSettingsOutOfOrder has a server that sends all responses before the first tagged reply, the last one first.
func TestSettingsOutOfOrder(t *testing.T) {
	names := []string{"INBOX", "a", "b", "c", "d"}
	f := boxes("ACL", names...)
	var responses, replies []string
	f.command = func(c *fakeConn, tag, name, args string) bool {
		box := strings.Trim(args, `"`)
		if name != "GETACL" || box == "INBOX" { // the first is sent alone
			return wellBehaved(c, tag, name, args)
		}
		responses = append(responses, fmt.Sprintf("* ACL %s only-%s lr\r\n", box, box))
		replies = append(replies, tag+" OK done\r\n")
		if len(replies) == len(names)-1 {
			slices.Reverse(responses)
			c.say("%s%s", strings.Join(responses, ""), strings.Join(replies, ""))
		}
		return true
	}
	sink, docs := collectSettings(t, f)
	for _, name := range names[1:] {
		if r := rightsOf(t, docs[settings.ACL], name); len(r.Entries) != 1 || string(r.Entries[0].Identifier) != "only-"+name {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if len(sink.Gaps()) > 0 {
		t.Errorf("gaps: %+v", sink.Gaps())
	}
}

func TestForeignMailboxesAreBounded(t *testing.T) {
	f := boxes("ACL NAMESPACE", "INBOX", "Sent")
	f.command = func(c *fakeConn, tag, name, args string) bool {
		if name == "LIST" && strings.Contains(args, `"user/*"`) {
			for i := range 5000 {
				c.say("* LIST () \"/\" user/someone%04d/Box\r\n", i)
			}
			c.say("%s OK done\r\n", tag)
			return true
		}
		if name == "MYRIGHTS" && strings.Contains(args, "user/") {
			c.say("* MYRIGHTS %s lr\r\n%s OK done\r\n", args, tag)
			return true
		}
		return wellBehaved(c, tag, name, args)
	}
	sink, docs := collectSettings(t, f)
	if n := f.count("MYRIGHTS"); n != 2002 {
		t.Errorf("MYRIGHTS was sent %d times, want 2002", n)
	}
	if n := f.count("GETACL"); n != 2 {
		t.Errorf("GETACL was sent %d times, want 2: the account administers none of the others", n)
	}
	g := gapOf(t, sink, "acl", "mailboxes of others")
	if g.Class != evidence.GapFailed || !strings.Contains(g.Reason, "sees 5000 mailboxes of others; of 3000 nothing was asked") || docs[settings.ACL].Left != 3000 {
		t.Errorf("gap: %+v, left: %d", g, docs[settings.ACL].Left)
	}
	if n := len(docs[settings.Mailboxes].Boxes); n != 5002 {
		t.Errorf("%d mailboxes in the list, want all 5002", n)
	}
	if n := len(sink.Resource("acl")); n != 2 {
		t.Errorf("%d exhibits of 2002 mailboxes, want 2", n)
	}
}

// TestNamesAreBounded has a mailbox whose name would be repeated in every document, and an identifier like it.
func TestNamesAreBounded(t *testing.T) {
	f := boxes("ACL", "INBOX", strings.Repeat("n", longestName+1))
	f.command = func(c *fakeConn, tag, name, args string) bool {
		if name == "GETACL" {
			c.say("* ACL INBOX %s lr\r\n%s OK done\r\n", strings.Repeat("x", longestIdent+1), tag)
			return true
		}
		return wellBehaved(c, tag, name, args)
	}
	sink, docs := collectSettings(t, f)
	if g := gapOf(t, sink, "mailboxes", "more"); !strings.HasPrefix(g.Reason, "1 mailboxes are left out") {
		t.Errorf("gap: %+v", g)
	}
	if g := gapOf(t, sink, "acl", "GETACL INBOX"); g.Class != evidence.GapInvalid {
		t.Errorf("gap: %+v", g)
	}
	if n := f.count("MYRIGHTS"); n != 1 || len(docs[settings.ACL].Rights) != 1 || docs[settings.ACL].Rights[0].Entries != nil {
		t.Errorf("MYRIGHTS was sent %d times, rights: %+v", n, docs[settings.ACL].Rights)
	}
}

func TestLongAnnotations(t *testing.T) {
	f := boxes("METADATA", "INBOX", "A")
	f.command = func(c *fakeConn, tag, name, args string) bool {
		switch {
		case name != "GETMETADATA" || !strings.Contains(args, `"A"`):
			return wellBehaved(c, tag, name, args)
		case strings.HasPrefix(args, "(MAXSIZE 65536 "):
			c.say("* METADATA A (/private/short s)\r\n%s OK [METADATA LONGENTRIES 70000] done\r\n", tag)
		default:
			c.say("* METADATA A (/private/short s /private/long {70000}\r\n%s)\r\n%s OK done\r\n", strings.Repeat("x", 70000), tag)
		}
		return true
	}
	sink, docs := collectSettings(t, f)
	doc := docs[settings.Metadata]
	i := slices.IndexFunc(doc.Annotations, func(a settings.Annotation) bool { return string(a.Entry) == "/private/long" })
	if i < 0 || doc.Annotations[i].Value != nil || doc.Annotations[i].Size != 70000 || len(doc.Unknown) > 0 || len(sink.Gaps()) > 0 {
		t.Errorf("annotations: %+v, unknown: %+v, gaps: %+v", doc.Annotations, doc.Unknown, sink.Gaps())
	}
	if !bytes.Contains(sink.Resource("metadata")[0].Body, bytes.Repeat([]byte("x"), 70000)) {
		t.Error("the long value is not among the answers")
	}
}

// TestAnswersAreBounded has a server with a megabyte of annotations for each mailbox.
func TestAnswersAreBounded(t *testing.T) {
	names := []string{"INBOX"}
	for i := range 199 {
		names = append(names, fmt.Sprintf("box%03d", i))
	}
	f := boxes("METADATA ACL", names...)
	value := strings.Repeat("x", 1<<20)
	f.command = func(c *fakeConn, tag, name, args string) bool {
		if name != "GETMETADATA" {
			return wellBehaved(c, tag, name, args)
		}
		_, rest, _ := strings.Cut(args, ") ")
		box, _, _ := strings.Cut(rest, " (")
		c.say("* METADATA %s (/private/x {%d}\r\n%s)\r\n%s OK done\r\n", box, len(value), value, tag)
		return true
	}
	sink, docs := collectSettings(t, f)
	g := gapOf(t, sink, "metadata", "GETMETADATA")
	if g.Class != evidence.GapFailed || !strings.Contains(g.Reason, "over the limit of 33554432") {
		t.Errorf("gap: %+v", g)
	}
	asked := f.count("GETMETADATA")
	if asked > 33+settingsWindow {
		t.Errorf("%d mailboxes were asked about after the limit", asked)
	}
	doc := docs[settings.Metadata]
	if len(doc.Annotations) != asked || len(doc.Unknown) != len(names)+1-asked {
		t.Errorf("%d asked, %d annotations, %d unknown", asked, len(doc.Annotations), len(doc.Unknown))
	}
}

func TestAnnotateMore(t *testing.T) {
	f := boxes("ANNOTATEMORE", "INBOX")
	f.command = func(c *fakeConn, tag, name, args string) bool {
		if name != "GETANNOTATION" {
			return false
		}
		if strings.HasPrefix(args, `"INBOX" "*" (`) {
			c.say("* ANNOTATION INBOX \"/comment\" (\"value.priv\" \"mine\" \"value.shared\" NIL) /vendor/cmu/cyrus-imapd/sieve (value.shared {3}\r\nabc)\r\n")
		}
		c.say("%s OK done\r\n", tag)
		return true
	}
	sink, docs := collectSettings(t, f)
	var got []string
	for _, a := range docs[settings.Metadata].Annotations {
		value := "NIL"
		if a.Value != nil {
			value = string(*a.Value)
		}
		got = append(got, string(a.Entry)+"="+value)
	}
	want := []string{"/comment value.priv=mine", "/comment value.shared=NIL", "/vendor/cmu/cyrus-imapd/sieve value.shared=abc"}
	if !slices.Equal(got, want) || len(sink.Gaps()) > 0 {
		t.Errorf("annotations: %q, gaps: %+v", got, sink.Gaps())
	}
	if n := f.count("GETANNOTATION"); n != 2 {
		t.Errorf("GETANNOTATION was sent %d times, want 2", n)
	}
}

// TestSettingsResumed is cut off between the answers and the document: the document is then read from new answers, and
// both are kept.
func TestSettingsResumed(t *testing.T) {
	f := boxes(allCaps, "INBOX", "A")
	f.command = wellBehaved
	c := mustNew(t, f.start(t))
	scope := collectors.Scope{Account: rawScope.Account, Messages: collectors.MessagesNone}
	for _, cut := range []string{"/settings/acl.json", "/settings/mailboxes.json", "/settings/quota.txt"} {
		cutOff := errors.New("cut off")
		sink := &collectortest.Sink{BeforePut: func(ex evidence.Exhibit) error {
			if strings.HasSuffix(ex.Name, cut) {
				return cutOff
			}
			return nil
		}}
		if err := c.Collect(t.Context(), scope, sink); !errors.Is(err, cutOff) {
			t.Fatalf("%s: %v", cut, err)
		}
		sink.BeforePut = nil
		for range 2 {
			if err := c.Collect(t.Context(), scope, sink); err != nil {
				t.Fatal(err)
			}
		}
		collectortest.CheckSink(t, sink)
		docs := documents(t, sink) // checks that each document has its source
		if len(docs) != 4 || len(sink.Gaps()) > 0 {
			t.Errorf("%s: %d documents, gaps %+v", cut, len(docs), sink.Gaps())
		}
	}
}

// FuzzSettings feeds anything to the parsers of rights and settings, and to what matches answers with questions.
func FuzzSettings(f *testing.F) {
	for _, seed := range []string{
		"* ACL INBOX fred rwipslda -eve lr\r\n", "* ACL {5}\r\nINBOX fred\r\n", "* MYRIGHTS INBOX lr\r\n", "* MYRIGHTS\r\n",
		"* LISTRIGHTS ~/Mail/saved smith la r swicdkxte\r\n", "* LISTRIGHTS INBOX fred \"\" (\r\n",
		"* METADATA \"\" (/shared/comment \"x\" /private/comment NIL)\r\n", "* METADATA INBOX (/private/a ~{3}\r\n\x00\xff) /private/b {2}\r\nxy)\r\n",
		"* METADATA INBOX /private/a /private/b\r\n", "* ANNOTATION INBOX /comment (value.priv \"x\" value.shared NIL)\r\n",
		"* QUOTAROOT INBOX \"\" root\r\n", "* QUOTA \"\" (STORAGE 10 512)\r\n", "* QUOTA x (STORAGE -1 a\r\n",
		"* NAMESPACE ((\"\" \"/\")) ((\"user/\" \"/\" \"X\" (\"y\"))) NIL\r\n", "* NAMESPACE NIL ((((\r\n", "* LSUB (\\Noselect) \"/\" INBOX\r\n",
		"A1 OK [METADATA LONGENTRIES 2199] done\r\n", "* OK [METADATA LONGENTRIES x\r\n",
	} {
		f.Add([]byte(seed), "INBOX")
	}
	f.Fuzz(func(t *testing.T, input []byte, name string) {
		answer := &imapwire.Answer{}
		r := imapwire.NewReader(bytes.NewReader(input), imapwire.Limits{Response: 64 << 10, Literal: 64 << 10})
		q := &inquiry{doc: settings.New(settings.ACL, "alice"), index: map[string]*question{}}
		m := &annotations{values: map[string]settings.Annotation{}}
		for {
			resp, err := r.Next()
			if err != nil {
				break
			}
			clone := resp.Clone()
			answer.Untagged = append(answer.Untagged, clone)
			entry := settings.Entry{Identifier: evidence.Bytes(name)}
			asked := &question{key: mailboxKey(name), read: func(resp *imapwire.Response, ref settings.Answer) bool {
				entries, ok := parseACL(resp)
				q.doc.Rights = append(q.doc.Rights, settings.Rights{Entries: entries})
				return ok
			}}
			q.index[asked.key] = asked
			q.response(kind{"ACL", firstMailbox}, &clone, asked, settings.Answer{})
			mine, _ := parseMyRights(&clone)
			q.doc.Rights = append(q.doc.Rights, settings.Rights{Mine: &mine, Entries: []settings.Entry{entry}})
			_ = parseListRights(&clone, &entry)
			_ = m.read(settings.Mailbox{Name: "INBOX"}, &clone, settings.Answer{}, parseMetadata)
			_ = m.read(settings.Mailbox{Name: "A"}, &clone, settings.Answer{}, parseAnnotation)
			_ = parseQuotaRoot(&clone)
			resources, _ := parseQuota(&clone)
			q.doc.Roots = append(q.doc.Roots, settings.Root{Name: evidence.Bytes(name), Resources: resources})
			_, _ = longEntries(clone.Status())
		}
		for _, a := range m.values {
			q.doc.Annotations = append(q.doc.Annotations, a)
		}
		q.doc.Namespaces = parseNamespaces(answer)
		run := &run{namespaces: q.doc.Namespaces}
		run.readSubscriptions(answer)
		for _, folder := range parseList(answer) {
			q.doc.Boxes = append(q.doc.Boxes, run.described(box{folder, run.of(folder)}))
		}
		// What was read survives writing and reading, byte for byte.
		body, err := q.doc.Encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := settings.Parse(body)
		if err != nil {
			t.Fatal(err)
		}
		again, err := back.Encode()
		if err != nil || !bytes.Equal(body, again) {
			t.Errorf("%s\nreads as\n%s\n%v", body, again, err)
		}
		for _, d := range settings.Compare(q.doc, back) {
			t.Errorf("the same document is different: %+v", d)
		}
	})
}
