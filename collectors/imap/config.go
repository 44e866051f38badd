package imap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/evidence/earlier"
	"github.com/mbaudit/mbaudit/internal/imapwire"
	"github.com/mbaudit/mbaudit/internal/secret"
)

// A Config says where the server is and who logs in. New checks it before anything is sent.
type Config struct {
	// URL is imaps://host[:port], encrypted from the first byte (port 993), or imap://host[:port], encrypted by
	// STARTTLS (port 143). It holds no user and no password.
	URL string

	// Sieve says where the account's Sieve scripts are read: sieve://host[:port], encrypted by STARTTLS, or
	// sieves://host[:port], encrypted from the first byte (port 4190). Empty means port 4190 of the URL's host, where
	// it is no gap if nothing is there; SieveNone reads none.
	Sieve string

	// RootCAFile is a PEM file of the only authorities to trust; empty means the system's.
	RootCAFile string

	// ServerName is the name that the certificate must have; empty means the URL's host.
	ServerName string

	// Pin is the SHA-256 of the server's own certificate, "sha256:" and 64 hexadecimal digits. If it is set, this
	// certificate and no other is accepted, whoever issued it and for whatever name.
	Pin string

	// InsecurePlaintext allows a session without encryption where the server offers no STARTTLS.
	InsecurePlaintext bool

	// Exactly one of Password, MasterPassword, Token and Tokens is set.
	Password secret.String

	// MasterUser logs in for every account with MasterPassword: as "account*master" with MasterSeparator in between
	// ("*" if empty), or by SASL PLAIN with the account as the authorisation identity if MasterAuthzID is set.
	MasterUser      string
	MasterPassword  secret.String
	MasterSeparator string
	MasterAuthzID   bool

	// Token is an OAuth 2.0 access token, sent by OAUTHBEARER (RFC 7628) or else XOAUTH2.
	Token secret.String

	// Tokens gives an access token of the account for each login: one that is still good for a while. A long reading outlives
	// a token, and then needs another when it connects again. An error ends the attempt to connect, as it is.
	Tokens func(ctx context.Context, account string) (secret.String, error)

	// Logins names the login of accounts whose login is not the account's name.
	Logins map[string]string

	// ClientID is what ID (RFC 2971) tells the server of us; empty tells nothing.
	ClientID map[string]string

	Timeout time.Duration   // the window of imapwire.Pace, 2 minutes if 0; there is no deadline on the whole
	Retries int             // connections, or answers of a busy server, in a row that bring nothing before it gives up, 5 if 0; negative for none
	Backoff time.Duration   // before the first of these, doubled each time up to a minute, or what the server says up to 15; 1 second if 0
	Limits  imapwire.Limits // on what the server can make us hold
	TempDir string          // for messages over 128 KiB whose answer is out of order; empty for the system's
	Foreign int             // mailboxes of others whose rights are asked for, 2000 if 0; negative for none
	Chunk   int             // messages asked for by one command, 2000 if 0

	// Connections bounds how many connections one account is read over, MaxConnections if 0. More than one are opened only
	// where they help; a server that allows fewer is not asked again.
	Connections int

	Report collectors.Progress // hears how far it is; may be nil

	// NoCompression leaves a slow line uncompressed although the server offers to compress.
	NoCompression bool

	// Disappeared, if set, hears what was found out about messages that are not there any more. It is an exhibit too.
	Disappeared func(account string, report earlier.Report)

	// Dial opens the connection, net.Dialer if nil.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// A Collector reads accounts of one IMAP server. It is safe for use by several goroutines; each Collect opens its own
// connection.
type Collector struct {
	cfg   Config
	host  string
	addr  string // host:port
	tls   bool   // encrypted from the first byte
	roots *x509.CertPool
	sieve sievePlace
	pin   string // as fingerprint writes it; empty where none is pinned
}

// New checks cfg and returns the collector. It opens no connection.
func New(cfg Config) (*Collector, error) {
	c := &Collector{cfg: cfg}
	if err := c.checkURL(); err != nil {
		return nil, err
	}
	if err := c.checkSieve(); err != nil {
		return nil, err
	}
	if err := c.checkLogin(); err != nil {
		return nil, err
	}
	if cfg.Pin != "" {
		pin, err := parsePin(cfg.Pin)
		if err != nil {
			return nil, err
		}
		c.pin = pin
	}
	if cfg.RootCAFile != "" {
		pem, err := os.ReadFile(cfg.RootCAFile)
		if err != nil {
			return nil, fmt.Errorf("imap: reading the trusted authorities: %w", err)
		}
		c.roots = x509.NewCertPool()
		if !c.roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("imap: %s holds no certificate in PEM form", cfg.RootCAFile)
		}
	}
	c.setDefaults()
	return c, nil
}

