package maillog

import (
	"strings"
)

// cpanelOldLogin says whether a line is of the older /usr/local/cpanel/logs/login_log, which begins with the address.
func cpanelOldLogin(s string) bool {
	end := strings.IndexByte(s, ' ')
	if end < 3 || end > 45 {
		return false
	}
	if _, ok := address(s[:end]); !ok {
		return false
	}
	return strings.HasPrefix(s[end:], " - ") && strings.Contains(s, "FAILED LOGIN ")
}

// cpanelLogin reads "info [webmaild] 192.0.2.1 - NAME "POST /login/ HTTP/1.1" FAILED LOGIN webmaild: WHY" and, of older
// versions, "192.0.2.1 - NAME [07/17/2008:16:12:49 -0000] "POST / HTTP/1.1" FAILED LOGIN webmaild: WHY". NAME is what the
// stranger typed, and the request is the stranger's too.
func cpanelLogin(r *record, e *Event) bool {
	rest := r.text
	service := ""
	if inner, ok := strings.CutPrefix(rest, "info ["); ok {
		if service, rest, ok = strings.Cut(inner, "] "); !ok {
			return false
		}
	}
	ip, rest, ok := strings.Cut(rest, " - ")
	if !ok {
		return false
	}
	if e.ClientIP, ok = address(ip); !ok {
		return false
	}
	i := strings.LastIndex(rest, `" FAILED LOGIN `)
	if i < 0 {
		return false
	}
	request, why := rest[:i], rest[i+len(`" FAILED LOGIN `):]
	daemon, reason, ok := strings.Cut(why, ": ")
	if !ok {
		return false
	}
	if service == "" {
		service = daemon
		request = r.cutCLF(request)
	}
	user, _, ok := strings.Cut(request, ` "`)
	if !ok {
		return false
	}
	e.User, e.Reason, e.Process = user, reason, service
	e.Service = service
	if service == "webmaild" {
		e.Service = "webmail"
	}
	return true
}

// cutCLF takes " [07/17/2008:16:12:49 -0000]" out, month first as cPanel writes it, and makes it the line's time.
func (r *record) cutCLF(s string) string {
	before, after, ok := strings.Cut(s, " [")
	if !ok || len(after) < 26 || after[2] != '/' || after[5] != '/' || after[10] != ':' || after[25] != ']' {
		return s
	}
	st := stamp{hasYear: true}
	var ok1, ok2, ok3, ok4 bool
	st.month, ok1 = twoDigits(after)
	st.day, ok2 = twoDigits(after[3:])
	year, rest, ok3 := cutNumber(after[6:], 4)
	st.year = year
	if rest, ok4 = st.cutClock(rest[1:]); !ok1 || !ok2 || !ok3 || !ok4 || st.month < 1 || st.month > 12 || st.day < 1 || st.day > 31 {
		return s
	}
	st.cutZone(rest)
	r.stamp = st
	return before + after[26:]
}

// pleskFailed reads "failed mail authentication attempt for user 'NAME' (password len=8)" and "No such user 'NAME' in mail
// authorization database". NAME is what the stranger typed, up to the server's last words.
func pleskFailed(r *record, e *Event) bool {
	for _, form := range [...][2]string{
		{"failed mail authentication attempt for user '", "' (password len="},
		{"No such user '", "' in mail authorization database"},
		{"failed mail authenticatication attempt for user '", "' (password len="}, // so spelt in Plesk 11 and 12
	} {
		rest, ok := strings.CutPrefix(r.text, form[0])
		if !ok {
			continue
		}
		i := strings.LastIndex(rest, form[1])
		if i < 0 {
			return false
		}
		e.User, e.Reason, e.Process, e.Service = rest[:i], strings.TrimSpace(r.text[:strings.IndexByte(r.text, '\'')]), "plesk_saslauthd", "smtp"
		return true
	}
	return false
}
