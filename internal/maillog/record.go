package maillog

import (
	"net/netip"
	"strconv"
	"strings"
)

// A family is a set of programs whose lines look alike. Each format belongs to one.
type family string

const (
	dovecot   family = "dovecot"
	postfix   family = "postfix"
	exim      family = "exim"
	cyrus     family = "cyrus"
	courier   family = "courier"
	exchange  family = "exchange"
	zimbra    family = "zimbra"
	roundcube family = "roundcube"
	sogo      family = "sogo"
	stalwart  family = "stalwart"
	cpanel    family = "cpanel"
	plesk     family = "plesk"
)

// A record is one line taken apart into what the logging system wrote around it and the program's own words.
type record struct {
	stamp   stamp
	host    string
	tag     string // the program as syslog names it
	pid     string
	family  family
	text    string   // the program's own words
	columns *columns // of a line of a CSV log
	dovecot process
}

// cutRecord takes a line apart. The error is one of the reasons that a Summary counts by.
func cutRecord(line string, r *record) (reason string) {
	*r = record{}
	line, fiveFour := cutPriority(line)
	if fiveFour {
		return r.cut5424(line)
	}
	var ok bool
	var rest string
	if r.stamp, rest, ok = cutStamp(line); !ok {
		if cpanelOldLogin(line) {
			r.family, r.text = cpanel, line
			return ""
		}
		return ReasonNoStamp
	}
	switch line[0] {
	case '@': // what runs under multilog or svlogd may write its own time behind
		if _, inner, ok := cutStamp(rest); ok {
			rest = inner
		}
	case '[':
		return r.cutBracketed(rest)
	}
	return r.cutProgram(rest, line)
}

// cutPriority takes off "<22>" and, of RFC 5424, the version.
func cutPriority(line string) (rest string, fiveFour bool) {
	if line == "" || line[0] != '<' {
		return line, false
	}
	_, rest, ok := cutNumber(line[1:], 3)
	if !ok || rest == "" || rest[0] != '>' {
		return line, false
	}
	rest = rest[1:]
	if strings.HasPrefix(rest, "1 ") {
		return rest[2:], true
	}
	return rest, false
}

// cut5424 reads the header of RFC 5424 section 6: TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA MSG.
func (r *record) cut5424(line string) (reason string) {
	var ok bool
	if r.stamp, line, ok = cutStamp(line); !ok {
		return ReasonNoStamp
	}
	var fields [4]string
	for i := range fields {
		if fields[i], line, ok = strings.Cut(line, " "); !ok {
			return ReasonNoProgram
		}
	}
	r.host, r.tag, r.pid = nilValue(fields[0]), fields[1], nilValue(fields[2])
	if strings.HasPrefix(line, "[") {
		end := structuredEnd(line)
		if end < 0 {
			return ReasonNoProgram
		}
		line = line[end:]
	} else {
		line = strings.TrimPrefix(line, "-")
	}
	r.text = strings.TrimPrefix(trimSpaces(line), "\ufeff")
	r.family = familyOf(r.tag, r.text)
	if r.family == "" {
		return ReasonOtherProgram
	}
	return ""
}

func nilValue(s string) string {
	if s == "-" {
		return ""
	}
	return s
}

// structuredEnd finds where STRUCTURED-DATA ends: a "]" outside quotes that no "[" follows.
func structuredEnd(s string) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case !quoted && s[i] == ']' && (i+1 == len(s) || s[i+1] != '['):
			return i + 1
		}
	}
	return -1
}

// cutBracketed finds out whose "[time] …" a line is.
func (r *record) cutBracketed(rest string) (reason string) {
	r.text = rest
	r.family = roundcube
	if strings.HasPrefix(rest, "info [") {
		r.family = cpanel
	}
	return ""
}

// cutProgram reads what stands between the time and the program's words: nothing, or "host program[pid]: ".
func (r *record) cutProgram(rest, line string) (reason string) {
	switch {
	case startsDovecot(rest):
		r.family, r.tag, r.text = dovecot, "dovecot", rest
		return ""
	case startsLevel(rest):
		r.text, r.family = rest, stalwart
		if _, after, _ := strings.Cut(rest, " "); strings.HasPrefix(trimSpaces(after), "[") {
			r.family = zimbra
		}
		return ""
	case len(line) > 10 && line[10] == ' ' && isDigit(line[0]) && !strings.HasPrefix(rest, "sogod"):
		r.family, r.tag, r.text = exim, "exim", rest
		if strings.HasPrefix(rest, "[") { // log_selector = +pid
			if pid, after, ok := strings.Cut(rest[1:], "] "); ok && allDigits(pid) {
				r.pid, r.text = pid, after
			}
		}
		return ""
	}
	return r.cutSyslog(rest)
}

