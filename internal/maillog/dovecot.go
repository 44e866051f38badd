package maillog

import (
	"strconv"
	"strings"
)

// A process is what Dovecot writes in front of a line: "imap(alice)<123><session>: ", "auth: Info: ".
type process struct {
	name, user, pid, session string
	words                    string // the rest
	debug                    bool
}

// startsDovecot says whether a line begins, without a host, with the name of one of Dovecot's processes.
func startsDovecot(s string) bool {
	end := strings.IndexAny(s, ":(<[ ")
	if end <= 0 || s[end] == ' ' || s[end] == '[' {
		return false
	}
	switch strings.ToLower(s[:end]) {
	case "imap", "pop3", "imap-login", "pop3-login", "managesieve", "managesieve-login", "submission", "submission-login", "auth",
		"auth-worker", "lmtp", "lda", "deliver", "dovecot-lda", "master", "anvil", "doveadm", "imap-hibernate", "config", "log",
		"stats", "ssl-params", "indexer", "indexer-worker", "imap-urlauth-login", "lmtp-login":
		return true
	}
	return false
}

// cutProcess reads the head of a Dovecot line. The user in it has logged in or is the addressee of a message; still its
// end is the first place that only Dovecot could have written, since all that follows may be a stranger's.
func cutProcess(s string) (process, bool) {
	var p process
	end := strings.IndexAny(s, ":(<,")
	if end <= 0 || s[end] == ',' {
		return p, false
	}
	p.name = strings.ToLower(s[:end])
	switch s[end] {
	case '(':
		if !p.cutUser(s[end+1:]) {
			return p, false
		}
	case '<':
		inner, after, ok := strings.Cut(s[end:], ">: ")
		if !ok {
			return p, false
		}
		p.pid, p.words = inner[1:], after
	default:
		p.words = trimSpaces(s[end+1:])
	}
	p.cutLevel()
	return p, true
}

// cutUser reads "user): ", "user)<pid><session>: ", "pid, user): " and "pid): ".
func (p *process) cutUser(s string) bool {
	for from := 0; ; {
		i := strings.IndexByte(s[from:], ')')
		if i < 0 {
			return false
		}
		i += from
		from = i + 1
		if rest, ok := strings.CutPrefix(s[i:], "): "); ok {
			p.user, p.words = s[:i], rest
			break
		}
		if p.cutIDs(s[i+1:]) {
			p.user = s[:i]
			break
		}
	}
	if pid, user, ok := strings.Cut(p.user, ", "); ok && allDigits(pid) {
		p.pid, p.user = pid, user
	} else if allDigits(p.user) && strings.HasPrefix(p.name, "auth") {
		p.pid, p.user = p.user, ""
	}
	return true
}

// cutIDs reads "<pid><session>: ".
func (p *process) cutIDs(s string) bool {
	if !strings.HasPrefix(s, "<") {
		return false
	}
	pid, rest, ok := strings.Cut(s[1:], "><")
	if !ok || !allDigits(pid) {
		return false
	}
	session, words, ok := strings.Cut(rest, ">: ")
	if !ok || strings.ContainsAny(session, "<> ") {
		return false
	}
	p.pid, p.session, p.words = pid, session, words
	return true
}

func (p *process) cutLevel() {
	for _, level := range [...]string{"Info: ", "Warning: ", "Error: ", "Debug: ", "Fatal: ", "Panic: "} {
		if rest, ok := strings.CutPrefix(p.words, level); ok {
			p.words, p.debug = rest, level == "Debug: "
			return
		}
	}
}

// service is "imap" for "imap-login" and "imap".
func (p *process) service() string { return strings.TrimSuffix(p.name, "-login") }

// fill copies what the head of the line says.
func (p *process) fill(e *Event) {
	e.User, e.Session, e.Service = p.user, p.session, p.service()
	e.Process = p.name
	if p.pid != "" {
		e.PID = p.pid
	}
}

