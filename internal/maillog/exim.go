package maillog

import "strings"

// eximHost reads "H=name (helo) [ip]:port" or "name (helo) [ip]:port" and returns what comes behind. Exim takes only
// letters, digits, dots, dashes and a bracketed address as a HELO (helo_allow_chars), so that the address is the first one
// in brackets outside of parentheses.
func eximHost(s string, e *Event) (rest string, ok bool) {
	s = strings.TrimPrefix(s, "H=")
	for depth, i := 0, 0; i < len(s); i++ {
		switch s[i] {
		case '(':
			depth++
		case ')':
			depth--
		case '[':
			if depth > 0 {
				continue
			}
			ip, after, found := strings.Cut(s[i+1:], "]")
			if !found {
				return s, false
			}
			if e.ClientIP, found = address(ip); !found {
				return s, false
			}
			if strings.HasPrefix(after, ":") {
				if _, behind, digits := cutNumber(after[1:], 5); digits {
					e.ClientPort, after = port(after[1:len(after)-len(behind)]), behind
				}
			}
			return after, true
		}
	}
	return s, false
}

// eximAuthFailed reads "plain authenticator failed for H=… [ip]:port: 535 Incorrect authentication data (set_id=NAME)". NAME
// is what the stranger typed: it goes from the first "(set_id=" to the last parenthesis.
func eximAuthFailed(r *record, e *Event) bool {
	method, rest, ok := strings.Cut(r.text, " authenticator failed for ")
	if !ok || strings.ContainsAny(method, " =") {
		return false
	}
	if rest, ok = eximHost(rest, e); !ok {
		return false
	}
	for strings.HasPrefix(rest, " I=[") || strings.HasPrefix(rest, " U=") {
		before, after, ok := strings.Cut(rest[1:], " ")
		if !ok {
			before, after, ok = strings.Cut(rest[1:], ": ")
			after = ": " + after
		} else if strings.HasSuffix(before, ":") {
			before, after = strings.TrimSuffix(before, ":"), ": "+after
		} else {
			after = " " + after
		}
		if !ok {
			return false
		}
		if inner, found := between(before, "I=[", "]"); found {
			e.ServerIP, _ = address(inner)
		}
		rest = after
	}
	rest, ok = strings.CutPrefix(rest, ": ")
	if !ok {
		return false
	}
	e.Method, e.Service, e.Process = method, "smtp", "exim"
	reason, name, ok := strings.Cut(rest, " (set_id=")
	e.Reason = reason
	if ok {
		e.User = strings.TrimSuffix(name, ")")
	}
	return true
}

// eximID says whether s is a message id of Exim: 1tXabc-000abc-AB, since 4.97 1tXabc-00000000abc-AB01.
func eximID(s string) bool {
	if len(s) != 16 && len(s) != 23 {
		return false
	}
	dashes := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '-':
			dashes++
		case !isDigit(c) && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z'):
			return false
		}
	}
	return dashes == 2 && s[6] == '-'
}

// eximArrival reads "ID <= sender H=… P=esmtpsa X=… A=plain:alice S=1234 id=…". The sender, in quotes it may hold anything,
// comes first and is skipped whole; all that a stranger may write behind comes after S=, where reading A= has ended.
func eximArrival(r *record, e *Event) bool {
	id, rest, ok := strings.Cut(r.text, " <= ")
	if !ok || !eximID(id) {
		return false
	}
	sender, rest, ok := cutEximAddress(rest)
	if !ok {
		return false
	}
	e.Kind, e.QueueID, e.Sender, e.Action, e.Service, e.Process = Received, id, sender, "queued", "smtp", "exim"
	if host, ok := strings.CutPrefix(rest, " H="); ok {
		if rest, ok = eximHost(host, e); !ok {
			return false
		}
	}
	for rest != "" {
		token, after, _ := strings.Cut(trimSpaces(rest), " ")
		rest = after
		key, value, ok := strings.Cut(token, "=")
		if !ok {
			continue
		}
		switch key {
		case "X":
			e.TLS = value
		case "U":
			if e.ClientIP == "" {
				e.User = value // of a process on the server itself
			}
		case "I":
			if inner, ok := between(value, "[", "]"); ok {
				e.ServerIP, _ = address(inner)
			}
		case "A":
			method, user, _ := strings.Cut(value, ":")
			user, _, _ = strings.Cut(user, ":") // a third part is the sender given with MAIL FROM AUTH=
			e.Kind, e.Method, e.User = Submission, method, user
		case "S":
			e.Detail = "size=" + value
			if id, ok := strings.CutPrefix(rest, "id="); ok {
				e.MessageID, _, _ = strings.Cut(id, " ")
			} else if _, id, ok := strings.Cut(rest, " id="); ok && !strings.Contains(rest, ` T="`) {
				e.MessageID, _, _ = strings.Cut(id, " ")
			}
			return true
		}
	}
	return true
}

// cutEximAddress takes one address off, with a local part in quotes if it has one.
func cutEximAddress(s string) (addr, rest string, ok bool) {
	i := 0
	if strings.HasPrefix(s, `"`) {
		for i = 1; i < len(s) && s[i] != '"'; i++ {
			if s[i] == '\\' {
				i++
			}
		}
		if i >= len(s) {
			return "", s, false
		}
	}
	end := strings.IndexByte(s[i:], ' ')
	if end < 0 {
		return s, "", s != ""
	}
	return s[:i+end], s[i+end:], true
}

// eximDelivery reads "ID => bob@example.com R=… T=… H=host [ip]" and the same with "->", "==", "**", ">>", "*>".
func eximDelivery(r *record, e *Event) bool {
	if len(r.text) < 21 {
		return false
	}
	id, rest, ok := strings.Cut(r.text, " ")
	if !ok || !eximID(id) || len(rest) < 4 || rest[2] != ' ' {
		return false
	}
	switch rest[:2] {
	case "=>", "->":
		e.Action = "sent"
	case "==":
		e.Action = "deferred"
	case "**":
		e.Action = "bounced"
	default:
		return false
	}
	e.QueueID, e.Service, e.Process = id, "smtp", "exim"
	target, rest, ok := cutEximAddress(rest[3:])
	if !ok {
		return false
	}
	e.Target = target
	if e.Action != "sent" {
		e.Reason = trimSpaces(rest)
	}
	var host Event
	if i := strings.Index(rest, " H="); i >= 0 {
		if _, ok := eximHost(rest[i+3:], &host); ok {
			e.ServerIP = host.ClientIP
		}
	}
	return true
}

// eximRejected reads "H=… [ip]:port F=<…> rejected RCPT <…>: WORDS".
func eximRejected(r *record, e *Event) bool {
	if !strings.HasPrefix(r.text, "H=") {
		return false
	}
	rest, ok := eximHost(r.text, e)
	if !ok {
		return false
	}
	e.Service, e.Process = "smtp", "exim"
	_, reason, ok := strings.Cut(rest, " rejected ")
	if !ok {
		if _, reason, ok = strings.Cut(rest, " sender verify fail for "); !ok {
			return false
		}
		reason = "sender verify fail for " + reason
	}
	e.Action, e.Reason = "refused", reason
	return true
}
