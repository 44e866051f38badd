package fakegoogle

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"slices"
	"testing"
	"time"

	"google.golang.org/api/gmail/v1"
)

func TestHistory(t *testing.T) {
	b := newBench(t, Config{Quotas: Quotas{GmailUnits: -1}})
	users := b.gmail(Victim, gmail.GmailModifyScope)
	_, err := users.History.List("me").StartHistoryId(1).Do()
	wantError(t, err, http.StatusNotFound, "notFound")
	_, err = users.History.List("me").Do()
	wantError(t, err, http.StatusBadRequest, "required")
	var oldest uint64
	for _, id := range b.state(Victim).Messages {
		m := must[*gmail.Message](t)(users.Messages.Get("me", id).Format("minimal").Do())
		if b.clock.Now().Sub(time.UnixMilli(m.InternalDate)) < 6*24*time.Hour {
			oldest = m.HistoryId
			break
		}
	}
	deleted, trashed := 0, 0
	b.must(users.History.List("me").StartHistoryId(oldest).MaxResults(10).Pages(t.Context(), func(page *gmail.ListHistoryResponse) error {
		for _, h := range page.History {
			deleted += len(h.MessagesDeleted)
			for _, l := range h.LabelsAdded {
				if slices.Contains(l.LabelIds, "TRASH") {
					trashed++
				}
			}
		}
		return nil
	}))
	if deleted != 1 || trashed == 0 {
		t.Errorf("the history has %d deleted messages and %d moved to the trash", deleted, trashed)
	}
	now := must[*gmail.Profile](t)(users.GetProfile("me").Do()).HistoryId
	id := b.state(Victim).Messages[0]
	must[*gmail.Message](t)(users.Messages.Modify("me", id, &gmail.ModifyMessageRequest{AddLabelIds: []string{"STARRED"}}).Do())
	h := must[*gmail.ListHistoryResponse](t)(users.History.List("me").StartHistoryId(now).Do())
	if len(h.History) != 1 || len(h.History[0].LabelsAdded) != 1 || h.History[0].Messages[0].Id != id {
		t.Errorf("starring a message left %v", h.History)
	}
	b.clock.Advance(8 * 24 * time.Hour)
	_, err = b.gmail(Victim, gmail.GmailModifyScope).History.List("me").StartHistoryId(now - 7).Do()
	wantError(t, err, http.StatusNotFound, "notFound")
}

func TestMessagesAreTheBytesOfTheStory(t *testing.T) {
	b := newBench(t, Config{Quotas: Quotas{GmailUnits: -1}})
	for _, user := range []string{Victim, "carol@example.test"} {
		users := b.gmail(user, gmail.GmailReadonlyScope)
		var ids []string
		b.must(users.Messages.List("me").IncludeSpamTrash(true).MaxResults(7).Pages(t.Context(), func(page *gmail.ListMessagesResponse) error {
			for _, m := range page.Messages {
				ids = append(ids, m.Id)
			}
			return nil
		}))
		slices.Reverse(ids)
		if !slices.Equal(ids, b.state(user).Messages) {
			t.Errorf("%s: %d messages listed, %d there", user, len(ids), len(b.state(user).Messages))
		}
		for _, id := range ids {
			raw, err := base64.URLEncoding.DecodeString(must[*gmail.Message](t)(users.Messages.Get("me", id).Format("raw").Do()).Raw)
			b.must(err)
			if !bytes.Equal(raw, b.Raw(user, id)) {
				t.Errorf("%s: message %s has other bytes", user, id)
			}
			full := func() string {
				encoded, err := must[*gmail.Message](t)(users.Messages.Get("me", id).Do()).MarshalJSON()
				b.must(err)
				return string(encoded)
			}
			if first := full(); full() != first {
				t.Errorf("%s: message %s is not the same twice", user, id)
			}
		}
	}
	found := must[*gmail.ListMessagesResponse](t)(b.gmail(Victim, gmail.GmailReadonlyScope).Messages.List("me").Q("from:garnier after:2026/10/13 -subject:zzz").Do())
	if len(found.Messages) != 2 {
		t.Errorf("the search found %d messages", len(found.Messages))
	}
	metadata := b.gmail(Victim, gmail.GmailMetadataScope)
	_, err := metadata.Messages.List("me").Q("facture").Do()
	wantError(t, err, http.StatusForbidden, "forbidden")
	_, err = metadata.Messages.Get("me", found.Messages[0].Id).Format("raw").Do()
	wantError(t, err, http.StatusForbidden, "forbidden")
	m := must[*gmail.Message](t)(metadata.Messages.Get("me", found.Messages[0].Id).Format("metadata").MetadataHeaders("From").Do())
	if len(m.Payload.Headers) != 1 || m.Payload.Body != nil {
		t.Errorf("the metadata are %+v", m.Payload)
	}
}
