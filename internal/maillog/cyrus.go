package maillog

import "strings"

// cyrusService is "imap" for the tags cyrus/imaps, imaps and imap.
func cyrusService(tag string) string {
	tag = strings.TrimPrefix(strings.TrimPrefix(tag, "cyrus/"), "cyrus-")
	switch tag {
	case "imaps", "imapd":
		return "imap"
	case "pop3s", "pop3d":
		return "pop3"
	case "timsieved", "sieve":
		return "managesieve"
	case "lmtpunix", "lmtpd":
		return "lmtp"
	case "https", "httpd":
		return "http"
	}
	return tag
}

func cyrusFill(r *record, e *Event) { e.Service, e.Process = cyrusService(r.tag), r.tag }

// cyrusPeer reads "host [ip]", "host[ip]" or "[ip]". The name comes from the DNS.
func cyrusPeer(s string, e *Event) (rest string, ok bool) {
	open := strings.IndexByte(s, '[')
	if open < 0 || strings.IndexByte(strings.TrimSuffix(s[:open], " "), ' ') >= 0 {
		return s, false
	}
	ip, rest, ok := strings.Cut(s[open+1:], "]")
	if !ok {
		return s, false
	}
	e.ClientIP, ok = address(ip)
	return strings.TrimPrefix(rest, " "), ok
}

// cyrusLogin reads "login: host [ip] alice plaintext+TLS User logged in SESSIONID=<…>".
func cyrusLogin(r *record, e *Event) bool {
	rest, ok := strings.CutPrefix(r.text, "login: ")
	if !ok {
		return false
	}
	if rest, ok = cyrusPeer(rest, e); !ok {
		return false
	}
	cyrusFill(r, e)
	i := strings.LastIndex(rest, " User logged in")
	if i < 0 {
		return false
	}
	if session, ok := between(rest[i:], "SESSIONID=<", ">"); ok {
		e.Session = session
	}
	return cyrusUser(rest[:i], e)
}

// cyrusUser reads "alice plaintext+TLS" from the right.
func cyrusUser(s string, e *Event) bool {
	i := strings.LastIndexByte(s, ' ')
	if i <= 0 {
		return false
	}
	e.User = s[:i]
	method, tls, _ := strings.Cut(s[i+1:], "+")
	e.Method, e.TLS = method, tls
	return true
}

// cyrusBadLogin reads "badlogin: host [ip] PLAIN [SASL(-13): …]" and "badlogin: host [ip] plaintext alice SASL(-13): …".
// With LOGIN, the name is what the stranger typed.
func cyrusBadLogin(r *record, e *Event) bool {
	rest, ok := strings.CutPrefix(r.text, "badlogin: ")
	if !ok {
		return false
	}
	if rest, ok = cyrusPeer(rest, e); !ok {
		return false
	}
	cyrusFill(r, e)
	method, rest, _ := strings.Cut(rest, " ")
	e.Method = method
	if inner, ok := strings.CutPrefix(rest, "["); ok {
		e.Reason = strings.TrimSuffix(inner, "]")
		e.User = cyrusSASLUser(e.Reason)
		return true
	}
	// The name ends where the last "SASL(" begins, which is the library's.
	if i := strings.LastIndex(rest, " SASL("); i >= 0 {
		e.User, e.Reason = rest[:i], rest[i+1:]
		if strings.Contains(e.User, "SASL(") {
			e.User, e.Ambiguous = "", true
		}
		return true
	}
	e.User, e.Reason, _ = strings.Cut(rest, " ")
	return true
}

// cyrusSASLUser finds the name in "SASL(-13): authentication failure: Password verification failed" where there is one:
// "SASL(-13): user not found: …: user: alice@example.com property: userPassword not found in sasldb".
func cyrusSASLUser(s string) string {
	user, _ := between(s, "user: ", " property: ")
	return user
}