// dovecotSignIn reads "Login: user=<…>, …", in 2.4 "Logged in: user=<…>, …".
func dovecotSignIn(r *record, e *Event) bool {
	p := &r.dovecot
	if !strings.HasSuffix(p.name, "-login") {
		return false
	}
	if !strings.HasPrefix(p.words, "Login: ") && !strings.HasPrefix(p.words, "Logged in: ") {
		return false
	}
	ok := p.loginFields(e)
	e.Reason = ""
	return ok
}

// dovecotRefused reads what the login processes say of connections that did not get in.
func dovecotRefused(r *record, e *Event) bool {
	p := &r.dovecot
	if !strings.HasSuffix(p.name, "-login") {
		return false
	}
	known := false
	for _, begin := range [...]string{"Disconnected", "Aborted login", "Login aborted", "Maximum number of connections", "Internal login failure",
		"Login failed", "Auth process broken", "Too many", "Connection closed"} {
		known = known || strings.HasPrefix(p.words, begin)
	}
	if !known || !p.loginFields(e) {
		return false
	}
	for _, sign := range [...]string{"auth failed", "auth_failed", "disallowed plaintext auth", "Maximum number of connections", "Internal login failure",
		"Login failed", "tried to use unsupported auth", "password_expired", "user disabled", "authorization failed", "proxy dest auth failed",
		"cert required", "authentication process crashed", "auth process communication failure"} {
		if strings.Contains(e.Reason, sign) {
			e.Kind = Failure
			return true
		}
	}
	e.Kind = Connection
	return true
}

// dovecotProxied reads "proxy(user): started proxying to HOST:PORT: user=<…>, …".
func dovecotProxied(r *record, e *Event) bool {
	p := &r.dovecot
	if !strings.HasSuffix(p.name, "-login") || !strings.HasPrefix(strings.ToLower(p.words), "proxy(") {
		return false
	}
	if !p.loginFields(e) {
		return false
	}
	switch lower := strings.ToLower(e.Reason); {
	case strings.Contains(lower, "): started proxying to "):
		e.Kind = SignIn
		e.Target = e.Reason[strings.Index(lower, " proxying to ")+len(" proxying to "):]
	case strings.Contains(lower, "): disconnecting "), strings.Contains(lower, "): disconnected "):
		e.Kind = SessionEnd
	default:
		e.Kind = Failure
	}
	return true
}

// loginFields reads "REASON: user=<NAME>, method=…, rip=…, lip=…, TLS, session=<…>". NAME is what a stranger typed. The
// elements behind it are Dovecot's (login_log_format_elements), and only session= among them can end in ">", as the last
// one. So the elements are taken from the right, and the first that ends in ">" is the end of the name.
func (p *process) loginFields(e *Event) bool {
	e.Service, e.Process = p.service(), p.name
	if p.pid != "" {
		e.PID = p.pid
	}
	reason, tail, ok := strings.Cut(p.words, "user=<")
	if !ok {
		if reason, tail, ok = strings.Cut(p.words, ": rip="); !ok {
			return false
		}
		e.Reason = reason
		return loginElements("rip="+tail, e) == 0
	}
	e.Reason = strings.TrimSuffix(reason, ": ")
	end := loginElements(tail, e)
	if end <= 0 || tail[end-1] != '>' {
		return false
	}
	e.User = tail[:end-1]
	return e.ClientIP != "" || e.Ambiguous
}

// loginElements reads elements from the right of s and returns where the one begins that is not one.
func loginElements(s string, e *Event) (end int) {
	end = len(s)
	for last := true; end > 0; last = false {
		start := strings.LastIndex(s[:end], ", ")
		element := s[start+1 : end]
		if start < 0 {
			element = s[:end]
		}
		element = strings.TrimPrefix(element, " ")
		if strings.HasSuffix(element, ">") && !(last && strings.HasPrefix(element, "session=<")) {
			return end
		}
		loginElement(element, e)
		end = max(start, 0)
	}
	return end
}

