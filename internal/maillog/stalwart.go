package maillog

import (
	"strconv"
	"strings"
)

// stalwartEvent reads "INFO Authentication successful (auth.success) listenerId = "imaps", remoteIp = 192.0.2.1, accountName =
// "alice", …". Values in quotes are escaped by Stalwart and may hold anything; outside of them a comma ends a value.
func stalwartEvent(r *record, e *Event) bool {
	_, rest, _ := strings.Cut(r.text, " ")
	name, fields, ok := strings.Cut(rest, " (")
	if !ok || strings.ContainsAny(name, `"=`) {
		return false
	}
	id, fields, ok := strings.Cut(fields, ")")
	if !ok {
		return false
	}
	switch id {
	case "auth.success":
		e.Kind = SignIn
	case "auth.failed", "auth.error", "auth.too-many-attempts", "auth.missing-totp", "security.authentication-ban", "security.unauthorized":
		e.Kind, e.Reason = Failure, name
	case "imap.connection-end", "pop3.connection-end", "managesieve.connection-end":
		e.Kind = SessionEnd
	case "imap.expunge":
		e.Kind = Expunge
	case "imap.copy", "imap.move":
		e.Kind = Copy
	case "imap.delete-mailbox", "imap.create-mailbox", "imap.rename-mailbox":
		e.Kind, e.Action = Mailbox, strings.TrimSuffix(id[len("imap."):], "-mailbox")+"d"
	case "sieve.action-accept", "sieve.action-discard", "sieve.action-reject", "sieve.send-message":
		e.Kind, e.Action = Sieve, strings.TrimPrefix(strings.TrimPrefix(id, "sieve."), "action-")
	default:
		return false
	}
	e.Process = "stalwart"
	return stalwartFields(fields, e)
}

func stalwartFields(s string, e *Event) bool {
	for s = strings.TrimLeft(s, " ,"); s != ""; s = strings.TrimLeft(s, " ,") {
		key, rest, ok := strings.Cut(s, " = ")
		if !ok || strings.ContainsAny(key, ` "`) {
			return s == "" || e.ClientIP != "" || e.User != ""
		}
		var value string
		if value, s, ok = stalwartValue(rest); !ok {
			return false
		}
		switch key {
		case "remoteIp":
			if e.ClientIP, ok = address(value); !ok {
				return false
			}
		case "remotePort":
			e.ClientPort = port(value)
		case "localIp":
			e.ServerIP, _ = address(value)
		case "accountName", "login":
			e.User = value
		case "listenerId":
			e.Service = value
		case "mailboxName", "mailboxId":
			e.Mailbox = value
		case "uid":
			e.UID = value
		case "messageId":
			e.MessageID = unbracket(value)
		case "to":
			e.Target = value
		case "details", "reason":
			e.Reason = value
		case "tls":
			if value == "true" {
				e.TLS = "TLS"
			}
		}
	}
	return true
}

// stalwartValue takes one value off: in quotes with escapes, in brackets, or bare up to a comma.
func stalwartValue(s string) (value, rest string, ok bool) {
	switch {
	case strings.HasPrefix(s, `"`):
		quoted, err := strconv.QuotedPrefix(s)
		if err != nil {
			return "", "", false
		}
		value, err := strconv.Unquote(quoted)
		return value, s[len(quoted):], err == nil
	case strings.HasPrefix(s, "["):
		inQuotes := false
		for i := 0; i < len(s); i++ {
			switch {
			case inQuotes && s[i] == '\\':
				i++
			case s[i] == '"':
				inQuotes = !inQuotes
			case !inQuotes && s[i] == ']':
				return s[:i+1], s[i+1:], true
			}
		}
		return "", "", false
	}
	value, rest, _ = strings.Cut(s, ",")
	return value, rest, true
}
