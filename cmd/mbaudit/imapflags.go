package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/mbaudit/mbaudit/collectors/imap"
	"github.com/mbaudit/mbaudit/evidence/earlier"
	"github.com/mbaudit/mbaudit/internal/secret"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// imapOptions are the options that say how to reach and enter an IMAP server.
type imapOptions struct {
	url, login, sieve       string
	master, separator       string
	passwordFile, tokenFile string
	caFile, serverName, pin string
	insecurePlaintext       bool
	connections             int
	noCompress              bool

	disappeared func(account string, report earlier.Report) // hears what is not in a mailbox any more

	tokens func(ctx context.Context, account string) (secret.String, error) // of Google, by the delegation; nil without it
}

func (o *imapOptions) addFlags(f *pflag.FlagSet) {
	o.addReach(f)
	f.StringVar(&o.passwordFile, "password-file", "", "file whose first line is the password")
	f.BoolVar(&o.noCompress, "no-compress", false, "never ask the server to compress what it sends; it is asked over slow lines only")
	f.IntVar(&o.connections, "connections", imap.MaxConnections, "connections to the server at most; more than one are opened only where that is faster")
}

// addReach adds what every command needs that reaches an IMAP server.
func (o *imapOptions) addReach(f *pflag.FlagSet) {
	o.connections = 1
	f.StringVar(&o.url, "imap", "", "IMAP server: imaps://host[:port], or imap://host[:port] with STARTTLS")
	f.StringVar(&o.login, "imap-login", "", "login name, where it is not the account's name")
	f.StringVar(&o.sieve, "sieve", "", "ManageSieve server: sieve://host[:port] with STARTTLS, sieves://host[:port], or none (default: port 4190 of the IMAP server)")
	f.StringVar(&o.master, "imap-master", "", "master user who may read every account (its password is asked for)")
	f.StringVar(&o.separator, "imap-master-separator", "*", `what stands between account and master user; "" for SASL PLAIN with an authorisation identity`)
	f.StringVar(&o.tokenFile, "imap-token-file", "", "file with an OAuth 2.0 access token (OAUTHBEARER, XOAUTH2)")
	f.StringVar(&o.caFile, "tls-ca", "", "PEM file of the only authorities to trust for the server's certificate")
	f.StringVar(&o.serverName, "tls-server-name", "", "name that the server's certificate must have (default: the host)")
	f.StringVar(&o.pin, "tls-pin", "", "accept this certificate of the server and no other, whoever issued it: sha256:FINGERPRINT")
	f.BoolVar(&o.insecurePlaintext, "insecure-plaintext", false, "allow a login in clear text")
}

// check says what of the options cannot be, before anyone is asked for a password.
func (o *imapOptions) check(accounts int) error {
	switch {
	case o.connections < 1 || o.connections > imap.MaxConnections:
		return usageError(fmt.Errorf("--connections is %d", o.connections), fmt.Sprintf("write a number from 1 to %d", imap.MaxConnections))
	case o.login != "" && accounts > 1:
		return usageError(errors.New("--imap-login is for one account, there are several"), "collect the accounts one by one, or use --imap-master")
	case o.tokenFile != "" && (o.passwordFile != "" || o.master != ""):
		return usageError(errors.New("--imap-token-file goes without --password-file and --imap-master"), "leave the others out")
	}
	return nil
}

// A source is a collector with the progress that it reports to.
type source struct {
	collector *imap.Collector
	progress  *progress
}

// sources makes the collector of each account, asking for passwords where nothing gives them.
func (o *imapOptions) sources(t *terminal, accounts []string) (map[string]source, error) {
	shown := newProgress(t)
	sources := make(map[string]source)
	var master secret.String
	for _, account := range accounts {
		config := imap.Config{URL: o.url, Sieve: o.sieve, RootCAFile: o.caFile, ServerName: o.serverName, Pin: o.pin, InsecurePlaintext: o.insecurePlaintext, Report: shown, Connections: o.connections, NoCompression: o.noCompress, Disappeared: o.disappeared,
			ClientID: map[string]string{"name": "mbaudit", "version": version}}
		var err error
		switch {
		case o.tokens != nil:
			config.Tokens = o.tokens
			if config.Sieve == "" {
				config.Sieve = imap.SieveNone // Gmail has no Sieve, and nobody else gets Google's token
			}
		case o.tokenFile != "":
			config.Token, err = readSecretFile(o.tokenFile)
		case o.master != "":
			if master.Empty() {
				master, err = o.password(t, "master user "+o.master)
			}
			config.MasterUser, config.MasterPassword = o.master, master
			config.MasterSeparator, config.MasterAuthzID = o.separator, o.separator == ""
		default:
			config.Password, err = o.password(t, account)
			if o.login != "" {
				config.Logins = map[string]string{account: o.login}
			}
		}
		if err != nil {
			return nil, err
		}
		collector, err := imap.New(config)
		if errors.Is(err, imap.ErrSieveURL) {
			return nil, usageError(err, "as in: --sieve sieve://mail.example.com:4190")
		}
		if err != nil {
			return nil, usageError(err, "as in: --imap imaps://mail.example.com:993")
		}
		sources[account] = source{collector, shown}
	}
	return sources, nil
}

// takesDelegation says whether the delegation of a Google Workspace logs in: at Gmail's own server, where nothing else was
// given to log in with. No other server is sent a token of Google's; for tests, one on this machine is, beside a tenant on
// this machine.
func (o *imapOptions) takesDelegation(t *terminal) bool {
	if o.tokenFile != "" || o.passwordFile != "" || o.master != "" || o.login != "" || t.getenv("MBAUDIT_IMAP_PASSWORD") != "" {
		return false
	}
	u, err := url.Parse(o.url)
	if err != nil {
		return false
	}
	if host := strings.ToLower(u.Hostname()); host == "imap.gmail.com" || host == "imap.googlemail.com" {
		return t.getenv(googleEndpointVariable) == "" && !o.insecurePlaintext
	}
	ip := net.ParseIP(u.Hostname())
	return t.getenv(googleEndpointVariable) != "" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

// password gives the password from the file, the environment or the person at the terminal, in this order.
func (o *imapOptions) password(t *terminal, whose string) (secret.String, error) {
	if o.passwordFile != "" {
		return readSecretFile(o.passwordFile)
	}
	if value := t.getenv("MBAUDIT_IMAP_PASSWORD"); value != "" {
		return secret.New(value), nil
	}
	if t.readSecret == nil {
		return secret.String{}, usageError(fmt.Errorf("there is no password for %s", visible.Text(whose)),
			"set MBAUDIT_IMAP_PASSWORD or give --password-file FILE")
	}
	value, err := t.readSecret("Password for " + visible.Text(whose) + ": ")
	if err != nil {
		return secret.String{}, err
	}
	if value == "" {
		return secret.String{}, usageError(errors.New("the password is empty"), "type it at the prompt, or give --password-file FILE")
	}
	return secret.New(value), nil
}

// readSecretFile reads the first line of a file that only its owner should be able to read.
func readSecretFile(path string) (secret.String, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return secret.String{}, err
	}
	line, _, _ := strings.Cut(string(data), "\n")
	line = strings.TrimSuffix(line, "\r")
	if line == "" {
		return secret.String{}, usageError(fmt.Errorf("the first line of %s is empty", path), "write the password or token into its first line")
	}
	return secret.New(line), nil
}
