package workspace

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/containment"
	"github.com/mbaudit/mbaudit/internal/fakegoogle"
	"github.com/mbaudit/mbaudit/internal/seedmail"
)

const lure = "phish-1@webfree.example"

// seedLure puts the same message into mailboxes, read in none of them: into the inbox of some, and the spam of the last.
func (b *bench) seedLure(mailboxes ...string) {
	b.t.Helper()
	for i, mailbox := range mailboxes {
		folder := "INBOX"
		if i > 0 && i == len(mailboxes)-1 {
			folder = "Junk"
		}
		b.seedMessage(mailbox, folder, lure)
	}
}

func (b *bench) seedMessage(mailbox, folder, id string) {
	b.t.Helper()
	raw := fmt.Appendf(nil, "From: Direction <chef@webfree.example>\r\nTo: %s\r\nSubject: Virement urgent\r\nDate: Wed, 14 Oct 2026 09:00:00 +0200\r\nMessage-ID: <%s>\r\n\r\nhttp://evil.example/\r\n", mailbox, id)
	b.must(b.tenant.Seed(fakegoogle.Seed{Account: mailbox, Messages: []seedmail.Message{{Folder: folder, InternalDate: time.Date(2026, 10, 14, 7, 0, 0, 0, time.UTC), Raw: raw}}}))
}

func (b *bench) quarantinePlan(account string, ids ...string) containment.Plan {
	b.t.Helper()
	p, err := b.reader.PlanQuarantine(b.t.Context(), QuarantineOptions{Account: account, MessageIDs: ids, Case: "c", By: "tester", Now: b.clock.Now()})
	b.must(err)
	text, err := p.Encode()
	b.must(err)
	p, err = containment.Parse(text)
	b.must(err)
	return p
}

// labelsOf are the names of the labels that the messages of a mailbox with a Message-ID have, in order.
func (b *bench) labelsOf(account, id string) string {
	b.t.Helper()
	s := b.state(account)
	var all []string
	for _, m := range s.Messages {
		if !bytes.Contains(b.tenant.Raw(account, m), []byte(id)) {
			continue
		}
		o, err := b.reader.message(b.t.Context(), account, m)
		b.must(err)
		labels := o.texts("labelIds")
		for i, l := range labels {
			for _, known := range s.Labels {
				if known["id"] == l {
					labels[i] = known["name"].(string)
				}
			}
		}
		slices.Sort(labels)
		all = append(all, strings.Join(labels, "+"))
	}
	return strings.Join(all, " ")
}

// TestQuarantineGoesAndComesBack plans with reads alone, keeps the message byte for byte before it moves it, and puts it back with
// the labels that it had. Each run is cut off once at each of its calls, before and after it.
func TestQuarantineGoesAndComesBack(t *testing.T) {
	for call := 1; call <= 2; call++ {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d after=%t", call, after), func(t *testing.T) {
				t.Parallel()
				quarantinedAndBack(t, call, after)
			})
		}
	}
}

func quarantinedAndBack(t *testing.T, call int, after bool) {
	const bob = "bob@example.test"
	b := newBench(t, fakegoogle.Config{Messages: 3})
	b.seedLure(bob)
	was, messages := b.labelsOf(bob, lure), len(b.state(bob).Messages)
	p := b.quarantinePlan(bob, lure)
	for _, r := range b.tenant.Requests() {
		if !r.Reads() {
			t.Errorf("the plan made %s", r.Method)
		}
	}
	if len(p.Steps) != 2 || !strings.Contains(p.Steps[1].What.EN, "chef@webfree.example>, 2026-10-14T07:00:00Z") || !strings.Contains(p.Steps[1].What.FR, "Virement urgent") {
		t.Fatalf("the plan is %+v", p.Steps)
	}
	first := b.runner(p)
	ctx, killed := b.cutAt(first, call, after)
	if _, err := first.Apply(ctx, p); !errors.Is(err, killed) {
		t.Fatalf("the run ended with %v", err)
	}
	b.must(first.Ledger.Close())
	result, r := b.apply(p)
	if len(result.Failed) != 0 {
		t.Fatalf("failed: %+v", result.Failed)
	}
	if got := b.labelsOf(bob, lure); strings.Contains(got, "INBOX") || !strings.Contains(got, QuarantineLabel) {
		t.Errorf("the labels are %s", got)
	}
	if b.made("gmail.users.labels.create") != 1 || b.made("gmail.users.messages.modify") != 1 {
		t.Error("something was done twice")
	}
	b.wantKept(bob, p.Steps[1].Target)
	unmade, err := r.Undo(t.Context(), p, nil)
	b.must(err)
	for _, u := range unmade {
		if u.Err != nil {
			t.Errorf("%s: %v", u.Step.Kind, u.Err)
		}
	}
	if now := b.labelsOf(bob, lure); now != was || len(b.state(bob).Messages) != messages {
		t.Errorf("what was %s is now %s", was, now)
	}
	if slices.ContainsFunc(b.state(bob).Labels, func(l map[string]any) bool { return l["name"] == QuarantineLabel }) {
		t.Error("the label is still there")
	}
}

