package workspace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"
)

const (
	profileResource = "gmail/profile"
	historyResource = "gmail/history"
)

func profileSource() source {
	return source{resource: profileResource, api: gmail, path: "gmail/v1/users/{user}/profile", scope: scopeGmail}
}

// historySource asks what happened after a history id: all kinds of records, because none is named.
func historySource(start uint64, most int) source {
	return source{resource: historyResource, api: gmail, path: "gmail/v1/users/{user}/history", scope: scopeGmail, list: "history", units: 2, vanishes: true,
		query: url.Values{"startHistoryId": {strconv.FormatUint(start, 10)}, "maxResults": {strconv.Itoa(most)}}}
}

// history reads what was added, deleted and relabelled, from the oldest history id that Gmail still answers.
func (r *run) history(ctx context.Context) error {
	if r.sink.Has(r.scope.Account, historyResource, "") {
		return nil
	}
	newest, err := r.newestHistory(ctx)
	if err != nil {
		return err
	}
	if newest == 0 {
		return r.unread(historyResource, profileResource)
	}
	reach, err := r.findHistory(ctx, newest)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	whole := historySource(reach.start, 500)
	if err != nil {
		return r.failed(whole, 1, r.asks(whole, ""), err)
	}
	whole.note = reach.String()
	return r.read(ctx, whole)
}

// newestHistory is the history id of the profile; 0 where it is not known. An earlier run, or the emergency bundle, may have it, and
// then it is asked for again.
func (r *run) newestHistory(ctx context.Context) (uint64, error) {
	elsewhere := r.part == Rest || r.sink.Has(r.scope.Account, profileResource, "")
	if id := r.mail.historyID(); id != 0 || !elsewhere {
		return id, nil
	}
	a, err := r.ask(ctx, profileSource(), "")
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	if err == nil {
		r.notice(profileSource(), a)
	} else {
		r.mail.failed(profileResource, err)
	}
	return r.mail.historyID(), nil
}

// A historyReach is how far back the history was found to go.
type historyReach struct {
	start  uint64 // the oldest id that is answered
	gone   uint64 // an older one that is not; 0 where there is none
	newest uint64 // of the profile
	probes int
}

// String is what the ledger says of it.
func (h historyReach) String() string {
	if h.gone == 0 {
		return fmt.Sprintf("from history id %d on, as far back as ids go; the newest was %d", h.start, h.newest)
	}
	return fmt.Sprintf("from history id %d on, the oldest that Gmail answers: %d is gone (404, %d ids tried); the newest was %d", h.start, h.gone, h.probes, h.newest)
}

// findHistory looks for the oldest id that Gmail still answers. Ids have gaps, and Google's page says that one that was
// never given out may be refused like one that is too old. So ids of messages are tried first, which are good ones, and
// then the numbers between the last that is gone and the first that is there.
func (r *run) findHistory(ctx context.Context, newest uint64) (historyReach, error) {
	h := historyReach{start: newest, newest: newest}
	try := func(id uint64) (bool, error) {
		h.probes++
		_, err := r.ask(ctx, historySource(id, 1), "")
		if errors.Is(err, ErrRefused) { // said in other words than Google's 404: it must say so twice
			_, err = r.ask(ctx, historySource(id, 1), "")
		}
		if errors.Is(err, ErrGone) || errors.Is(err, ErrRefused) {
			return false, nil
		}
		return err == nil, err
	}
	ids, err := r.sampledHistory(ctx)
	if err != nil {
		return h, err
	}
	ids = append(ids, 1)
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		if id >= newest {
			break
		}
		there, err := try(id)
		if err != nil {
			return h, err
		}
		if there {
			h.start = id
			break
		}
		h.gone = id
	}
	for h.gone != 0 && h.start-h.gone > 1 {
		middle := h.gone + (h.start-h.gone)/2
		there, err := try(middle)
		if err != nil {
			return h, err
		}
		if there {
			h.start = middle
		} else {
			h.gone = middle
		}
	}
	return h, nil
}

// sampledHistory gives the history ids of some messages, each the newest that is older than some days: nothing of them is
// kept, nor asked for but that id. What cannot be had is left out.
func (r *run) sampledHistory(ctx context.Context) ([]uint64, error) {
	var ids []uint64
	for _, days := range []int{1, 3, 7, 10, 14, 30, 60} {
		before := r.c.cfg.Now().AddDate(0, 0, -days).Unix()
		list := listSource("messages", url.Values{"q": {fmt.Sprintf("before:%d", before)}, "maxResults": {"1"}})
		a, err := r.ask(ctx, list, "")
		if err != nil || len(a.items) == 0 {
			return ids, ctx.Err()
		}
		var one struct{ ID string }
		if json.Unmarshal(a.items[0], &one) != nil || !plainID(one.ID) {
			return ids, nil
		}
		message := source{resource: messagesResource, api: gmail, path: "gmail/v1/users/{user}/messages/" + one.ID, scope: scopeGmail, units: 20, vanishes: true,
			query: url.Values{"format": {"minimal"}, "fields": {"historyId"}}}
		if a, err = r.ask(ctx, message, ""); err != nil {
			return ids, ctx.Err()
		}
		if id := historyIDOf(a.json); id != 0 {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// historyIDOf reads the history id of a profile or message; 0 where there is none.
func historyIDOf(data []byte) uint64 {
	var said struct {
		ID string `json:"historyId"`
	}
	if json.Unmarshal(data, &said) != nil {
		return 0
	}
	id, err := strconv.ParseUint(said.ID, 10, 64)
	if err != nil {
		return 0
	}
	return id
}

// searchWindow is Gmail's search for what a scope bounds by days, one more day on each side; "" where it has no bounds.
// Numbers after after: and before: are seconds since 1970, which no time zone changes.
func searchWindow(since, until time.Time) string {
	q := ""
	if !since.IsZero() {
		q = fmt.Sprintf("after:%d", since.AddDate(0, 0, -1).Unix())
	}
	if !until.IsZero() {
		if q != "" {
			q += " "
		}
		q += fmt.Sprintf("before:%d", until.AddDate(0, 0, 2).Unix())
	}
	return q
}
