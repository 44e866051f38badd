package maillog

import (
	"bytes"
	"regexp"
)

// A Span is where in a line a secret stands, and by which rule it was found.
type Span struct {
	Start, End int
	Rule       string
}

// Secrets finds clear passwords and their like in the lines of one text. It remembers what the line before announced: a
// SASL exchange goes over several lines. A password typed in the place of the user name cannot be told from a name, and
// stays.
type Secrets struct {
	sasl     int // lines in which an answer to AUTH may still come
	literals int // lines of an IMAP LOGIN with literals that are still to come
	spans    []Span
}

// A mark is something in a line without which a rule need not look at it.
type mark uint

const (
	markPass mark = 1 << iota
	markAuth
	markResponse
	markContinue
	markCredentials
	markCompare
	markDebug
	markBearer
	markToken
	markAssign // "pass", "password" or "passwd" and an equals sign
)

// marksOf looks for all marks at once.
func marksOf(line []byte) (m mark) {
	has := func(needle string) bool { return bytes.Contains(line, []byte(needle)) }
	if has("ass") || has("ASS") {
		m |= markPass
		if assigns(line, "ass") || assigns(line, "ASS") {
			m |= markAssign
		}
	}
	if commandsAuth(line, "uth") || commandsAuth(line, "UTH") {
		m |= markAuth
	}
	if has("resp") {
		m |= markResponse
	}
	if has("CONT") {
		m |= markContinue
	}
	if has("Credentials: ") {
		m |= markCredentials
	}
	if has(") != '") {
		m |= markCompare
	}
	if has("DEBUG: ip=[") {
		m |= markDebug
	}
	if has("earer ") {
		m |= markBearer
	}
	if has("_token=") {
		m |= markToken
	}
	return m
}

// commandsAuth says whether AUTH or AUTHENTICATE stands in a line with a word behind it that begins as a mechanism does:
// every other line of a log has "auth failed" in it.
func commandsAuth(line []byte, uth string) bool {
	for {
		i := bytes.Index(line, []byte(uth))
		if i < 0 {
			return false
		}
		line = line[i+len(uth):]
		rest := line
		if len(rest) > 8 && bytes.EqualFold(rest[:8], []byte("enticate")) {
			rest = rest[8:]
		}
		if len(rest) > 1 && (rest[0] == ' ' || rest[0] == '\t') && bytes.IndexByte([]byte("PLXOCDNGESplxocdnges \t"), rest[1]) >= 0 {
			return true
		}
	}
}

// assigns says whether "pass", "passwd" or "password" stands in a line in front of an equals sign.
func assigns(line []byte, ass string) bool {
	for {
		i := bytes.Index(line, []byte(ass))
		if i < 0 {
			return false
		}
		line = line[i+len(ass):]
		rest := line
		for n := 0; n < 5 && len(rest) > 0 && rest[0]|0x20 >= 'a' && rest[0]|0x20 <= 'z'; n++ {
			rest = rest[1:]
		}
		rest = bytes.TrimLeft(rest, " \t")
		if len(rest) > 0 && rest[0] == '=' {
			return true
		}
	}
}

// A secretRule looks at lines that have its mark. The secrets are re's groups.
type secretRule struct {
	name   string
	mark   mark
	re     *regexp.Regexp
	accept func(secret []byte) bool // nil accepts all
}

// SecretRules lists the names of the rules.
func SecretRules() []string {
	names := []string{ruleGiven, ruleContinuation, rulePOP3, ruleIMAP}
	for _, r := range secretRules {
		names = append(names, r.name)
	}
	return names
}

const (
	ruleGiven        = "dovecot given password"
	ruleContinuation = "sasl continuation"
	rulePOP3         = "pop3 pass"
	ruleIMAP         = "imap login"
)

// gap is a tab, as syslog daemons escape it, too.
const gap = `(?:\t|#011|\\t|\\u0009)`