func (r *record) cutSyslog(rest string) (reason string) {
	host, after, ok := strings.Cut(rest, " ")
	if ok && !strings.HasSuffix(host, ":") && !strings.HasSuffix(host, "]") && host != "sogod" {
		r.host, rest = host, trimSpaces(after)
	}
	end := strings.IndexAny(rest, " :[")
	if end <= 0 {
		return ReasonNoProgram
	}
	r.tag, rest = rest[:end], trimSpaces(rest[end:])
	if strings.HasPrefix(rest, "[") {
		pid, after, ok := strings.Cut(rest[1:], "]")
		if !ok {
			return ReasonNoProgram
		}
		r.pid, rest = pid, after
	}
	r.text = trimSpaces(strings.TrimPrefix(rest, ":"))
	r.family = familyOf(r.tag, r.text)
	if r.family == "" {
		return ReasonOtherProgram
	}
	return ""
}

// familyOf says whose lines carry a syslog tag. "imap" is Cyrus's, "imapd" Courier's, unless the words say otherwise.
func familyOf(tag, text string) family {
	switch tag {
	case "dovecot":
		return dovecot
	case "exim", "exim4":
		return exim
	case "imap", "imaps", "pop3", "pop3s", "lmtp", "lmtpunix", "timsieved", "sieve", "nntp", "http", "https":
		return cyrus
	case "imapd", "imapd-ssl", "pop3d", "pop3d-ssl", "imaplogin", "pop3login", "courier-imapd", "courier-pop3d", "courierd",
		"esmtpd", "esmtpd-ssl", "courieresmtpd", "esmtpd-msa", "authdaemond", "webmaild", "sqwebmail":
		return courier
	case "roundcube":
		return roundcube
	case "sogod":
		return sogo
	case "plesk_saslauthd":
		return plesk
	}
	switch {
	case strings.HasPrefix(tag, "postfix"):
		return postfix
	case strings.HasPrefix(tag, "cyrus/"), strings.HasPrefix(tag, "cyrus-"):
		return cyrus
	case strings.HasPrefix(tag, "courier"):
		return courier
	}
	return ""
}

func startsLevel(s string) bool {
	for _, level := range [...]string{"INFO ", "WARN ", "ERROR ", "DEBUG ", "TRACE ", "FATAL "} {
		if strings.HasPrefix(s, level) {
			return true
		}
	}
	return false
}

func allDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

// address gives an IP address in its canonical form: without brackets and port, IPv4 in IPv6 as IPv4.
func address(s string) (string, bool) {
	s = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	if len(s) > 45+16 || len(s) < 2 {
		return "", false
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return "", false
	}
	if !a.Is4In6() && a.Zone() == "" && a.Is4() {
		return s, true // netip reads no other form of it
	}
	return a.Unmap().String(), true
}

// addressPort takes "192.0.2.1:993" and "[2001:db8::1]:993" apart.
func addressPort(s string) (ip, number string, ok bool) {
	if a, err := netip.ParseAddrPort(s); err == nil {
		return a.Addr().Unmap().String(), port(s[strings.LastIndexByte(s, ':')+1:]), true
	}
	ip, ok = address(s)
	return ip, "", ok
}

// port is a port's digits; what is none, 0 among them, is left out.
func port(s string) string {
	if n, err := strconv.ParseUint(s, 10, 16); err != nil || n == 0 {
		return ""
	}
	return s
}

// between returns what stands after the first open and before the first closing thereafter.
func between(s, open, closing string) (string, bool) {
	_, rest, ok := strings.Cut(s, open)
	if !ok {
		return "", false
	}
	inner, _, ok := strings.Cut(rest, closing)
	return inner, ok
}

// unbracket takes the angle brackets off a Message-ID.
func unbracket(s string) string {
	s = strings.TrimSpace(s)
	if len(s) >= 2 && s[0] == '<' && s[len(s)-1] == '>' {
		return s[1 : len(s)-1]
	}
	return s
}
