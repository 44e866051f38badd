package fakegoogle

import (
	"fmt"
	"net/http"
	"strings"
)

// An apiError is an answer other than 2xx, in the shape of Google's APIs.
type apiError struct {
	code     int
	reason   string // of the errors list; empty where the API has none
	domain   string // "global" when empty
	message  string
	location string // with its type before a colon, such as parameter:pageToken
	info     string // reason of google.rpc.ErrorInfo; empty is none
	retry    int    // Retry-After in seconds; 0 is none
}

func (e *apiError) Error() string { return fmt.Sprintf("%d %s: %s", e.code, e.reason, e.message) }

func failure(code int, reason, format string, args ...any) *apiError {
	return &apiError{code: code, reason: reason, message: fmt.Sprintf(format, args...)}
}

func invalidArgument(format string, args ...any) *apiError {
	return failure(http.StatusBadRequest, "badRequest", format, args...)
}

func invalidParameter(name, format string, args ...any) *apiError {
	e := failure(http.StatusBadRequest, "invalidParameter", format, args...)
	e.location = "parameter:" + name
	return e
}

func required(name string) *apiError {
	e := failure(http.StatusBadRequest, "required", "Required parameter: %s", name)
	e.location = "parameter:" + name
	return e
}

// invalidInput is what Directory answers to a change that the user's state does not allow.
func invalidInput(what string) *apiError {
	return failure(http.StatusBadRequest, "invalid", "Invalid Input: %s", what)
}

// notFoundKey is Directory's 404.
func notFoundKey(what string) *apiError {
	return failure(http.StatusNotFound, "notFound", "Resource Not Found: %s", what)
}

// notFoundEntity is the 404 of Gmail and the newer APIs.
func notFoundEntity() *apiError {
	return failure(http.StatusNotFound, "notFound", "Requested entity was not found.")
}

// mailNotEnabled is Gmail's answer for a suspended, deleted or unlicensed user.
func mailNotEnabled() *apiError {
	return failure(http.StatusBadRequest, "failedPrecondition", "Mail service not enabled")
}

func forbidden() *apiError {
	return failure(http.StatusForbidden, "forbidden", "Not Authorized to access this resource/api")
}

func unauthenticated() *apiError {
	e := failure(http.StatusUnauthorized, "authError",
		"Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.")
	e.location, e.info = "header:Authorization", "ACCESS_TOKEN_INVALID"
	return e
}

func insufficientScope() *apiError {
	e := failure(http.StatusForbidden, "insufficientPermissions", "Request had insufficient authentication scopes.")
	e.info = "ACCESS_TOKEN_SCOPE_INSUFFICIENT"
	return e
}

func notConfigured(api *apiDiscovery, project string) *apiError {
	e := failure(http.StatusForbidden, "accessNotConfigured",
		"%s has not been used in project %s before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/%s/overview?project=%s then retry.", api.Title, project, api.service(), project)
	e.domain, e.info = "usageLimits", "SERVICE_DISABLED"
	return e
}

// canonical is the name of google.rpc.Code for an HTTP status and reason.
func (e *apiError) canonical() string {
	if e.reason == "failedPrecondition" {
		return "FAILED_PRECONDITION"
	}
	switch e.code {
	case http.StatusBadRequest:
		return "INVALID_ARGUMENT"
	case http.StatusUnauthorized:
		return "UNAUTHENTICATED"
	case http.StatusForbidden:
		return "PERMISSION_DENIED"
	case http.StatusNotFound:
		return "NOT_FOUND"
	case http.StatusConflict:
		return "ALREADY_EXISTS"
	case http.StatusPreconditionFailed:
		return "FAILED_PRECONDITION"
	case http.StatusTooManyRequests:
		return "RESOURCE_EXHAUSTED"
	case http.StatusServiceUnavailable:
		return "UNAVAILABLE"
	case http.StatusInternalServerError:
		return "INTERNAL"
	}
	return "UNKNOWN"
}

// body is the JSON of the answer. The older APIs list their reasons in errors; the newer ones have details alone.
func (e *apiError) body(m *method) object {
	inner := object{"code": e.code, "message": e.message, "status": e.canonical()}
	if m == nil || m.api.listsReasons() {
		domain := e.domain
		if domain == "" {
			domain = "global"
		}
		item := object{"message": e.message, "domain": domain, "reason": e.reason}
		if kind, name, ok := strings.Cut(e.location, ":"); ok {
			item["locationType"], item["location"] = kind, name
		}
		inner["errors"] = []any{item}
	}
	if e.info != "" {
		metadata := object{}
		if m != nil {
			metadata["service"], metadata["method"] = m.api.service(), m.ID
		}
		inner["details"] = []any{object{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": e.info, "domain": "googleapis.com", "metadata": metadata}}
	}
	return object{"error": inner}
}

// listsReasons tells the APIs that still have the list of errors with reasons.
func (api *apiDiscovery) listsReasons() bool {
	switch api.Name {
	case "gmail", "admin", "drive", "calendar", "groupssettings":
		return true
	}
	return false
}