// wantKept checks that a message was kept whole before it was moved.
func (b *bench) wantKept(account, id string) {
	b.t.Helper()
	for _, image := range b.sealed[0] {
		if image.Keep == nil {
			continue
		}
		original, err := image.Keep(b.t.Context())
		b.must(err)
		if original.Name != id+".eml" || !bytes.Equal(original.Body, b.tenant.Raw(account, id)) {
			b.t.Errorf("kept is %s, %d bytes", original.Name, len(original.Body))
		}
		return
	}
	b.t.Error("nothing was kept whole")
}

// TestQuarantineSearchesAllMailboxes finds a message wherever it lies, and says of which mailbox nothing is known.
func TestQuarantineSearchesAllMailboxes(t *testing.T) {
	b := newBench(t, fakegoogle.Config{Messages: 1})
	b.seedLure(fakegoogle.Victim, "bob@example.test", "carol@example.test")
	open, closed, err := b.reader.Mailboxes(t.Context())
	b.must(err)
	if !slices.Contains(closed, "erin@example.test") || slices.Contains(open, "heidi@example.test") || slices.Contains(closed, "heidi@example.test") {
		t.Errorf("open %q, closed %q", open, closed)
	}
	hits := map[string]int{}
	for i, s := range b.reader.SearchMailboxes(t.Context(), QuarantineOptions{MessageIDs: []string{lure}, Now: b.clock.Now()}, open, 4) {
		b.must(s.Err)
		if len(s.Plan.Steps) > 0 {
			hits[open[i]] = len(s.Plan.Steps)
		}
	}
	if len(hits) != 3 || hits["carol@example.test"] != 2 {
		t.Errorf("found: %v", hits)
	}
	result, _ := b.apply(b.quarantinePlan("carol@example.test", lure))
	if got := b.labelsOf("carol@example.test", lure); len(result.Failed) != 0 || !strings.Contains(got, "SPAM") {
		t.Errorf("what was in the spam now has %s", got)
	}
	shut := b.reader.SearchMailboxes(t.Context(), QuarantineOptions{MessageIDs: []string{lure}, Now: b.clock.Now()}, closed[:1], 1)
	if shut[0].Err == nil {
		t.Error("a suspended mailbox was searched")
	}
}

// TestTheLabelStaysForOthers undoes one quarantine of two in the same mailbox.
func TestTheLabelStaysForOthers(t *testing.T) {
	const bob = "bob@example.test"
	b := newBench(t, fakegoogle.Config{Messages: 1})
	b.seedLure(bob)
	b.seedMessage(bob, "INBOX", "second@webfree.example")
	p := b.quarantinePlan(bob, lure)
	_, first := b.apply(p)
	b.apply(b.quarantinePlan(bob, "second@webfree.example"))
	unmade, err := first.Undo(t.Context(), p, nil)
	b.must(err)
	if len(unmade) != 2 || unmade[0].Err != nil || unmade[1].Err == nil {
		t.Errorf("undone as %+v", unmade)
	}
	if got := b.labelsOf(bob, "second@webfree.example"); !strings.Contains(got, QuarantineLabel) {
		t.Errorf("the other message now has %s", got)
	}
}

// TestASearchTakesNoMoreThanItAskedFor has a hundred and one messages under one id, and ids that would be read as a search.
func TestASearchTakesNoMoreThanItAskedFor(t *testing.T) {
	const bob = "bob@example.test"
	for _, text := range []string{"", "no at", "a b@c", "a@b OR in:inbox", "x@y(z)", `"a@b"`, "a@b\u202e", strings.Repeat("a", 999) + "@b"} {
		if _, err := MessageID(text); !errors.Is(err, ErrMessageID) {
			t.Errorf("%.40q: %v", text, err)
		}
	}
	if id, err := MessageID(" <A.b+c=d@E.example>\n"); err != nil || id != "A.b+c=d@E.example" {
		t.Errorf("%q, %v", id, err)
	}
	b := newBench(t, fakegoogle.Config{Messages: 1, Quotas: fakegoogle.Quotas{GmailUnits: -1}})
	for range mostQuarantined + 1 {
		b.seedMessage(bob, "INBOX", lure)
	}
	p := b.quarantinePlan(bob, lure, lure)
	if len(p.Steps) != mostQuarantined+1 || len(p.Warnings) != 1 || p.Warnings[0].Kind != "bounded" {
		t.Errorf("%d steps, %+v", len(p.Steps), p.Warnings)
	}
	if none := b.quarantinePlan(bob, "nobody@webfree.example"); len(none.Steps) != 0 {
		t.Errorf("found %+v", none.Steps)
	}
}