func loginElement(element string, e *Event) {
	key, value, ok := strings.Cut(element, "=")
	switch {
	case !ok && (element == "secured" || strings.HasPrefix(element, "TLS")), strings.HasPrefix(element, "TLS"):
		if len(element) > len(e.TLS) { // the protocol and cipher, where they are logged, come beside "TLS"
			e.TLS = element
		}
	case key == "rip":
		e.ClientIP, _ = address(value)
	case key == "rport":
		e.ClientPort = port(value)
	case key == "lip":
		e.ServerIP, _ = address(value)
	case key == "method":
		e.Method = value
	case key == "session":
		e.Session = unbracket(value)
	}
}

// dovecotAuth reads what the authentication process says with auth_verbose: "DB(user,ip,<session>): REASON". Both the
// name in front of the address and, with auth_verbose_passwords, the password at the end are a stranger's.
func dovecotAuth(r *record, e *Event) bool {
	p := &r.dovecot
	if p.name != "auth" && p.name != "auth-worker" {
		return false
	}
	words := p.words
	if p.user != "" { // 2.4: auth(user,ip,sasl:plain)<pid><session>: REASON; the head is read anew with the rest
		words = r.text
	}
	words = cutWorker(words)
	open := strings.IndexByte(words, '(')
	if open < 0 || open > 24 || strings.ContainsAny(words[:open], " :<") {
		return false
	}
	found := 0
	for from := open + 1; ; {
		i := strings.IndexByte(words[from:], ')')
		if i < 0 {
			break
		}
		i += from
		from = i + 1
		if authIdentity(words, open+1, i, found == 0, e) {
			found++
		}
	}
	if found == 0 || !authRefused(e.Reason) {
		return false
	}
	e.Reason, _, _ = strings.Cut(e.Reason, " (given password: ")
	e.Service, e.Process, e.Detail = "auth", p.name, words[:open]
	if p.pid != "" && p.user == "" {
		e.PID = p.pid
	}
	if found > 1 {
		e.doubt()
	}
	return true
}

// cutWorker takes off "conn unix:auth-worker (pid=1,uid=2): " and "auth-worker<5>: ".
func cutWorker(s string) string {
	if strings.HasPrefix(s, "conn unix:") {
		if _, after, ok := strings.Cut(s, "): "); ok {
			s = after
		}
	}
	if strings.HasPrefix(s, "auth-worker<") {
		if _, after, ok := strings.Cut(s, ">: "); ok {
			s = after
		}
	}
	return s
}

// authIdentity reads words[from:end], which a ")" follows, as "user,ip[,sasl:MECH][,<session>]" and, if take is set, puts
// it and the reason behind it into e.
func authIdentity(words string, from, end int, take bool, e *Event) bool {
	inner, after := words[from:end], words[end+1:]
	var session, mech string
	if strings.HasPrefix(after, "<") { // 2.4 sets process and session apart
		var p process
		if !p.cutIDs(after) {
			return false
		}
		session, after = p.session, ": "+p.words
	}
	reason, ok := strings.CutPrefix(after, ": ")
	if !ok {
		return false
	}
	if strings.HasSuffix(inner, ">") {
		i := strings.LastIndex(inner, ",<")
		if i < 0 {
			return false
		}
		session, inner = inner[i+2:len(inner)-1], inner[:i]
	}
	if i := strings.LastIndex(inner, ",sasl:"); i >= 0 && !strings.Contains(inner[i+1:], ",") {
		mech, inner = inner[i+len(",sasl:"):], inner[:i]
	}
	i := strings.LastIndexByte(inner, ',')
	if i < 0 {
		return false
	}
	ip, ok := address(inner[i+1:])
	if !ok {
		return false
	}
	if take {
		p := process{words: reason}
		p.cutLevel()
		reason = p.words
		e.User, e.ClientIP, e.Session, e.Method, e.Reason = inner[:i], ip, session, mech, reason
		if e.User == "?" {
			e.User = ""
		}
	}
	return true
}

