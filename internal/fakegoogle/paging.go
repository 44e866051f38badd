package fakegoogle

import (
	"encoding/base64"
	"encoding/json"
	"hash/fnv"
	"net/url"
	"strconv"
)

// A pageToken is what a page token says: which page of which question, and where it begins.
type pageToken struct {
	Page   int    `json:"p"`
	From   int    `json:"f"`           // offset, where the list has one
	After  string `json:"a,omitempty"` // the last thing of the page before, where it grows
	Digest uint32 `json:"d"`           // of the question; a token of another one is refused
}

func (p pageToken) String() string {
	b, err := json.Marshal(p)
	if err != nil {
		panic("fakegoogle: " + err.Error())
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func parsePageToken(s string) (pageToken, bool) {
	p := pageToken{Page: 1}
	if s == "" {
		return p, true
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return p, false
	}
	ok := json.Unmarshal(b, &p) == nil && p.Page > 0 && p.From >= 0
	return p, ok
}

// pageNumber is the number of the page that a token asks for; a token that is none asks for the first.
func pageNumber(token string) int {
	p, ok := parsePageToken(token)
	if !ok {
		return 1
	}
	return p.Page
}

// question is a digest of what a request asks, whatever the page and its size.
func (c *call) question() uint32 {
	rest := url.Values{}
	for name, values := range c.query {
		switch name {
		case "pageToken", "maxResults", "pageSize", "alt", "prettyPrint", "fields", "quotaUser", "key":
		default:
			rest[name] = values
		}
	}
	h := fnv.New32a()
	h.Write([]byte(c.method.ID + " " + c.request.URL.EscapedPath() + "?" + rest.Encode()))
	return h.Sum32()
}

// asked reads the request's page token.
func (c *call) asked() (pageToken, *apiError) {
	p, ok := parsePageToken(c.arg("pageToken"))
	if !ok || c.arg("pageToken") != "" && p.Digest != c.question() {
		return p, invalidParameter("pageToken", "Invalid pageToken")
	}
	p.Digest = c.question()
	return p, nil
}

// size is how many things the caller wants on a page, at most the API's limit.
func (c *call) size(usual, limit int) int {
	if most := c.tenant.config.Page(c.method.ID); most > 0 {
		limit = min(limit, most)
	}
	for _, name := range []string{"maxResults", "pageSize"} {
		if n, err := strconv.Atoi(c.arg(name)); err == nil && n > 0 {
			return min(n, limit)
		}
	}
	return min(usual, limit)
}

// pageOf cuts the page that is asked for out of a list, and returns the token of the next, or "".
func pageOf[T any](c *call, items []T, usual, limit int) ([]T, string, *apiError) {
	p, err := c.asked()
	if err != nil {
		return nil, "", err
	}
	c.total = len(items)
	from := min(p.From, len(items))
	to := min(from+c.size(usual, limit), len(items))
	if to == len(items) {
		return items[from:to], "", nil
	}
	next := pageToken{Page: p.Page + 1, From: to, Digest: p.Digest}
	return items[from:to], next.String(), nil
}

// paged answers with a page of a list under a name.
func (c *call) paged(answer object, name string, items []object, usual, limit int) (object, *apiError) {
	page, next, err := pageOf(c, items, usual, limit)
	if err != nil {
		return nil, err
	}
	if next != "" {
		answer["nextPageToken"] = next
	}
	return list(answer, name, page), nil
}
