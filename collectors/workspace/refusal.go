package workspace

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
)

// Why an answer was not had. Errors of this package wrap one of them.
var (
	ErrDelegation    = errors.New("not delegated")        // the token endpoint: this scope is not delegated to the service account
	ErrKeyRefused    = errors.New("key refused")          // the token endpoint: the key or its service account is not known
	ErrClock         = errors.New("clock refused")        // the token endpoint: our clock and Google's are too far apart
	ErrCredentials   = errors.New("credentials refused")  // who is to sign for the service account is not let in
	ErrSigning       = errors.New("may not sign")         // for the service account: who was let in lacks the right
	ErrSigningOff    = errors.New("signing API disabled") // in the project of who signs
	ErrConsent       = errors.New("no consent")           // the user did not give it, or took it back
	ErrWrongUser     = errors.New("another user's consent")
	ErrUnticked      = errors.New("not consented") // the user consented to other things
	ErrWithheld      = errors.New("not offered with a user's own consent")
	ErrSubject       = errors.New("no such user")          // the token endpoint or the Directory
	ErrScope         = errors.New("insufficient scope")    // the API
	ErrAPIDisabled   = errors.New("API disabled")          // in the service account's project
	ErrNotAuthorised = errors.New("not authorised")        // the administrator lacks the right, or the domain's policy forbids it
	ErrNotLicensed   = errors.New("not licensed")          // Google says that the user does not have the service at all
	ErrServiceOff    = errors.New("service off")           // the domain has switched the service off for the user
	ErrNoMailbox     = errors.New("mailbox not available") // Gmail is not enabled for the user, or he is suspended
	ErrGone          = errors.New("not there any more")    // it was listed before
	ErrRefused       = errors.New("refused")               // any other no
	ErrUnavailable   = errors.New("not available")         // busy, over its quota or broken, however often it was asked
	ErrLost          = errors.New("connection lost")
	ErrDamaged       = errors.New("damaged answer") // cut off, or not what was asked for
	ErrLoop          = errors.New("the pages go in a circle")
	ErrNotLetIn      = errors.New("no access at all")
	ErrAccount       = errors.New("the account is no e-mail address")
	ErrNoAdmin       = errors.New("no administrator is named")
)

// A failure is one request that did not bring what it should.
type failure struct {
	kind    error
	text    string        // what the server said, or what broke
	status  int           // of the answer; 0 where there was none
	again   bool          // a later try may bring it
	expired bool          // the access token is not valid any more
	after   time.Duration // that the server wants to be left alone for
	tries   int
	answer  *answer // that says no; nil where there was none
}

func (f *failure) Error() string {
	text := f.text
	if f.tries > 1 {
		text += fmt.Sprintf(" (asked %d times)", f.tries)
	}
	return text
}

func (f *failure) Unwrap() error { return f.kind }

// class is the class of the gap that a failure leaves.
func class(err error) evidence.GapClass {
	for _, kind := range []error{ErrUnavailable, ErrLost, ErrDamaged, ErrLoop} {
		if errors.Is(err, kind) {
			return evidence.GapFailed
		}
	}
	if errors.Is(err, ErrGone) {
		return evidence.GapVanished
	}
	return evidence.GapRefused
}

// An apiError is the body of a refusal, in the shapes of Google's older and newer APIs.
type apiError struct {
	Error struct {
		Message string `json:"message"`
		Status  string `json:"status"`
		Errors  []struct {
			Reason string `json:"reason"`
		} `json:"errors"`
		Details []struct {
			Reason string `json:"reason"`
		} `json:"details"`
	} `json:"error"`
}

// refusal reads an answer that is not 200.
func refusal(status int, header http.Header, body []byte) *failure {
	var said apiError
	_ = json.Unmarshal(body, &said) // what is not JSON says nothing: a proxy's page, say
	reasons := []string{said.Error.Status}
	for _, e := range said.Error.Errors {
		reasons = append(reasons, e.Reason)
	}
	for _, d := range said.Error.Details {
		reasons = append(reasons, d.Reason)
	}
	f := &failure{after: retryAfter(header), status: status}
	f.kind, f.again = kindOf(status, reasons, said.Error.Message)
	f.expired = status == http.StatusUnauthorized
	if f.expired && strings.Contains(said.Error.Message, "not authorized to read activity records") {
		f.kind, f.expired = ErrNotAuthorised, false // so the Reports API says that an administrator lacks the right
	}
	f.text = words(status, f.kind, said.Error.Message)
	return f
}