// secretRules say where servers write secrets when somebody turned debugging on and left it on. Values end where the
// program that wrote them ends them; a stranger's password may hold anything, so the last possible end is taken.
var secretRules = [...]secretRule{
	// auth_debug_passwords: "PLAIN(given) != 'stored'"
	{"dovecot password comparison", markCompare, regexp.MustCompile(`\b[A-Z0-9.-]+\((.*)\) != '(.*)'`), nil},
	// auth_debug: "client in: AUTH\t1\tPLAIN\t…\tresp=BASE64", "CONT\t1\tBASE64"
	{"dovecot sasl response", markResponse, regexp.MustCompile(`(?:\b|#011)resp=([A-Za-z0-9+/=]+)`), nil},
	{"dovecot sasl continuation", markContinue, regexp.MustCompile(`\bCONT` + gap + `\d+` + gap + `([A-Za-z0-9+/=]+)`), nil},
	{"dovecot credentials", markCredentials, regexp.MustCompile(`\bCredentials: (.+)$`), nil},
	// Protocol traces of any server, Postfix with smtpd -v, rawlogs
	{"sasl initial response", markAuth, regexp.MustCompile(`(?i)\bAUTH(?:ENTICATE)?[ \t]+(?:PLAIN|LOGIN|XOAUTH2|OAUTHBEARER|CRAM-MD5|DIGEST-MD5|NTLM|GSSAPI|EXTERNAL|SCRAM-[A-Z0-9-]+)[ \t]+([A-Za-z0-9+/=]+)`), looksBase64},
	{"postfix sasl trace", markResponse, regexp.MustCompile(`\b(?:init_response|initial_response|decoded (?:initial )?response|decoded initial_response)[:= ]+(.+)$`), nil},
	// Courier with DEBUG_LOGIN=2
	{"courier debug", markPass, regexp.MustCompile(`supplied password '(.*)' does not match encrypted password '(.*)'`), nil},
	{"courier debug", markPass, regexp.MustCompile(`\bpassword '(.*)' (?:matches|does not match)`), nil},
	{"courier debug", markDebug, regexp.MustCompile(`DEBUG: ip=\[[^\]]*\], password=(.*)$`), nil},
	{"courier debug", markAssign, regexp.MustCompile(`\bclearpasswd=(.*), passwd=(.*)$`), nil},
	// Fields of protocols and requests
	{"password field", markAssign, regexp.MustCompile(`(?i)` + gap + `(?:pass|passwd|password|userdb_password|nopassword_hash)=([^\t]*?)(?:` + gap + `|$)`), notHidden},
	{"password field", markAssign, regexp.MustCompile(`(?i)\b(?:pass|passwd|password|_pass|clearpasswd|userpassword)=("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s,;&"'#)]+)`), notHidden},
	{"password in a query", markAssign, regexp.MustCompile(`(?i)\bpassw(?:or)?d\s*=\s*'((?:[^'\\]|\\.|'')*)'`), notHidden},
	{"bearer token", markBearer, regexp.MustCompile(`(?i)\bBearer ([A-Za-z0-9._~+/=-]{16,})`), nil},
	{"token field", markToken, regexp.MustCompile(`\b(?:access|auth|id|refresh)_token=([^\s,;&"'#]+)`), notHidden},
}

// rawPrefix is what traces write in front of what a client sent: a time, a direction, and, of Postfix, who.
const rawPrefix = `^(?:\d{9,}\.\d+ |\d{8} \d{6} |[CS<>]:? ?)?`

var (
	pop3Pass  = regexp.MustCompile(`(?i)` + rawPrefix + `PASS (.+)$`)
	imapLogin = regexp.MustCompile(`(?i)` + rawPrefix + `[^\s{"(*+\\:,=]{1,32} LOGIN (?:"(?:[^"\\]|\\.)*"|[^\s"{]\S*) (.+)$`)
	imapShort = regexp.MustCompile(`(?i)` + rawPrefix + `[^\s{"(*+\\:,=]{1,32} LOGIN (?:"(?:[^"\\]|\\.)*" |[^\s"{]\S* )?\{\d+\+?\}$`)
	saslBegin = regexp.MustCompile(`(?i)\bAUTH(?:ENTICATE)?[ \t]+(?:PLAIN|LOGIN|XOAUTH2|OAUTHBEARER|CRAM-MD5|DIGEST-MD5|NTLM|SCRAM-[A-Z0-9-]+)\b`)
	saslBare  = regexp.MustCompile(rawPrefix + `(?:.*: < \S+: )?([A-Za-z0-9+/]+=*)$`)
)

// saslLines is for how many lines after AUTH an answer is looked for: two of LOGIN, with the server's between them.
const saslLines = 6

// Find returns where secrets stand in line, in order and without overlaps. What it returns is overwritten by the next Find.
func (s *Secrets) Find(line []byte) []Span {
	s.spans = s.spans[:0]
	marks := marksOf(line)
	if marks&markPass != 0 {
		s.findGiven(line)
	}
	for i := range secretRules {
		rule := &secretRules[i]
		if marks&rule.mark == 0 {
			continue
		}
		for _, m := range rule.re.FindAllSubmatchIndex(line, -1) {
			for g := 2; g+1 < len(m); g += 2 {
				s.add(line, m[g], m[g+1], rule)
			}
		}
	}
	s.findTraces(line, marks)
	return s.merged()
}

