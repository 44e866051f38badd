package maillog

import "strings"

func courierService(tag string) string {
	switch {
	case strings.Contains(tag, "imap"):
		return "imap"
	case strings.Contains(tag, "pop3"):
		return "pop3"
	case strings.Contains(tag, "smtp"):
		return "smtp"
	}
	return tag
}

// courierLine reads "VERB, user=NAME, ip=[IP], …". In a failure NAME is what the stranger typed, and only fields of the
// server's come behind; what looks like these twice is not believed.
func courierLine(r *record, verb string, e *Event) bool {
	text := strings.TrimPrefix(r.text, "INFO: ")
	rest, ok := strings.CutPrefix(text, verb+", ")
	if !ok {
		return false
	}
	e.Service, e.Process = courierService(r.tag), r.tag
	if strings.HasSuffix(r.tag, "-ssl") {
		e.TLS = "TLS"
	}
	method, after, ok := strings.Cut(rest, ", ")
	if m, found := strings.CutPrefix(method, "method="); ok && found {
		e.Method, rest = m, after
	}
	rest, ok = strings.CutPrefix(rest, "user=")
	if !ok {
		return false
	}
	if strings.Count(rest, ", ip=[") != 1 {
		e.doubt()
		return strings.Contains(rest, ", ip=[")
	}
	user, fields, _ := strings.Cut(rest, ", ip=[")
	ip, fields, ok := strings.Cut(fields, "]")
	if !ok {
		return false
	}
	if e.ClientIP, ok = address(ip); !ok {
		return false
	}
	e.User, e.Detail = user, strings.TrimPrefix(fields, ", ")
	if number, ok := between(e.Detail, "port=[", "]"); ok {
		e.ClientPort = port(number)
	}
	return true
}

func courierLogin(r *record, e *Event) bool  { return courierLine(r, "LOGIN", e) }
func courierFailed(r *record, e *Event) bool { return courierLine(r, "LOGIN FAILED", e) }

// courierEnd reads "LOGOUT, user=…, ip=[…], headers=1, body=2, rcvd=3, sent=4, time=5", and TIMEOUT and DISCONNECTED.
func courierEnd(r *record, e *Event) bool {
	for _, verb := range [...]string{"LOGOUT", "TIMEOUT", "DISCONNECTED"} {
		if strings.HasPrefix(strings.TrimPrefix(r.text, "INFO: "), verb+", ") {
			if !courierLine(r, verb, e) {
				return false
			}
			if !e.Ambiguous {
				e.Reason = verb
			}
			for counter := range strings.SplitSeq(e.Detail, ", ") {
				key, value, _ := strings.Cut(counter, "=")
				switch key {
				case "rcvd":
					e.BytesIn, e.HasBytes = parseCount(value), true
				case "sent":
					e.BytesOut, e.HasBytes = parseCount(value), true
				}
			}
			return true
		}
	}
	return false
}
