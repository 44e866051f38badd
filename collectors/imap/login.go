package imap

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/emersion/go-sasl"
	"github.com/mbaudit/mbaudit/internal/imapwire"
	"github.com/mbaudit/mbaudit/internal/secret"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// credentials are what one login needs.
type credentials struct {
	authzid string // the account, where a master user logs in for it by SASL
	user    string
	secret  secret.String
}

func (c *Collector) credentials(account string) credentials {
	login := c.login(account)
	switch {
	case c.cfg.MasterUser == "" && !c.cfg.Token.Empty():
		return credentials{user: login, secret: c.cfg.Token}
	case c.cfg.MasterUser == "":
		return credentials{user: login, secret: c.cfg.Password}
	case c.cfg.MasterAuthzID:
		return credentials{authzid: login, user: c.cfg.MasterUser, secret: c.cfg.MasterPassword}
	}
	return credentials{user: login + c.cfg.MasterSeparator + c.cfg.MasterUser, secret: c.cfg.MasterPassword}
}

// fresh are the credentials for one login, with a new token where tokens are given out one by one.
func (c *Collector) fresh(ctx context.Context, account string) (credentials, error) {
	cred := c.credentials(account)
	if c.cfg.Tokens == nil {
		return cred, nil
	}
	var err error
	if cred.secret, err = c.cfg.Tokens(ctx, account); err != nil {
		return cred, &Error{Account: account, Doing: "getting a token for " + c.addr, Err: err}
	}
	if cred.secret.Empty() || strings.ContainsAny(cred.secret.Reveal(), "\x00\r\n\x01") {
		return cred, &Error{Account: account, Doing: "getting a token for " + c.addr, Kinds: []error{ErrAuth}, Err: errors.New("what came is no token")}
	}
	return cred, nil
}

// byToken says that a token logs in, not a password.
func (c *Collector) byToken() bool { return c.cfg.Tokens != nil || !c.cfg.Token.Empty() }

// authenticate logs in by the best way that the server offers for what we have.
func (c *Collector) authenticate(ctx context.Context, l *link, account string) error {
	cred, err := c.fresh(ctx, account)
	if err != nil {
		return err
	}
	fail := func(err error, kinds ...error) error {
		return &Error{Account: account, Doing: "logging in to " + c.addr, Kinds: kinds, Err: err}
	}
	if l.tls == nil && !c.cfg.InsecurePlaintext {
		return fail(ErrPlaintextRefused, ErrPlaintextRefused) // connect has seen to it; here the secret leaves us
	}
	var answer *imapwire.Answer
	var detail string // what the server said inside the SASL exchange
	switch {
	case c.byToken():
		answer, detail, err = c.bearer(l, cred)
	default:
		answer, err = password(l, cred)
	}
	var bye *imapwire.ByeError
	if errors.As(err, &bye) {
		err = &imapwire.ByeError{Status: redact(bye.Status, cred)}
		if refusesLogin(bye.Status) {
			return fail(err, ErrAuth)
		}
	}
	switch {
	case errors.Is(err, ErrAuthPrivacy):
		return fail(err, ErrAuthPrivacy, ErrPlaintextRefused)
	case errors.Is(err, ErrNoMechanism):
		return fail(err, ErrNoMechanism)
	case err != nil:
		return err
	case answer.OK():
		return nil
	}
	status := redact(answer.Status, cred)
	if detail != "" {
		status.Text = strings.TrimSpace(status.Text + " (" + hide(detail, cred) + ")")
	}
	if after, busy := busyStatus(status); busy {
		return fail(&busyError{serverSays{status}, after}, authKinds(status)...)
	}
	return fail(serverSays{status}, authKinds(status)...)
}

// password logs in with a password: by SASL PLAIN, else by LOGIN, else by the SASL mechanism of that name, which old
// servers offer beside LOGINDISABLED. A server that does not understand one of them is asked in the next way; one that
// understood and refused is not asked again.
func password(l *link, cred credentials) (answer *imapwire.Answer, err error) {
	if l.caps.has("AUTH=PLAIN") {
		answer, _, err = sasl1(l, sasl.NewPlainClient(cred.authzid, cred.user, cred.secret.Reveal()))
		if err != nil || !notUnderstood(answer) {
			return answer, err
		}
	}
	if cred.authzid != "" {
		if answer != nil {
			return answer, nil
		}
		return nil, fmt.Errorf("%w: a master user with an authorisation identity needs AUTH=PLAIN", ErrNoMechanism)
	}
	if !l.caps.has("LOGINDISABLED") {
		answer, err = login(l, cred)
		if err != nil || !notUnderstood(answer) || !l.caps.has("AUTH=LOGIN") {
			return answer, err
		}
	}
	switch {
	case l.caps.has("AUTH=LOGIN"):
		return saslLogin(l, cred)
	case answer != nil:
		return answer, nil
	case l.tls == nil:
		return nil, fmt.Errorf("%w (LOGINDISABLED)", ErrAuthPrivacy)
	}
	return nil, fmt.Errorf("%w: neither AUTH=PLAIN nor AUTH=LOGIN nor LOGIN", ErrNoMechanism)
}

// notUnderstood says whether a server stumbled over the command itself, so that no password was looked at.
func notUnderstood(a *imapwire.Answer) bool {
	_, busy := busyStatus(a.Status)
	return a.Status.Name == "BAD" && !busy
}