// kindOf tells refusals apart. Quotas are refused with 403 too, and only the reason tells.
func kindOf(status int, reasons []string, message string) (kind error, again bool) {
	is := func(names ...string) bool {
		return slices.ContainsFunc(reasons, func(r string) bool { return slices.Contains(names, r) })
	}
	switch {
	case status == http.StatusTooManyRequests, status >= 500 && status != http.StatusNotImplemented,
		is("rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "RATE_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED", "backendError"):
		return ErrUnavailable, true
	case is("dailyLimitExceeded"):
		return ErrUnavailable, false
	case is("insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"):
		return ErrScope, false
	case is("accessNotConfigured", "SERVICE_DISABLED"):
		return ErrAPIDisabled, false
	case is("notACalendarUser"):
		return ErrNotLicensed, false
	case is("domainPolicy"):
		return ErrServiceOff, false
	case is("failedPrecondition", "FAILED_PRECONDITION") && status == http.StatusBadRequest:
		return ErrNoMailbox, false
	case (status == http.StatusForbidden || status == http.StatusBadRequest) && licenceWords().MatchString(message):
		return ErrNotLicensed, false
	case status == http.StatusNotFound && is("notFound", "NOT_FOUND"):
		return ErrSubject, false
	case status == http.StatusForbidden:
		return ErrNotAuthorised, false
	}
	return ErrRefused, false
}

// licenceWords are in what Google says of what the tenant does not pay for. It has no reason of its own for that.
func licenceWords() *regexp.Regexp {
	return regexp.MustCompile(`(?i)\b(licen[cs]\w*|editions?|subscriptions?)\b`)
}

// tokenRefusal reads a refusal of the token endpoint (RFC 6749, section 5.2).
func tokenRefusal(status int, header http.Header, body []byte) *failure {
	var said struct {
		Code        string `json:"error"`
		Description string `json:"error_description"`
	}
	_ = json.Unmarshal(body, &said)
	f := &failure{kind: ErrRefused, after: retryAfter(header)}
	switch {
	case status == http.StatusTooManyRequests || status >= 500:
		f.kind, f.again = ErrUnavailable, true
	case said.Code == "unauthorized_client", said.Code == "access_denied", said.Code == "invalid_scope":
		f.kind = ErrDelegation
	case said.Code == "invalid_grant" && strings.Contains(said.Description, "Invalid email"):
		f.kind = ErrSubject
	case said.Code == "invalid_grant" && strings.Contains(said.Description, "reasonable timeframe"):
		f.kind = ErrClock
	case said.Code == "invalid_grant", said.Code == "invalid_client", said.Code == "disabled_client":
		f.kind = ErrKeyRefused
	}
	f.text = "asking for an access token: " + words(status, f.kind, strings.TrimSpace(said.Code+" "+said.Description))
	return f
}

// longestWords is how much of a server's own words is repeated.
const longestWords = 400

// words is what a refusal reads like: its status, its kind, and what the server says.
func words(status int, kind error, message string) string {
	text := strconv.Itoa(status) + " " + kind.Error()
	if message = cut(message, longestWords); message != "" {
		text += ": " + message
	}
	return text
}

// cut makes a server's text valid UTF-8 of at most so many bytes.
func cut(text string, limit int) string {
	if len(text) > limit {
		text = text[:limit] + "…"
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// retryAfter reads Retry-After (RFC 9110, section 10.2.3), in seconds or as a date.
func retryAfter(header http.Header) time.Duration {
	value := header.Get("Retry-After")
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil && seconds > 0 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		if from, err := http.ParseTime(header.Get("Date")); err == nil {
			return max(at.Sub(from), 0)
		}
	}
	return 0
}

// hint says what to do about a failure to read a source; "" where there is nothing.
func (c *Collector) hint(err error, s source, account string) string {
	switch {
	case errors.Is(err, ErrGone) && s.api != gmail:
		return "it went between the list and the question: the logs of Reports may say who removed it"
	case s.vanishes && errors.Is(err, ErrNotAuthorised) && s.api != gmail && s.api.facts().asUser:
		return "Google does not show it to the user himself: collect its owner's account too"
	case errors.Is(err, ErrServiceOff):
		return fmt.Sprintf("the service behind the %s is off for the user: an administrator can switch it on for his organisational unit, which changes the source; else the gap stays", s.api.facts().console)
	case errors.Is(err, ErrUnticked), errors.Is(err, ErrScope) && c.consent() != nil:
		return fmt.Sprintf("collect again, and have %s tick %s on Google's page", account, s.scope)
	case errors.Is(err, ErrDelegation), errors.Is(err, ErrScope):
		return fmt.Sprintf("add %s to the domain-wide delegation of client %s (docs/WORKSPACE.md), then collect again", s.scope, c.access.client())
	case errors.Is(err, ErrAPIDisabled):
		return fmt.Sprintf("enable the %s in project %s, wait some minutes, then collect again", s.api.facts().console, c.access.project())
	case errors.Is(err, ErrNotAuthorised) && !s.api.facts().asUser && s.needs != "":
		return fmt.Sprintf("%s lacks the right, which is %s: name a super administrator with --google-admin, then collect again; where he is one, the edition does not have it",
			c.cfg.Admin, s.needs)
	case errors.Is(err, ErrClock):
		return "set the clock of this machine, then collect again"
	case errors.Is(err, ErrSigning), errors.Is(err, ErrSigningOff), errors.Is(err, ErrCredentials), errors.Is(err, ErrConsent):
		return c.accessHint(err)
	case errors.Is(err, ErrNotAuthorised) && !s.api.facts().asUser:
		return fmt.Sprintf("%s lacks the right: name a super administrator with --google-admin, then collect again", c.cfg.Admin)
	case errors.Is(err, ErrNotAuthorised):
		return "the domain's policy keeps the service account from this mailbox: see API controls in the admin console"
	case errors.Is(err, ErrNoMailbox):
		return "Google opens no mailbox of a user who is suspended, deleted or has no Gmail licence: see the exhibit " + userResource
	case errors.Is(err, ErrSubject):
		return "check the addresses " + account + " and " + c.cfg.Admin + ": a primary address is wanted"
	case errors.Is(err, ErrKeyRefused):
		return c.accessHint(err)
	case errors.Is(err, ErrNoAdmin):
		return "name an administrator with --google-admin, then collect again"
	}
	return ""
}

// accessHint says what to do where key, credentials or consent are refused.
func (c *Collector) accessHint(err error) string {
	switch {
	case errors.Is(err, ErrSigning):
		return fmt.Sprintf("give who signs the role Service Account Token Creator (roles/iam.serviceAccountTokenCreator) on %s, in the Google Cloud console "+
			"under IAM, Service Accounts; with workload identity the account needs it on itself", c.access.client())
	case errors.Is(err, ErrSigningOff):
		return "enable the IAM Service Account Credentials API in the project of who signs: https://console.cloud.google.com/apis/library/" + iamCredentials
	case errors.Is(err, ErrCredentials):
		return "log in with: gcloud auth application-default login   or see whether the token that the credentials file names is fresh, and the workload identity pool takes it"
	case errors.Is(err, ErrConsent):
		return "have the user consent again: run the command again, without --google-token-cache where that is an old one"
	}
	if off := c.Clock().OffsetMS; off != nil && (time.Duration(*off)*time.Millisecond).Abs() < clockLimit {
		return "this is no key of the service account, or not any more: make another one in the Google Cloud console (IAM, Service Accounts, Keys), and give it with --google-key"
	}
	return "check the clock of this machine, and whether the key and its service account still exist; a new key is given with --google-key"
}

// hints remembers which things to do were said, so that each is said once.
type hints struct {
	mu    sync.Mutex
	given map[string]bool
}

func (h *hints) give(hint string, say func(string)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.given[hint] {
		return
	}
	if h.given == nil {
		h.given = map[string]bool{}
	}
	h.given[hint] = true
	say(hint)
}
