package maillog

import "strings"

// columns says where the fields of an Exchange protocol log are. Each file begins with a line "#Fields: …".
type columns struct {
	names []string
	at    map[string]int
}

// cutFields reads "#Fields: dateTime,sessionId,…"; nil if the line is another.
func cutFields(line string) *columns {
	list, ok := strings.CutPrefix(line, "#Fields: ")
	if !ok || len(list) > 4096 {
		return nil
	}
	c := &columns{at: map[string]int{}}
	for i, name := range strings.Split(list, ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		c.names = append(c.names, name)
		c.at[name] = i
	}
	if _, imap := c.at["datetime"]; !imap {
		if _, smtp := c.at["date-time"]; !smtp {
			return nil
		}
	}
	return c
}

// maxColumns bounds what is read of a line; the logs have 9 to 13.
const maxColumns = 40

// split parts a CSV line. Exchange doubles quotes inside quotes (RFC 4180).
func (c *columns) split(line string, into []string) []string {
	for len(into) < maxColumns {
		if !strings.HasPrefix(line, `"`) {
			field, rest, more := strings.Cut(line, ",")
			into = append(into, field)
			if !more {
				return into
			}
			line = rest
			continue
		}
		end := 1
		for end < len(line) {
			if line[end] == '"' {
				if end+1 < len(line) && line[end+1] == '"' {
					end += 2
					continue
				}
				break
			}
			end++
		}
		if end >= len(line) {
			return append(into, line)
		}
		into = append(into, strings.ReplaceAll(line[1:end], `""`, `"`))
		line = line[end+1:]
		if !strings.HasPrefix(line, ",") {
			return into
		}
		line = line[1:]
	}
	return into
}

func (c *columns) get(fields []string, names ...string) string {
	for _, name := range names {
		if i, ok := c.at[name]; ok && i < len(fields) {
			return fields[i]
		}
	}
	return ""
}

// exchangeIMAP reads a line of the IMAP4 and POP3 logs: dateTime,sessionId,seqNumber,sIp,cIp,user,duration,rqsize,rpsize,
// command,parameters,context. The context says what came of a login: R=ok, or R="2 NO AUTHENTICATE failed.".
func exchangeIMAP(r *record, e *Event) bool {
	c := r.columns
	if c == nil || c.at["cip"] == 0 {
		return false
	}
	var room [maxColumns]string
	fields := c.split(r.text, room[:0])
	command := strings.ToLower(c.get(fields, "command"))
	context := c.get(fields, "context")
	switch command {
	case "login", "authenticate", "auth", "pass", "xproxy":
		e.Kind = SignIn
		if exchangeFailed(context) {
			e.Kind, e.Reason = Failure, context
		}
	case "logout", "quit", "closesession":
		e.Kind, e.Reason = SessionEnd, command
	case "expunge", "delete", "dele", "copy", "move", "store", "uid", "append":
		e.Kind, e.Action = Command, command
	default:
		return false
	}
	e.User = c.get(fields, "user")
	e.Session = c.get(fields, "sessionid")
	e.ClientIP, e.ClientPort, _ = addressPort(c.get(fields, "cip"))
	e.ServerIP, _, _ = addressPort(c.get(fields, "sip"))
	e.BytesIn, e.BytesOut, e.HasBytes = parseCount(c.get(fields, "rqsize")), parseCount(c.get(fields, "rpsize")), true
	e.Service, e.Process = "imap", "exchange"
	if strings.HasSuffix(c.get(fields, "sip"), ":110") || strings.HasSuffix(c.get(fields, "sip"), ":995") || strings.HasSuffix(c.get(fields, "sip"), ":1995") ||
		command == "auth" || command == "pass" || command == "quit" || command == "dele" {
		e.Service = "pop3"
	}
	parameters := strings.TrimSpace(c.get(fields, "parameters"))
	if e.Kind == SignIn || e.Kind == Failure {
		if command == "authenticate" || command == "auth" {
			e.Method, _, _ = strings.Cut(parameters, " ")
		} else {
			e.Method = strings.ToUpper(command)
		}
	} else {
		e.Detail = parameters
	}
	return e.ClientIP != ""
}

// exchangeFailed reads the context of a login.
func exchangeFailed(context string) bool {
	for _, sign := range [...]string{"AuthFailed", "-ERR", " NO ", "LogonDenied", "R=NO", " BAD ", "ErrMsg="} {
		if strings.Contains(context, sign) {
			return true
		}
	}
	return false
}

// exchangeSMTP reads a line of the SMTP receive log: date-time,connector-id,session-id,sequence-number,local-endpoint,
// remote-endpoint,event,data,context.
func exchangeSMTP(r *record, e *Event) bool {
	c := r.columns
	if c == nil || c.at["remote-endpoint"] == 0 {
		return false
	}
	var room [maxColumns]string
	fields := c.split(r.text, room[:0])
	data, context := c.get(fields, "data"), c.get(fields, "context")
	switch event := c.get(fields, "event"); {
	case event == "+":
		e.Kind = Connection
	case event == "-":
		e.Kind = SessionEnd
	case event == ">" && strings.HasPrefix(data, "535 "):
		e.Kind, e.Reason = Failure, data
	case event == ">" && strings.HasPrefix(data, "235 "):
		e.Kind = SignIn
	case event == "*" && context == "authenticated":
		e.Kind, e.User = SignIn, data
	case event == "*" && strings.HasPrefix(context, "Inbound authentication failed"):
		e.Kind, e.Reason = Failure, context
		e.User, _ = between(context+";", "User Name: ", ";")
	default:
		return false
	}
	e.Session = c.get(fields, "session-id")
	e.ClientIP, e.ClientPort, _ = addressPort(c.get(fields, "remote-endpoint"))
	e.ServerIP, _, _ = addressPort(c.get(fields, "local-endpoint"))
	e.Service, e.Process = "smtp", "exchange"
	e.Detail = c.get(fields, "connector-id")
	return e.ClientIP != ""
}