func (c *Collector) checkURL() error {
	u, err := url.Parse(c.cfg.URL)
	if err != nil || u.Hostname() == "" {
		return fmt.Errorf("imap: the server is given as imaps://host or imaps://host:port, not as %q", c.cfg.URL)
	}
	port := u.Port()
	switch u.Scheme {
	case "imaps":
		c.tls = true
		if port == "" {
			port = "993"
		}
	case "imap":
		if port == "" {
			port = "143"
		}
	default:
		return fmt.Errorf("imap: the server's URL begins with imaps:// or imap://, not with %q", u.Scheme)
	}
	if u.User != nil {
		return errors.New("imap: the server's URL holds no user and no password; they are given apart")
	}
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("imap: the server's URL ends after the port; folders are given apart")
	}
	c.host = u.Hostname()
	c.addr = net.JoinHostPort(c.host, port)
	return nil
}

func (c *Collector) checkLogin() error {
	ways := 0
	for _, s := range []secret.String{c.cfg.Password, c.cfg.MasterPassword, c.cfg.Token} {
		if s.Empty() {
			continue
		}
		ways++
		if strings.ContainsAny(s.Reveal(), "\x00\r\n") {
			return errors.New("imap: the password or token has a line break or a zero byte in it, which no server takes")
		}
	}
	if c.cfg.Tokens != nil {
		ways++
	}
	switch {
	case ways == 0:
		return errors.New("imap: there is no password, no master user's password and no token to log in with")
	case ways > 1:
		return errors.New("imap: one of password, master user's password and token is enough, and only one is used")
	case c.cfg.MasterPassword.Empty() != (c.cfg.MasterUser == ""):
		return errors.New("imap: a master user and the master user's password go together")
	case c.cfg.MasterAuthzID && c.cfg.MasterSeparator != "":
		return errors.New("imap: a master user logs in with a separator or with an authorisation identity, not with both")
	}
	return nil
}

func (c *Collector) setDefaults() {
	if c.cfg.MasterSeparator == "" {
		c.cfg.MasterSeparator = "*"
	}
	if c.cfg.Timeout == 0 {
		c.cfg.Timeout = 2 * time.Minute
	}
	if c.cfg.Retries == 0 {
		c.cfg.Retries = 5
	}
	if c.cfg.Backoff == 0 {
		c.cfg.Backoff = time.Second
	}
	if c.cfg.Chunk <= 0 {
		c.cfg.Chunk = 2000
	}
	if c.cfg.Connections <= 0 || c.cfg.Connections > MaxConnections {
		c.cfg.Connections = MaxConnections
	}
	if c.cfg.Foreign == 0 {
		c.cfg.Foreign = 2000
	}
	if c.cfg.Report == nil {
		c.cfg.Report = collectors.NoProgress{}
	}
	if c.cfg.Dial == nil {
		c.cfg.Dial = (&net.Dialer{Timeout: 30 * time.Second}).DialContext
	}
}

// Name implements collectors.Collector.
func (c *Collector) Name() string { return "imap" }

// login returns the name that logs in for an account when there is no master user.
func (c *Collector) login(account string) string {
	if name, ok := c.cfg.Logins[account]; ok {
		return name
	}
	return account
}

func (c *Collector) serverName() string {
	if c.cfg.ServerName != "" {
		return c.cfg.ServerName
	}
	return c.host
}

// tlsConfig is that of IMAP. RFC 8314 section 6 names the protocol; servers without ALPN ignore it.
func (c *Collector) tlsConfig() *tls.Config { return c.tlsConfigFor(c.serverName(), "imap") }

func (c *Collector) tlsConfigFor(serverName, protocol string) *tls.Config {
	config := &tls.Config{ServerName: serverName, RootCAs: c.roots, MinVersion: tls.VersionTLS12, NextProtos: []string{protocol}}
	if c.pin != "" {
		config.InsecureSkipVerify = true // checkPin stands in for it
		config.VerifyConnection = c.checkPin
	}
	return config
}