// authRefused says whether a reason of the authentication process is a refusal.
func authRefused(reason string) bool {
	for {
		for _, begin := range [...]string{"unknown user", "Password mismatch", "password mismatch", "pam_authenticate() failed", "pam_acct_mgmt() failed",
			"Username character disallowed", "Authentication failure", "Login failed", "invalid credentials", "Invalid credentials", "User is disabled",
			"user disabled", "Account is locked", "Policy check refused", "Authentication failed due to policy", "not replying", "invalid input",
			"Token is not valid", "Token validation failed", "oauth2 failed", "Credential", "Allow_nets check failed", "allow_nets check failed",
			"Empty username", "Master user logins", "Attempted login with password having illegal chars", "Password not in expected format",
			"passdb requires", "No password", "Invalid OTP", "expired"} {
			if strings.HasPrefix(reason, begin) {
				return true
			}
		}
		db, after, ok := strings.Cut(reason, ": ") // 2.4 names the database once more
		if !ok || strings.ContainsAny(db, " ()") {
			return false
		}
		reason = after
	}
}

// dovecotSessionEnd reads the last line of a session, with its counters: "Logged out in=1 out=2 deleted=0 …", of POP3
// "Disconnected: Logged out top=0/0, retr=1/734, del=0/1, size=720", before 2.0 "bytes=88/1121".
func dovecotSessionEnd(r *record, e *Event) bool {
	p := &r.dovecot
	switch p.name {
	case "imap", "pop3", "managesieve", "submission":
	default:
		return false
	}
	known := false
	for _, begin := range [...]string{"Disconnected", "Logged out", "Connection closed", "Server shutting down", "Closing connection", "Quit"} {
		known = known || strings.HasPrefix(p.words, begin)
	}
	if !known {
		return false
	}
	p.fill(e)
	e.Reason, e.Detail = cutCounters(p.words)
	for counter := range strings.FieldsSeq(e.Detail) {
		key, value, _ := strings.Cut(strings.TrimSuffix(counter, ","), "=")
		switch key {
		case "in":
			e.BytesIn, e.HasBytes = parseCount(value), true
		case "out":
			e.BytesOut, e.HasBytes = parseCount(value), true
		case "bytes":
			in, out, _ := strings.Cut(value, "/")
			e.BytesIn, e.BytesOut, e.HasBytes = parseCount(in), parseCount(out), true
		}
	}
	return true
}

// cutCounters parts "Logged out in=1 out=2" from the right: counters are "word=digits" or "word=digits/digits".
func cutCounters(s string) (words, counters string) {
	end := len(s)
	for {
		i := strings.LastIndexByte(s[:end], ' ')
		if i < 0 || !isCounter(strings.TrimSuffix(s[i+1:end], ",")) {
			break
		}
		end = i
	}
	return s[:end], trimSpaces(s[end:])
}

func isCounter(s string) bool {
	key, value, ok := strings.Cut(s, "=")
	if !ok || key == "" || value == "" {
		return false
	}
	for i := 0; i < len(value); i++ {
		if !isDigit(value[i]) && value[i] != '/' {
			return false
		}
	}
	return true
}

