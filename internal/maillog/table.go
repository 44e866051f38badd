package maillog

import (
	"slices"
	"strings"
)

// A Format is one kind of line that can be read.
type Format struct {
	Name    string // what Event.Format says
	Program string // the daemon, and the versions where they differ
	Line    string // what the line looks like; capitals stand for what varies
	Gives   Kind   // the kind of event; the first one where the line decides

	family family
	parse  func(*record, *Event) bool
}

// mayBe says, before anything is written, whether a record may be of the format: most formats of Dovecot belong to some of
// its processes.
func (f *Format) mayBe(r *record) bool {
	if r.family != dovecot {
		return true
	}
	switch login := strings.HasSuffix(r.dovecot.name, "-login"); f.Name {
	case "dovecot login", "dovecot no login", "dovecot proxy":
		return login
	case "dovecot auth":
		return strings.HasPrefix(r.dovecot.name, "auth")
	case "plesk session end":
		return strings.HasPrefix(r.text, "service=")
	default:
		return !login
	}
}

// Formats lists every kind of line that the parser knows. What is tried first comes first within one program.
func Formats() []Format { return slices.Clone(formats[:]) }

// formats is the table. parse is anchored at the line's beginning and fills what it is sure of; the event's kind is set
// already, and parse changes it where the line decides.
var formats = [...]Format{
	{"dovecot login", "Dovecot imap-login, pop3-login, managesieve-login, submission-login 2.0–2.4",
		"SERVICE-login: Login: user=<USER>, method=M, rip=IP, lip=IP, mpid=N, TLS, session=<ID>", SignIn, dovecot, dovecotSignIn},
	{"dovecot no login", "Dovecot *-login 2.0–2.4",
		"SERVICE-login: Disconnected|Aborted login|Login aborted …REASON: user=<USER>, …, rip=IP, lip=IP, …", Failure, dovecot, dovecotRefused},
	{"dovecot proxy", "Dovecot *-login as a proxy", "SERVICE-login: proxy(USER): started proxying to HOST: user=<USER>, …", SignIn, dovecot, dovecotProxied},
	{"dovecot auth", "Dovecot auth, auth-worker 2.0–2.4 with auth_verbose", "auth: DB(USER,IP[,sasl:M][,<ID>]): REASON", Failure, dovecot, dovecotAuth},
	{"dovecot session end", "Dovecot imap, pop3, managesieve, submission 1.x–2.4",
		"imap(USER)<PID><ID>: Disconnected: Logged out in=N out=N …", SessionEnd, dovecot, dovecotSessionEnd},
	{"dovecot mail_log", "Dovecot's mail_log plugin", "imap(USER)<PID><ID>: delete|undelete|expunge|save|copy from BOX|flag_change: box=BOX, uid=N, msgid=<ID>, size=N",
		Expunge, dovecot, dovecotMailLog},
	{"dovecot mailbox", "Dovecot's mail_log plugin", "imap(USER)<PID><ID>: Mailbox created|deleted|renamed|subscribed|unsubscribed: BOX", Mailbox, dovecot, dovecotMailbox},
	{"dovecot sieve", "Dovecot lmtp, lda, deliver with Pigeonhole 0.2–2.4", "lmtp(USER)<PID><ID>: sieve: msgid=<ID>: ACTION", Sieve, dovecot, dovecotSieve},
	{"plesk session end", "Dovecot as Plesk sets it up", "service=imap, user=USER, ip=[IP]. Logged out rcvd=N, sent=N", SessionEnd, dovecot, dovecotPlesk},

	{"postfix sasl failed", "Postfix smtpd", "warning: HOST[IP]: SASL M authentication failed: REASON[, sasl_username=USER]", Failure, postfix, postfixSASLFailed},
	{"postfix client", "Postfix smtpd, also under submission and smtps", "QUEUEID: client=HOST[IP][, sasl_method=M, sasl_username=USER]", Submission, postfix, postfixSubmission},
	{"postfix connect", "Postfix smtpd", "connect from HOST[IP]", Connection, postfix, postfixConnect},
	{"postfix disconnect", "Postfix smtpd", "disconnect from HOST[IP] COUNTERS", SessionEnd, postfix, postfixDisconnect},
	{"postfix queued", "Postfix qmgr", "QUEUEID: from=<SENDER>, size=N, nrcpt=N (queue active)", Received, postfix, postfixQueued},
	{"postfix delivery", "Postfix smtp, lmtp, local, virtual, pipe, error", "QUEUEID: to=<ADDRESS>, relay=HOST[IP]:25, …, status=sent (WORDS)", Delivery, postfix, postfixDelivery},
	{"postfix message-id", "Postfix cleanup", "QUEUEID: message-id=<ID>", Received, postfix, postfixMessageID},
	{"postfix reject", "Postfix smtpd", "NOQUEUE: reject: RCPT from HOST[IP]: WORDS", Refused, postfix, postfixReject},

	{"exim authenticator failed", "Exim, main log and syslog", "M authenticator failed for HOST (HELO) [IP]:PORT: WORDS (set_id=USER)", Failure, exim, eximAuthFailed},
	{"exim arrival", "Exim", "ID <= SENDER H=HOST (HELO) [IP] P=PROTOCOL X=TLS A=M:USER S=N id=ID", Submission, exim, eximArrival},
	{"exim delivery", "Exim", "ID =>|->|==|** ADDRESS R=ROUTER T=TRANSPORT H=HOST [IP]", Delivery, exim, eximDelivery},
	{"exim rejected", "Exim", "H=HOST (HELO) [IP]:PORT … rejected RCPT <ADDRESS>: WORDS", Refused, exim, eximRejected},

	{"cyrus login", "Cyrus imapd, pop3d, timsieved 2.2–3.x", "login: HOST [IP] USER M+TLS User logged in SESSIONID=<ID>", SignIn, cyrus, cyrusLogin},
	{"cyrus badlogin", "Cyrus imapd, pop3d, timsieved", "badlogin: HOST [IP] M [REASON]", Failure, cyrus, cyrusBadLogin},
	{"cyrus auditlog", "Cyrus with auditlog: yes", "auditlog: expunge|append|… sessionid=<ID> mailbox=<BOX> uniqueid=<ID> uid=<N>", Expunge, cyrus, cyrusAudit},
	{"cyrus delivered", "Cyrus lmtpd", "Delivered: <ID> to mailbox: BOX", Save, cyrus, cyrusDelivered},
	{"cyrus sieve", "Cyrus lmtpd", "sieve redirected|discarded|rejected: <ID> to: ADDRESS", Sieve, cyrus, cyrusSieve},

	{"courier login", "Courier imapd, pop3d, esmtpd", "LOGIN, user=USER, ip=[IP], …", SignIn, courier, courierLogin},
	{"courier login failed", "Courier", "LOGIN FAILED, [method=M, ]user=USER, ip=[IP]", Failure, courier, courierFailed},
	{"courier session end", "Courier", "LOGOUT|TIMEOUT|DISCONNECTED, user=USER, ip=[IP], …, rcvd=N, sent=N, time=N", SessionEnd, courier, courierEnd},

	{"exchange imap pop", "Exchange IMAP4 and POP3 protocol log", "DATETIME,SESSION,N,IP:PORT,IP:PORT,USER,N,N,N,COMMAND,PARAMETERS,CONTEXT", SignIn, exchange, exchangeIMAP},
	{"exchange smtp", "Exchange SMTP receive protocol log", "DATE-TIME,CONNECTOR,SESSION,N,IP:PORT,IP:PORT,EVENT,DATA,CONTEXT", SignIn, exchange, exchangeSMTP},

	{"zimbra audit", "Zimbra audit.log", "LEVEL [THREAD] [name=USER;ip=IP;oip=IP;…] security - cmd=Auth; account=USER; protocol=P; error=WORDS", SignIn, zimbra, zimbraAuth},
	{"zimbra mailbox", "Zimbra mailbox.log", "LEVEL [THREAD] [CONTEXT] imap|pop|SoapEngine - user USER authenticated, mechanism=M | …authentication failed for [USER] WHY", SignIn, zimbra, zimbraMailbox},

	{"roundcube login", "Roundcube userlogins.log", "Successful login for USER (ID: N) from IP in session ID", SignIn, roundcube, roundcubeLogin},
	{"roundcube failed", "Roundcube userlogins.log", "Failed login for USER from IP in session ID (error: N)", Failure, roundcube, roundcubeFailed},
	{"roundcube sent", "Roundcube sendmail.log", "User USER [IP]; Message <ID> for ADDRESSES; WORDS", Submission, roundcube, roundcubeSent},

	{"sogo login", "SOGo", "SOGoRootPage successful login from 'IP' for user 'USER' - expire = …", SignIn, sogo, sogoLogin},
	{"sogo failed", "SOGo", "SOGoRootPage Login from 'IP' for user 'USER' might not have worked - …", Failure, sogo, sogoFailed},

	{"stalwart", "Stalwart 0.10 and later", `LEVEL NAME (ID) remoteIp = IP, accountName = "USER", …`, SignIn, stalwart, stalwartEvent},

	{"cpanel login", "cPanel login_log", `info [webmaild] IP - USER "REQUEST" FAILED LOGIN webmaild: WORDS`, Failure, cpanel, cpanelLogin},
	{"plesk saslauthd", "Plesk's plesk_saslauthd", "failed mail authentication attempt for user 'USER' (password len=N)", Failure, plesk, pleskFailed},
}

// byFamily sorts the table for lookups.
func byFamily() map[family][]*Format {
	m := make(map[family][]*Format)
	for i := range formats {
		m[formats[i].family] = append(m[formats[i].family], &formats[i])
	}
	return m
}
