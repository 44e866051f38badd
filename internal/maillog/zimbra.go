package maillog

import "strings"

// zimbraAuth reads of audit.log "LEVEL  [thread] [name=…;ip=…;oip=…;…] security - cmd=Auth; account=NAME; protocol=imap;
// error=authentication failed for [NAME], invalid password;". Of the context, oip is the client's own address where ip is
// the proxy's. The user agent in it is a stranger's; Zimbra writes it behind the addresses.
func zimbraAuth(r *record, e *Event) bool {
	context, words, ok := zimbraParts(r.text)
	if !ok {
		e.Kind, e.Process = Unparsed, "mailboxd"
		e.doubt()
		return strings.Contains(r.text, "] security - ")
	}
	rest, ok := strings.CutPrefix(words, "security - cmd=")
	if !ok {
		return false
	}
	command, rest, _ := strings.Cut(rest, "; ")
	zimbraContext(context, e)
	e.Kind = SignIn
	switch command {
	case "Auth", "AdminAuth", "PreAuth":
	default:
		e.Kind, e.Action = Command, command
	}
	if error, ok := strings.CutPrefix(rest, "error="); ok { // no account at all
		rest, e.Reason, e.Kind = "", strings.TrimSuffix(error, ";"), Failure
	}
	// error= is last and repeats the name. The name is in front of the protocol.
	fields, reason, failed := strings.Cut(rest, "; error=")
	if failed {
		e.Kind, e.Reason = Failure, strings.TrimSuffix(reason, ";")
	}
	if account, ok := strings.CutPrefix(fields, "account="); ok {
		if strings.Count(account, "; protocol=") > 1 || strings.Count(rest, "; error=") > 1 {
			e.doubt()
			return true
		}
		name, protocol, _ := strings.Cut(account, "; protocol=")
		protocol, _, _ = strings.Cut(protocol, ";")
		e.User, e.Service = strings.TrimSuffix(name, ";"), protocol
	}
	if command == "AdminAuth" {
		e.Detail = "admin"
	}
	return true
}

// zimbraParts parts "INFO  [thread] [context] category - words". It gives up where the category could begin at two places.
func zimbraParts(s string) (context, words string, ok bool) {
	_, s, _ = strings.Cut(s, " ")
	_, s, ok = strings.Cut(trimSpaces(s), "] [")
	if !ok {
		return "", "", false
	}
	// The user agent in the context may hold brackets and what looks like a category.
	where := -1
	for from := 0; ; {
		i := strings.Index(s[from:], "] ")
		if i < 0 {
			break
		}
		i += from
		from = i + 1
		if !startsCategory(s[i+2:]) {
			continue
		}
		if where >= 0 {
			return "", "", false
		}
		where = i
	}
	if where < 0 {
		return "", "", false
	}
	return s[:where], s[where+2:], true
}

// startsCategory says whether s begins with one word and " - ".
func startsCategory(s string) bool {
	word, _, ok := strings.Cut(s[:min(len(s), 40)], " - ")
	return ok && word != "" && !strings.ContainsAny(word, " ]")
}

// zimbraContext reads "name=alice@example.com;aname=…;mid=12;ip=…;oip=…;port=…;via=…;ua=…;cid=…;".
func zimbraContext(s string, e *Event) {
	s, agent, _ := strings.Cut(s, ";ua=")
	if strings.HasPrefix(s, "ua=") {
		s, agent = "", s[len("ua="):]
	}
	for field := range strings.SplitSeq(s, ";") {
		key, value, _ := strings.Cut(field, "=")
		switch key {
		case "name":
			e.User = value
		case "ip":
			if e.ClientIP == "" {
				e.ClientIP, _ = address(value)
			}
		case "oip":
			first, _, _ := strings.Cut(value, ", ")
			if ip, ok := address(first); ok {
				e.ClientIP = ip
			}
		}
	}
	e.Process = "mailboxd"
	if agent, _, _ = strings.Cut(agent, ";"); agent != "" {
		e.Detail = "ua=" + agent
	}
}

// zimbraMailbox reads of mailbox.log "imap - user alice@example.com authenticated, mechanism=PLAIN [TLS]", "imap -
// authentication failed for [NAME] (WHY)" and "SoapEngine - handler exception: authentication failed for [NAME], WHY".
func zimbraMailbox(r *record, e *Event) bool {
	context, words, ok := zimbraParts(r.text)
	if !ok {
		return false
	}
	service, words, _ := strings.Cut(words, " - ")
	switch service {
	case "imap", "pop":
	case "SoapEngine":
		service = "soap"
	default:
		return false
	}
	zimbraContext(context, e)
	e.Service = service
	if service == "pop" {
		e.Service = "pop3"
	}
	if rest, ok := strings.CutPrefix(words, "user "); ok {
		user, rest, ok := strings.Cut(rest, " authenticated, mechanism=")
		if !ok {
			return false
		}
		mech, tls, _ := strings.Cut(rest, " ")
		e.Kind, e.User, e.Method, e.TLS = SignIn, user, mech, strings.Trim(tls, "[]")
		return true
	}
	i := strings.Index(words, "authentication failed for [")
	if i < 0 {
		return false
	}
	rest := words[i+len("authentication failed for ["):]
	end := strings.LastIndex(rest, "]")
	if end < 0 {
		return false
	}
	e.Kind, e.User, e.Reason = Failure, rest[:end], strings.Trim(rest[end+1:], " ,()")
	return true
}