// cyrusAudit reads "auditlog: expunge sessionid=<…> mailbox=<…> uniqueid=<…> uid=<…> guid=<…>" (imapd.conf: auditlog). The
// mailbox's name may hold anything but comes between fields of the server's.
func cyrusAudit(r *record, e *Event) bool {
	rest, ok := strings.CutPrefix(r.text, "auditlog: ")
	if !ok {
		return false
	}
	verb, fields, ok := strings.Cut(rest, " ")
	if !ok {
		return false
	}
	switch verb {
	case "expunge":
		e.Kind = Expunge
	case "append":
		e.Kind = Save
	case "copy":
		e.Kind = Copy
	case "touched":
		e.Kind = FlagChange
	case "create", "delete", "rename":
		e.Kind, e.Action = Mailbox, verb+"d"
		if verb == "rename" {
			e.Action = "renamed"
		}
	default:
		return false
	}
	cyrusFill(r, e)
	e.Session, _ = between(fields, "sessionid=<", ">")
	if strings.Count(fields, " uid=<") > 1 || strings.Count(fields, " mailbox=<") > 1 || strings.Count(fields, " uniqueid=<") > 1 {
		e.Ambiguous = true
		e.Reason = "the mailbox's name looks like the server's words: mailbox and UID are not told from it"
		return true
	}
	if _, box, ok := strings.Cut(fields, " mailbox=<"); ok {
		if i := strings.Index(box, "> uniqueid=<"); i >= 0 {
			e.Mailbox = box[:i]
		} else {
			e.Mailbox, _, _ = strings.Cut(box, ">")
		}
	}
	e.UID, _ = between(fields, " uid=<", ">")
	e.User = cyrusOwner(e.Mailbox)
	return true
}

// cyrusOwner is the account of "user.alice.Sent", "example.com!user.alice" or "user/alice@example.com/Sent".
func cyrusOwner(mailbox string) string {
	domain, rest, ok := strings.Cut(mailbox, "!")
	if !ok {
		domain, rest = "", mailbox
	}
	name, ok := strings.CutPrefix(rest, "user.")
	separator := "."
	if !ok {
		if name, ok = strings.CutPrefix(rest, "user/"); !ok {
			return ""
		}
		separator = "/"
	}
	name, _, _ = strings.Cut(name, separator)
	name = strings.ReplaceAll(name, "^", ".")
	if domain != "" {
		name += "@" + domain
	}
	return name
}

// cyrusDelivered reads "Delivered: <id> to mailbox: user.alice".
func cyrusDelivered(r *record, e *Event) bool {
	rest, ok := strings.CutPrefix(r.text, "Delivered: ")
	if !ok {
		return false
	}
	i := strings.LastIndex(rest, " to mailbox: ")
	if i < 0 {
		return false
	}
	cyrusFill(r, e)
	e.MessageID, e.Mailbox = unbracket(rest[:i]), rest[i+len(" to mailbox: "):]
	if strings.Contains(e.MessageID, " to mailbox: ") {
		e.Ambiguous, e.MessageID, e.Mailbox = true, "", ""
	}
	e.User = cyrusOwner(e.Mailbox)
	return true
}

// cyrusSieve reads "sieve redirected: <id> to: bob@example.org" and "sieve discarded: …", which lmtpd logs.
func cyrusSieve(r *record, e *Event) bool {
	rest, ok := strings.CutPrefix(r.text, "sieve ")
	if !ok {
		return false
	}
	verb, rest, ok := strings.Cut(rest, ": ")
	if !ok {
		return false
	}
	switch verb {
	case "redirected", "discarded", "rejected":
	default:
		return false
	}
	cyrusFill(r, e)
	e.Action = verb
	if i := strings.LastIndex(rest, " to: "); i >= 0 {
		rest, e.Target = rest[:i], rest[i+len(" to: "):]
		if strings.Contains(rest, " to: ") {
			e.doubt()
			return true
		}
	}
	e.MessageID = unbracket(rest)
	return true
}