func parseCount(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// dovecotMailLog reads the lines of the mail_log plugin about messages: "expunge: box=INBOX, uid=1, msgid=<…>, size=…".
func dovecotMailLog(r *record, e *Event) bool {
	p := &r.dovecot
	verb, fields, ok := strings.Cut(p.words, ": ")
	if !ok || p.user == "" {
		return false
	}
	switch verb {
	case "delete", "deleted":
		e.Kind = Delete
	case "undelete", "undeleted":
		e.Kind = Undelete
	case "expunge", "expunged":
		e.Kind = Expunge
	case "save":
		e.Kind = Save
	case "flag_change":
		e.Kind = FlagChange
	default:
		return dovecotCopy(p, e)
	}
	p.fill(e)
	return mailFields(fields, e)
}

// dovecotCopy reads "copy from INBOX: box=Trash, uid=…" (2.0 and later) and "copy -> Trash: box=INBOX, uid=…" (before).
func dovecotCopy(p *process, e *Event) bool {
	if from, ok := strings.CutPrefix(p.words, "copy from "); ok {
		source, fields, ok := strings.Cut(from, ": box=")
		if !ok {
			if source, fields, ok = strings.Cut(from, ": uid="); !ok {
				return false
			}
			fields = "uid=" + fields
		} else {
			fields = "box=" + fields
		}
		e.Kind = Copy
		p.fill(e)
		if !mailFields(fields, e) {
			return false
		}
		if !e.Ambiguous {
			e.Mailbox, e.Target = source, e.Mailbox
		}
		return true
	}
	to, ok := strings.CutPrefix(p.words, "copy -> ")
	if !ok {
		return false
	}
	target, fields, ok := strings.Cut(to, ": ")
	if !ok {
		return false
	}
	e.Kind = Copy
	p.fill(e)
	if !mailFields(fields, e) {
		return false
	}
	if !e.Ambiguous {
		e.Target = target
	}
	return true
}

// mailFields reads box, uid, msgid, size and flags. The folder's name is the account's own, the Message-ID the sender's:
// where one of them holds what looks like the field behind it, folder, UID and Message-ID stay unsaid.
func mailFields(s string, e *Event) bool {
	if !strings.HasPrefix(s, "box=") && !strings.HasPrefix(s, "uid=") {
		return false
	}
	whole := ", " + s
	if strings.Count(whole, ", uid=") != 1 || strings.Count(whole, ", box=") > 1 || strings.Count(whole, ", msgid=") > 1 {
		e.Ambiguous = true
		e.Reason = "text in the line looks like the server's own: folder, UID and Message-ID are not told from it"
		return strings.Contains(whole, ", uid=")
	}
	e.Mailbox = mailField(whole, ", box=")
	e.UID = mailField(whole, ", uid=")
	if _, rest, ok := strings.Cut(whole, ", msgid="); ok {
		if i := strings.LastIndex(rest, ", size="); i >= 0 {
			rest, e.Detail = rest[:i], rest[i+2:]
		}
		e.MessageID = unbracket(rest)
	} else if i := strings.LastIndex(whole, ", size="); i >= 0 {
		e.Detail = whole[i+2:]
	}
	return true
}

// mailField returns the value after key up to the next field that mail_log writes.
func mailField(s, key string) string {
	_, rest, ok := strings.Cut(s, key)
	if !ok {
		return ""
	}
	end := len(rest)
	for _, next := range [...]string{", uid=", ", box=", ", msgid=", ", size=", ", flags=", ", from=", ", subject=", ", vsize="} {
		if i := strings.Index(rest[:end], next); i >= 0 {
			end = i
		}
	}
	return rest[:end]
}

// dovecotMailbox reads the lines of the mail_log plugin about folders.
func dovecotMailbox(r *record, e *Event) bool {
	p := &r.dovecot
	rest, ok := strings.CutPrefix(p.words, "Mailbox ")
	if !ok || p.user == "" {
		return false
	}
	verb, name, ok := strings.Cut(rest, ": ")
	if !ok {
		return false
	}
	switch verb {
	case "created", "deleted", "subscribed", "unsubscribed", "updated":
	case "renamed":
		from, to, ok := strings.Cut(name, " -> ")
		if !ok {
			return false
		}
		if strings.Contains(to, " -> ") {
			e.Ambiguous, from, to = true, "", ""
			e.Reason = "the folders' names have an arrow in them: " + name
		}
		name, e.Target = from, to
	default:
		return false
	}
	p.fill(e)
	e.Mailbox, e.Action = name, verb
	return true
}

// A sievePhrase is how Pigeonhole begins to say what it did with a message.
type sievePhrase struct{ begin, action string }

// sievePhrases are in 2.4 preceded by "fileinto action: " and the like.
var sievePhrases = [...]sievePhrase{
	{"stored mail into mailbox '", "stored"},
	{"forwarded to <", "redirected"},
	{"discarded duplicate forward to <", "redirect dropped"},
	{"marked message to be discarded if not explicitly delivered", "discarded"},
	{"Marked message to be discarded if not explicitly delivered", "discarded"},
	{"discarded message", "discarded"},
	{"sent vacation response to <", "vacation"},
	{"discarded duplicate vacation response to <", "vacation dropped"},
	{"discarding vacation response", "vacation dropped"},
	{"rejected message from <", "rejected"},
	{"sent mail notification to <", "notified"},
	{"executed to pipe", "piped"},
	{"piped message to program '", "piped"},
	{"failed to store into mailbox '", "failed"},
	{"failed to redirect message to <", "failed"},
	{"execution of script ", "failed"},
	{"saved mail to ", "saved"},
}

// dovecotSieve reads what delivery and the filters did: "sieve: msgid=<…>: forwarded to <addr>", "msgid=<…>: saved mail to
// INBOX". The Message-ID is the sender's: a line with two places where the action could begin is not believed.
func dovecotSieve(r *record, e *Event) bool {
	p := &r.dovecot
	switch p.name {
	case "lmtp", "lda", "deliver", "dovecot-lda", "imap":
	default:
		return false
	}
	words := strings.TrimPrefix(p.words, "sieve: ")
	if !strings.HasPrefix(words, "msgid=") { // 2.1 and 2.2 put the session in front
		session, rest, _ := strings.Cut(words, ": ")
		if words = strings.TrimPrefix(rest, "sieve: "); strings.ContainsAny(session, " =<>") {
			return false
		}
	}
	words, ok := strings.CutPrefix(words, "msgid=")
	if !ok {
		return false
	}
	where, found := -1, sievePhrase{}
	for from := 0; ; {
		i := strings.Index(words[from:], ": ")
		if i < 0 {
			break
		}
		from += i + 2
		if phrase, ok := sieveAction(words[from:]); ok {
			if where >= 0 {
				p.fill(e)
				user := e.User
				e.doubt()
				e.Kind, e.User = Sieve, user
				return true
			}
			where, found = from, phrase
		}
	}
	if where < 0 {
		return false
	}
	p.fill(e)
	id := words[:where-2]
	for _, action := range [...]string{": fileinto action", ": redirect action", ": discard action", ": keep action", ": reject action", ": vacation action",
		": notify action", ": pipe action", ": store action", ": implicit keep action"} {
		id = strings.TrimSuffix(id, action)
	}
	e.MessageID = unbracket(id)
	e.Kind, e.Action = Sieve, found.action
	rest := words[where:]
	switch found.action {
	case "saved":
		e.Kind, e.Action, e.Mailbox = Save, "", rest[len(found.begin):]
	case "stored":
		e.Target = strings.TrimSuffix(rest[len(found.begin):], "'")
	case "failed", "discarded", "piped":
		e.Reason = rest
		if found.begin == "discarded message" || found.action == "discarded" {
			e.Reason = ""
		}
	default:
		if strings.HasSuffix(found.begin, "<") {
			target, why, _ := strings.Cut(rest[len(found.begin):], ">")
			e.Target, e.Reason = target, strings.TrimSpace(why)
		}
	}
	return true
}

func sieveAction(s string) (sievePhrase, bool) {
	for _, p := range sievePhrases {
		if strings.HasPrefix(s, p.begin) {
			return p, true
		}
	}
	return sievePhrase{}, false
}

// dovecotPlesk reads the last line of a session as Plesk's log format has it:
// "service=imap, user=…, ip=[…]. Logged out rcvd=74, sent=803".
func dovecotPlesk(r *record, e *Event) bool {
	rest, ok := strings.CutPrefix(r.text, "service=")
	if !ok {
		return false
	}
	service, rest, ok := strings.Cut(rest, ", user=")
	if !ok || strings.Contains(service, " ") {
		return false
	}
	i := strings.LastIndex(rest, ", ip=[")
	if i < 0 {
		return false
	}
	ip, words, ok := strings.Cut(rest[i+len(", ip=["):], "]. ")
	if !ok {
		return false
	}
	e.Service, e.User = service, rest[:i]
	if e.ClientIP, ok = address(ip); !ok {
		return false
	}
	e.Kind = SessionEnd
	e.Reason, e.Detail = cutCounters(words)
	e.Reason = strings.TrimSuffix(e.Reason, ",")
	for counter := range strings.FieldsSeq(e.Detail) {
		key, value, _ := strings.Cut(strings.TrimSuffix(counter, ","), "=")
		switch key {
		case "rcvd":
			e.BytesIn, e.HasBytes = parseCount(value), true
		case "sent":
			e.BytesOut, e.HasBytes = parseCount(value), true
		}
	}
	return true
}
