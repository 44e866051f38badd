package imap

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"
)

// SieveNone, as Config.Sieve, reads no Sieve scripts.
const SieveNone = "none"

// ErrSieveURL is what New's error is where Config.Sieve cannot be.
var ErrSieveURL = errors.New("the ManageSieve server is given as sieve://host[:port] or sieves://host[:port], or as none")

// sieveDial is how long a ManageSieve server may take to answer a connection. Most servers have none, and many drop
// what comes to a port without a service.
const sieveDial = 5 * time.Second

// sieveTime is how long reading scripts may take in all, so that a server cannot hold up the mailbox.
const sieveTime = 10 * time.Minute

// sieveProgress is how long a ManageSieve server may go without progress, unless Config.Timeout is shorter. What it has
// to say is small.
const sieveProgress = 30 * time.Second

// A sievePlace is where scripts are read.
type sievePlace struct {
	none       bool
	named      bool // by whoever asked for it, so that it must be there
	addr       string
	serverName string
	tls        bool // encrypted from the first byte
	within     time.Duration
	progress   time.Duration
}

// checkSieve reads Config.Sieve once the IMAP server's own URL is read.
func (c *Collector) checkSieve() error {
	c.sieve = sievePlace{addr: net.JoinHostPort(c.host, "4190"), serverName: c.serverName(), within: sieveTime, progress: sieveProgress}
	switch c.cfg.Sieve {
	case "":
		return nil
	case SieveNone:
		c.sieve.none = true
		return nil
	}
	u, err := url.Parse(c.cfg.Sieve)
	if err != nil || u.Hostname() == "" || u.Scheme != "sieve" && u.Scheme != "sieves" || u.User != nil ||
		u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("imap: %w, not as %q", ErrSieveURL, c.cfg.Sieve)
	}
	port := u.Port()
	if port == "" {
		port = "4190"
	}
	c.sieve.named, c.sieve.tls = true, u.Scheme == "sieves"
	c.sieve.addr = net.JoinHostPort(u.Hostname(), port)
	if u.Hostname() != c.host {
		c.sieve.serverName = u.Hostname() // Config.ServerName is the IMAP server's
	}
	return nil
}
