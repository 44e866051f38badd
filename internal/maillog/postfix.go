package maillog

import "strings"

// postfixService is "submission" for the tags postfix/submission/smtpd and postfix-submission/smtpd, else "smtp".
func postfixService(tag string) string {
	for _, name := range [...]string{"submissions", "submission", "smtps"} {
		if strings.Contains(tag, "/"+name+"/") || strings.HasPrefix(tag, "postfix-"+name) {
			return name
		}
	}
	return "smtp"
}

// postfixFill names the daemon.
func postfixFill(r *record, e *Event) {
	e.Service, e.Process = postfixService(r.tag), r.tag
}

func postfixIsSMTPD(r *record) bool { return strings.HasSuffix(r.tag, "/smtpd") }

// postfixPeer reads "host[address]" or "host[address]:port" and returns what comes behind.
func postfixPeer(s string, e *Event) (rest string, ok bool) {
	open := strings.IndexByte(s, '[')
	if open < 0 || strings.IndexByte(s[:open], ' ') >= 0 {
		return s, false
	}
	ip, rest, ok := strings.Cut(s[open+1:], "]")
	if !ok {
		return s, false
	}
	if e.ClientIP, ok = address(strings.TrimPrefix(ip, "IPv6:")); !ok {
		return s, ip == "unknown"
	}
	if strings.HasPrefix(rest, ":") { // smtpd_client_port_logging
		if _, after, digits := cutNumber(rest[1:], 5); digits {
			e.ClientPort, rest = port(rest[1:len(rest)-len(after)]), after
		}
	}
	return rest, true
}

// postfixSASLFailed reads "warning: host[ip]: SASL LOGIN authentication failed: REASON[, sasl_username=NAME]". NAME is what
// the stranger typed and goes to the end of the line.
func postfixSASLFailed(r *record, e *Event) bool {
	rest, ok := strings.CutPrefix(r.text, "warning: ")
	if !ok || !postfixIsSMTPD(r) {
		return false
	}
	if rest, ok = postfixPeer(rest, e); !ok {
		return false
	}
	if rest, ok = strings.CutPrefix(rest, ": SASL "); !ok {
		return false
	}
	mech, reason, ok := strings.Cut(rest, " authentication ")
	if !ok || strings.Contains(mech, " ") {
		return false
	}
	if reason, ok = strings.CutPrefix(reason, "failed: "); !ok {
		if reason, ok = strings.CutPrefix(reason, "failure: "); !ok {
			if reason, ok = strings.CutPrefix(reason, "aborted"); !ok {
				return false
			}
		}
	}
	postfixFill(r, e)
	e.Method = mech
	e.Reason, e.User, _ = strings.Cut(reason, ", sasl_username=")
	return true
}

// postfixSubmission reads "QUEUEID: client=host[ip], sasl_method=PLAIN, sasl_username=alice[, sasl_sender=…]".
func postfixSubmission(r *record, e *Event) bool {
	if !postfixIsSMTPD(r) {
		return false
	}
	id, rest, ok := strings.Cut(r.text, ": client=")
	if !ok || !isQueueID(id) {
		return false
	}
	if rest, ok = postfixPeer(rest, e); !ok {
		return false
	}
	postfixFill(r, e)
	e.QueueID = id
	rest, ok = strings.CutPrefix(rest, ", sasl_method=")
	if !ok {
		e.Kind = Received
		return rest == "" || strings.HasPrefix(rest, ", ")
	}
	method, user, ok := strings.Cut(rest, ", sasl_username=")
	if !ok {
		return false
	}
	e.Method = method
	e.User, _, _ = strings.Cut(user, ", sasl_sender=")
	return true
}

// isQueueID knows short and long queue identifiers and NOQUEUE.
func isQueueID(s string) bool {
	if len(s) < 5 || len(s) > 20 {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !isDigit(c) && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// postfixConnect reads "connect from host[ip]".
func postfixConnect(r *record, e *Event) bool {
	rest, ok := strings.CutPrefix(r.text, "connect from ")
	if !ok || !postfixIsSMTPD(r) {
		return false
	}
	postfixFill(r, e)
	rest, ok = postfixPeer(rest, e)
	return ok && rest == ""
}

// postfixDisconnect reads "disconnect from host[ip] ehlo=1 auth=0/1 quit=1 commands=2/3".
func postfixDisconnect(r *record, e *Event) bool {
	rest, ok := strings.CutPrefix(r.text, "disconnect from ")
	if !ok || !postfixIsSMTPD(r) {
		return false
	}
	postfixFill(r, e)
	rest, ok = postfixPeer(rest, e)
	e.Detail = trimSpaces(rest)
	return ok
}

// postfixQueued reads "QUEUEID: from=<a>, size=1, nrcpt=1 (queue active)" of qmgr. The sender is a stranger's, so the rest
// is read from the right.
func postfixQueued(r *record, e *Event) bool {
	id, rest, ok := strings.Cut(r.text, ": from=<")
	if !ok || !isQueueID(id) || !strings.HasSuffix(r.tag, "/qmgr") {
		return false
	}
	i := strings.LastIndex(rest, ">, size=")
	if i < 0 {
		return false
	}
	postfixFill(r, e)
	e.QueueID, e.Sender, e.Detail = id, rest[:i], rest[i+3:]
	e.Action = "queued"
	return true
}

// postfixDelivery reads "QUEUEID: to=<a>, orig_to=<b>, relay=host[ip]:25, delay=…, dsn=2.0.0, status=sent (WORDS)". The
// address is a stranger's and so are the other server's words: where one of them looks like the fields between, the
// event says no address.
func postfixDelivery(r *record, e *Event) bool {
	id, rest, ok := strings.Cut(r.text, ": to=<")
	if !ok || !isQueueID(id) {
		return false
	}
	to, after, ok := strings.Cut(rest, ">, relay=")
	if !ok {
		return false
	}
	relay, _, _ := strings.Cut(after, ",")
	_, status, ok := strings.Cut(after, ", status=")
	if !ok {
		return false
	}
	postfixFill(r, e)
	e.QueueID = id
	if strings.Count(rest, ">, relay=") > 1 {
		e.doubt()
		return true
	}
	e.Target, _, _ = strings.Cut(to, ">, orig_to=<")
	e.Action, e.Reason, _ = strings.Cut(status, " ")
	e.Reason = strings.TrimSuffix(strings.TrimPrefix(e.Reason, "("), ")")
	if ip, ok := between(relay, "[", "]"); ok {
		e.ServerIP, _ = address(ip)
	}
	return true
}

// postfixMessageID reads "QUEUEID: message-id=<…>" of cleanup, which ties the queue's name to the message's.
func postfixMessageID(r *record, e *Event) bool {
	id, rest, ok := strings.Cut(r.text, ": message-id=")
	if !ok || !isQueueID(id) || !strings.HasSuffix(r.tag, "/cleanup") {
		return false
	}
	postfixFill(r, e)
	e.QueueID, e.MessageID = id, unbracket(rest)
	return true
}

// postfixReject reads "NOQUEUE: reject: RCPT from host[ip]: 454 …".
func postfixReject(r *record, e *Event) bool {
	id, rest, ok := strings.Cut(r.text, ": reject: ")
	if !ok || !isQueueID(id) {
		return false
	}
	command, rest, ok := strings.Cut(rest, " from ")
	if !ok || len(command) > 16 {
		return false
	}
	if rest, ok = postfixPeer(rest, e); !ok {
		return false
	}
	postfixFill(r, e)
	e.Action, e.Reason = "refused "+command, strings.TrimPrefix(rest, ": ")
	return true
}