func (s *Secrets) add(line []byte, start, end int, rule *secretRule) {
	if start < 0 {
		return
	}
	end = min(end, stringEnd(line, start))
	if start >= end || rule.accept != nil && !rule.accept(line[start:end]) {
		return
	}
	s.spans = append(s.spans, Span{start, end, rule.name})
}

// findGiven finds "(given password: SECRET)" and "(SHA1 of given password: HASH)" of auth_verbose_passwords. SECRET ends at
// the last parenthesis, for it may hold some.
func (s *Secrets) findGiven(line []byte) {
	const words = "given password: "
	i := bytes.Index(line, []byte(words))
	if i < 0 {
		return
	}
	start := i + len(words)
	end := stringEnd(line, start)
	if j := bytes.LastIndexByte(line[start:end], ')'); j >= 0 {
		end = start + j
	}
	if start < end {
		s.spans = append(s.spans, Span{start, end, ruleGiven})
	}
}

// findTraces finds what clients sent, in logs of a whole conversation.
func (s *Secrets) findTraces(line []byte, marks mark) {
	if s.literals > 0 {
		s.literals--
		s.whole(line, ruleIMAP)
		return
	}
	if len(line) > 0 && bytes.IndexByte(line[:min(len(line), 64)], ' ') >= 0 {
		if marks&markPass != 0 {
			if m := pop3Pass.FindSubmatchIndex(line); m != nil {
				s.spans = append(s.spans, Span{m[2], m[3], rulePOP3})
			}
		}
		if bytes.Contains(line, []byte("LOGIN ")) || bytes.Contains(line, []byte("login ")) || bytes.Contains(line, []byte("Login ")) {
			s.findLogin(line)
		}
	}
	if s.sasl > 0 {
		s.sasl--
		if m := saslBare.FindSubmatchIndex(line); m != nil && looksBase64(line[m[2]:m[3]]) {
			s.spans = append(s.spans, Span{m[2], m[3], ruleContinuation})
		}
	}
	if marks&markAuth != 0 && saslBegin.Match(line) {
		s.sasl = saslLines
	}
}

func (s *Secrets) findLogin(line []byte) {
	if imapShort.Match(line) {
		s.literals = 2
		if bytes.Count(line, []byte{' '}) > 2 {
			s.literals = 1
		}
		return
	}
	if m := imapLogin.FindSubmatchIndex(line); m != nil {
		s.spans = append(s.spans, Span{m[2], m[3], ruleIMAP})
	}
}

// whole takes a line for a secret from end to end.
func (s *Secrets) whole(line []byte, rule string) {
	if len(line) > 0 {
		s.spans = append(s.spans, Span{0, len(line), rule})
	}
}

// merged sorts the spans and joins those that overlap. There are few, so that an insertion sort will do.
func (s *Secrets) merged() []Span {
	for i := 1; i < len(s.spans); i++ {
		for j := i; j > 0 && s.spans[j].Start < s.spans[j-1].Start; j-- {
			s.spans[j], s.spans[j-1] = s.spans[j-1], s.spans[j]
		}
	}
	kept := s.spans[:0]
	for _, span := range s.spans {
		if n := len(kept); n > 0 && span.Start < kept[n-1].End {
			kept[n-1].End = max(kept[n-1].End, span.End)
			continue
		}
		kept = append(kept, span)
	}
	return kept
}

// stringEnd says up to where a secret that begins at start can go: to the line's end, or, in a line of JSON, to the end of
// the string.
func stringEnd(line []byte, start int) int {
	if len(line) == 0 || line[0] != '{' {
		return len(line)
	}
	for i := start; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(line)
}

// looksBase64 says whether s is base64 rather than a word: "failed" and "disabled" follow AUTH PLAIN in sentences.
func looksBase64(s []byte) bool {
	if len(s)%4 != 0 || len(s) < 4 {
		return false
	}
	lower := true
	for _, c := range s {
		lower = lower && c >= 'a' && c <= 'z'
	}
	return !lower
}

// notHidden says whether s is a value rather than what stands for one.
func notHidden(s []byte) bool {
	return !bytes.HasPrefix(s, []byte("<hidden")) && !bytes.HasPrefix(s, []byte("[redacted:")) && len(bytes.Trim(s, "*x\"'")) > 0
}