// saslLogin logs in by the mechanism LOGIN (draft-murchison-sasl-login): the server asks for two things, in words of
// its own, and they are the name and the password. It takes no initial response.
func saslLogin(l *link, cred credentials) (*imapwire.Answer, error) {
	replies := []imapwire.Revealer{secret.New(encodeSASL([]byte(cred.user))), secret.New(encodeSASL([]byte(cred.secret.Reveal())))}
	cmd := imapwire.NewCommand("AUTHENTICATE").Atom("LOGIN")
	cmd.Respond = func(string) (imapwire.Revealer, error) {
		if len(replies) == 0 {
			return nil, fmt.Errorf("%w: the server asks for more than a name and a password", ErrNoMechanism)
		}
		reply := replies[0]
		replies = replies[1:]
		return reply, nil
	}
	return l.conn.Do(cmd)
}

func login(l *link, cred credentials) (*imapwire.Answer, error) {
	return l.conn.Do(imapwire.NewCommand("LOGIN").String(cred.user).Secret(cred.secret, false))
}

// bearer logs in with a token.
func (c *Collector) bearer(l *link, cred credentials) (*imapwire.Answer, string, error) {
	client, err := bearerClient(c.addr, func(mechanism string) bool { return l.caps.has("AUTH=" + mechanism) }, cred)
	if err != nil {
		return nil, "", err
	}
	return sasl1(l, client)
}

// bearerClient returns the best mechanism for a token that is offered: OAUTHBEARER is the standard, XOAUTH2 what Google
// and Microsoft had before it.
func bearerClient(addr string, offered func(mechanism string) bool, cred credentials) (sasl.Client, error) {
	switch {
	case offered("OAUTHBEARER"):
		host, portText, _ := net.SplitHostPort(addr)
		port, _ := strconv.Atoi(portText) // 0, which go-sasl leaves out, where it is a service's name
		return sasl.NewOAuthBearerClient(&sasl.OAuthBearerOptions{
			Username: cred.user, Token: cred.secret.Reveal(), Host: host, Port: port,
		}), nil
	case offered("XOAUTH2"):
		return &xoauth2{cred}, nil
	}
	return nil, fmt.Errorf("%w: a token needs AUTH=OAUTHBEARER or AUTH=XOAUTH2", ErrNoMechanism)
}

// xoauth2 is Google's mechanism: one message, and an empty one in answer to an error, after which the server says no.
type xoauth2 struct{ cred credentials }

func (x *xoauth2) Start() (string, []byte, error) {
	ir := "user=" + x.cred.user + "\x01auth=Bearer " + x.cred.secret.Reveal() + "\x01\x01"
	return "XOAUTH2", []byte(ir), nil
}

func (x *xoauth2) Next(challenge []byte) ([]byte, error) { return nil, nil }

// sasl1 runs AUTHENTICATE with a mechanism of one message. It returns what the server said in a challenge after that,
// which for tokens is a JSON text with the reason of the refusal.
func sasl1(l *link, client sasl.Client) (*imapwire.Answer, string, error) {
	mechanism, initial, err := client.Start()
	if err != nil {
		return nil, "", err
	}
	cmd := imapwire.NewCommand("AUTHENTICATE").Atom(mechanism)
	sent := false
	if l.caps.has("SASL-IR") || l.caps.has("IMAP4REV2") {
		cmd.Secret(secret.New(encodeSASL(initial)), true)
		sent = true
	}
	var detail string
	cmd.Respond = func(challenge string) (imapwire.Revealer, error) {
		if !sent {
			sent = true
			return secret.New(encodeSASL(initial)), nil
		}
		detail = bearerDetail(challenge)
		if mechanism == "OAUTHBEARER" {
			return secret.New(encodeSASL([]byte{1})), nil // RFC 7628 section 3.2.3
		}
		return secret.New(""), nil
	}
	answer, err := l.conn.Do(cmd)
	return answer, detail, err
}

func encodeSASL(b []byte) string {
	if len(b) == 0 {
		return "="
	}
	return base64.StdEncoding.EncodeToString(b)
}

// bearerDetail reads {"status":"invalid_token","scope":…} (RFC 7628 section 3.2.2); what is not JSON is shown as it is.
func bearerDetail(challenge string) string {
	text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(challenge))
	if err != nil {
		return challenge
	}
	var d struct {
		Status  json.RawMessage `json:"status"`
		Scope   string          `json:"scope"`
		Schemes string          `json:"schemes"`
		Config  string          `json:"openid-configuration"`
	}
	if err := json.Unmarshal(text, &d); err != nil || len(d.Status) == 0 {
		return string(text)
	}
	status := strings.Trim(string(d.Status), `"`)
	switch status {
	case "400", "401", "invalid_token":
		status += ": the token is wrong or has expired"
	case "insufficient_scope":
		status += ": the token does not give access to IMAP"
	}
	if d.Scope != "" {
		status += "; it needs the scope " + d.Scope
	}
	return status
}

// refusesLogin says whether a BYE is about the login itself, so that another one would count against the account.
func refusesLogin(s imapwire.Status) bool {
	switch s.CodeName() {
	case "AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED":
		return true
	case "UNAVAILABLE", "INUSE", "LIMIT", "THROTTLED":
		return false
	}
	return lockWords.MatchString(s.Text[:min(len(s.Text), maxStatusText)])
}

// redact takes the secret out of what a server answered, in case it echoes it.
func redact(s imapwire.Status, cred credentials) imapwire.Status {
	s.Code, s.Text = hide(s.Code, cred), hide(s.Text, cred)
	return s
}

func hide(text string, cred credentials) string {
	value := cred.secret.Reveal()
	if value == "" {
		return text
	}
	for _, form := range []string{
		value,
		base64.StdEncoding.EncodeToString([]byte(value)),
		encodeSASL([]byte(cred.authzid + "\x00" + cred.user + "\x00" + value)),
	} {
		text = strings.ReplaceAll(text, form, secret.Redacted)
	}
	return text
}

func quoteShort(b []byte) string {
	return `"` + visible.Cut(strings.TrimRight(string(b), "\r\n"), 200) + `"`
}
