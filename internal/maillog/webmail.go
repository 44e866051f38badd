package maillog

import "strings"

// cutRoundcubeSession takes off "<ab12cd34> ", the beginning of the session's name that newer versions write.
func cutRoundcubeSession(s string) (session, rest string) {
	if strings.HasPrefix(s, "<") {
		if session, rest, ok := strings.Cut(s[1:], "> "); ok && !strings.ContainsAny(session, " <") {
			return session, rest
		}
	}
	return "", s
}

// roundcubeLogin reads of logs/userlogins.log "Successful login for NAME (ID: 1) from IP in session …". The name is that
// of an account; its end is the last "(ID: ".
func roundcubeLogin(r *record, e *Event) bool {
	session, text := cutRoundcubeSession(r.text)
	rest, ok := strings.CutPrefix(text, "Successful login for ")
	if !ok {
		return false
	}
	i := strings.LastIndex(rest, " (ID: ")
	if i < 0 {
		if i = strings.LastIndex(rest, " (id "); i < 0 {
			return false
		}
	}
	_, after, ok := strings.Cut(rest[i:], ") from ")
	if !ok {
		return false
	}
	e.User, e.Session, e.Service, e.Process = rest[:i], session, "webmail", "roundcube"
	return roundcubeFrom(after, e)
}

// roundcubeFailed reads "Failed login for NAME from IP in session … (error: -1)". NAME is what the stranger typed; the
// address is behind the last " from ".
func roundcubeFailed(r *record, e *Event) bool {
	session, text := cutRoundcubeSession(r.text)
	rest, ok := strings.CutPrefix(text, "Failed login for ")
	if !ok {
		return false
	}
	i := strings.LastIndex(rest, " from ")
	if i < 0 {
		return false
	}
	e.User, e.Session, e.Service, e.Process = rest[:i], session, "webmail", "roundcube"
	if j := strings.LastIndex(rest, " (error: "); j > i {
		e.Reason = strings.TrimSuffix(rest[j+2:], ")")
	}
	return roundcubeFrom(rest[i+len(" from "):], e)
}

// roundcubeFrom reads "192.0.2.1 in session ab12", and behind a proxy "192.0.2.1(X-Forwarded-For: …)", whose second part
// the client may have written.
func roundcubeFrom(s string, e *Event) bool {
	end := strings.IndexAny(s, " (")
	if end < 0 {
		end = len(s)
	}
	ip, rest := s[:end], s[end:]
	if strings.HasPrefix(rest, "(") {
		e.Detail, rest, _ = strings.Cut(rest[1:], ")")
	}
	ok := false
	if e.ClientIP, ok = address(ip); !ok {
		return false
	}
	if after, ok := strings.CutPrefix(rest, " in session "); ok {
		e.Session, _, _ = strings.Cut(after, " ")
	}
	return true
}

// roundcubeSent reads of logs/sendmail.log "User alice@example.com [192.0.2.1]; Message <id> for bob@example.org; 250: OK".
func roundcubeSent(r *record, e *Event) bool {
	session, text := cutRoundcubeSession(r.text)
	rest, ok := strings.CutPrefix(text, "User ")
	if !ok {
		return false
	}
	user, rest, ok := strings.Cut(rest, " [")
	if !ok {
		return false
	}
	ip, rest, ok := strings.Cut(rest, "]; Message ")
	if !ok {
		return false
	}
	if e.ClientIP, ok = address(ip); !ok {
		return false
	}
	e.User, e.Session, e.Service, e.Process = user, session, "webmail", "roundcube"
	// The subject may stand between since 1.4: Message <id> for a@b, c@d; 250: …
	id, rest, ok := strings.Cut(rest, " for ")
	if !ok {
		return false
	}
	e.MessageID = unbracket(id)
	i := strings.LastIndex(rest, "; ")
	if i < 0 {
		return false
	}
	e.Target, e.Reason = rest[:i], rest[i+2:]
	return true
}

// sogoLogin reads "SOGoRootPage successful login from 'IP' for user 'NAME' - expire = …  grace = …". The last quote ends the
// name.
func sogoLogin(r *record, e *Event) bool {
	text := cutSOGoID(r.text)
	rest, ok := strings.CutPrefix(text, "successful login from '")
	if !ok {
		return false
	}
	return sogoWho(rest, "' - expire", e)
}

// sogoFailed reads "SOGoRootPage Login from 'IP' for user 'NAME' might not have worked - password policy: 65535 …".
func sogoFailed(r *record, e *Event) bool {
	text := cutSOGoID(r.text)
	rest, ok := strings.CutPrefix(text, "Login from '")
	if !ok {
		return false
	}
	i := strings.LastIndex(rest, " might not have worked")
	if i < 0 {
		return false
	}
	e.Reason = rest[i+1:]
	return sogoWho(rest, "' might not have worked", e)
}

// cutSOGoID takes off "SOGoRootPage " and "<0x0x55…[SOGoRootPage]> ".
func cutSOGoID(s string) string {
	if strings.HasPrefix(s, "<") || strings.HasPrefix(s, "[") {
		if _, after, ok := strings.Cut(s, "> "); ok {
			s = after
		}
	}
	return strings.TrimPrefix(s, "SOGoRootPage ")
}

func sogoWho(s, end string, e *Event) bool {
	ip, rest, ok := strings.Cut(s, "' for user '")
	if !ok {
		return false
	}
	// Behind a proxy there are several addresses; the client itself may have written the first.
	ip, forwarded, several := strings.Cut(ip, ", ")
	if several {
		e.Detail = "also: " + forwarded
	}
	if e.ClientIP, ok = address(ip); !ok {
		return false
	}
	i := strings.LastIndex(rest, end)
	if i < 0 {
		return false
	}
	e.User, e.Service, e.Process = rest[:i], "webmail", "sogod"
	return true
}
