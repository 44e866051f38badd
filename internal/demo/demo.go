package demo

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"math/big"
	"net"
	"net/http"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"

	"github.com/mbaudit/mbaudit/evidence/timestamp"
	"github.com/mbaudit/mbaudit/internal/fakegoogle"
	"github.com/mbaudit/mbaudit/internal/seedmail"
)

// Account is the mailbox that was taken over, Password its password.
const (
	Account  = "alice@example.test"
	Password = "demo only"
)

// Servers are the running servers.
type Servers struct {
	IMAP     string // imaps://127.0.0.1:port
	CAPEM    []byte // what the IMAP server's certificate is trusted by
	TSA      string // http://127.0.0.1:port
	TSARoot  []byte // PEM
	Messages int    // how many are in the mailbox

	Google    string // http://127.0.0.1:port, a tenant that stands for Google
	GoogleKey []byte // the key file of a service account with domain-wide delegation

	imap   *imapserver.Server
	tsa    *http.Server
	google *fakegoogle.Server
}

// weeksUntil is by how many weeks the story is to be told later so that it ended in the seven days before now.
func weeksUntil(now time.Time) int {
	return int(math.Floor(now.Sub(fakegoogle.Start()).Hours() / (7 * 24)))
}

// Start starts the servers on free loopback ports. What they tell happened in the days before now.
func Start(now time.Time) (*Servers, error) {
	cert, caPEM, err := certificate()
	if err != nil {
		return nil, err
	}
	weeks := weeksUntil(now)
	mail, count, err := mailbox(weeks)
	if err != nil {
		return nil, err
	}
	s := &Servers{CAPEM: caPEM, Messages: count}
	s.imap = imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return mail.NewSession(), nil, nil
		},
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}},
		Caps:      imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapIMAP4rev2: {}},
		Logger:    log.New(io.Discard, "", 0),
	})
	imapListener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		return nil, err
	}
	s.IMAP = "imaps://" + imapListener.Addr().String()
	go func() { _ = s.imap.Serve(imapListener) }() // ends with Close
	authority, err := timestamp.NewAuthority(timestamp.AuthorityOptions{})
	if err != nil {
		return nil, errors.Join(err, s.imap.Close())
	}
	tsaListener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, s.imap.Close())
	}
	s.TSA, s.TSARoot = "http://"+tsaListener.Addr().String(), authority.RootPEM()
	s.tsa = &http.Server{Handler: authority, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.tsa.Serve(tsaListener) }()
	if err := s.startGoogle(weeks); err != nil {
		return nil, errors.Join(err, s.imap.Close(), s.tsa.Close())
	}
	return s, nil
}

// GoogleAdmin is the administrator of the tenant.
const GoogleAdmin = fakegoogle.Admin

// startGoogle serves a tenant in which the same account was taken over. It has no quotas: nobody waits for a demonstration.
func (s *Servers) startGoogle(weeks int) error {
	tenant := fakegoogle.New(fakegoogle.Config{Weeks: weeks, Now: time.Now, Quotas: fakegoogle.Quotas{GmailUnits: -1, GmailProject: -1, Directory: -1, Reports: -1, Drive: -1, Others: -1}})
	var err error
	if s.google, err = tenant.Listen(); err != nil {
		return err
	}
	s.Google = s.google.PlainURL
	s.GoogleKey, err = s.google.KeyFile(s.Google)
	return err
}

// Stop stops the servers.
func (s *Servers) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	s.google.Close()
	return errors.Join(s.imap.Close(), s.tsa.Shutdown(ctx))
}

// mailbox fills a server in memory with the mailbox that was taken over.
func mailbox(weeks int) (*imapmemserver.Server, int, error) {
	user := imapmemserver.NewUser(Account, Password)
	made := make(map[string]bool)
	create := func(folder string) error {
		if made[folder] {
			return nil
		}
		made[folder] = true
		return user.Create(folder, nil)
	}
	if err := create("INBOX"); err != nil {
		return nil, 0, err
	}
	messages := seedmail.CompromisedLater(weeks)
	for _, m := range messages {
		if err := create(m.Folder); err != nil {
			return nil, 0, fmt.Errorf("making %s: %w", m.Folder, err)
		}
		options := &imap.AppendOptions{Time: m.InternalDate}
		for _, flag := range m.Flags {
			options.Flags = append(options.Flags, imap.Flag(flag))
		}
		if _, err := user.Append(m.Folder, literal{bytes.NewReader(m.Raw)}, options); err != nil {
			return nil, 0, fmt.Errorf("filling %s: %w", m.Folder, err)
		}
	}
	server := imapmemserver.New()
	server.AddUser(user)
	return server, len(messages), nil
}

// A literal is a message as Append takes it.
type literal struct{ *bytes.Reader }

// Size is the message's length.
func (l literal) Size() int64 { return l.Reader.Size() }

// certificate makes a server certificate for 127.0.0.1 and the authority that it comes from.
func certificate() (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mbaudit demo"}, NotBefore: time.Now().Add(-time.Minute),
		NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}
