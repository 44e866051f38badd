package s3

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7/pkg/s3utils"

	"github.com/mbaudit/mbaudit/evidence/store"
)

// A Secret hands out its value where it goes onto the wire and prints as something else.
type Secret interface{ Reveal() string }

// A Config says where the bucket is, who we are there, and how objects are locked.
type Config struct {
	// Endpoint is where the service answers: "https://s3.example.org", "s3.example.org:9000" (TLS too), or
	// "http://127.0.0.1:7070". Plain HTTP is refused for anything but this machine, unless Plaintext is set.
	Endpoint  string
	Plaintext bool

	Bucket string
	Prefix string // set before every object name, with a slash between; may be empty
	Region string // empty means: ask the service

	AccessKey    string
	SecretKey    Secret
	SessionToken Secret // may be nil

	// CAFile is a PEM file of the authorities that the service's certificate may come from; empty means those of
	// the system.
	CAFile string

	// Proxy chooses an HTTP proxy, as http.Transport does; nil means none.
	Proxy func(*http.Request) (*url.URL, error)

	// RetainUntil is until when objects are locked, in whole seconds (a part of one counts as a whole). NoLock
	// instead says that objects are not to be locked. One of the two is given.
	RetainUntil time.Time
	NoLock      bool

	// UnknownLock accepts a key that may not read: New then does not return ErrLockUnknown, and Create does not
	// fail because the key may not ask for what it wrote.
	UnknownLock bool

	// Retries is how many times a request is tried again; zero means 4.
	Retries int

	// Stall is how long a connection may take nothing, or the service may think, before the attempt is given up;
	// zero means a minute.
	Stall time.Duration
}

// Parse reads "s3://bucket/prefix". A slash at the end makes no difference.
func Parse(location string) (bucket, prefix string, err error) {
	rest, ok := strings.CutPrefix(location, "s3://")
	if !ok {
		return "", "", fmt.Errorf("%q is not of the form s3://bucket/prefix", location)
	}
	if strings.ContainsAny(rest, "@?#") {
		return "", "", errors.New("s3://bucket/prefix names a bucket and a prefix only: no credentials, no query")
	}
	bucket, prefix, _ = strings.Cut(rest, "/")
	prefix = strings.TrimSuffix(prefix, "/")
	if err := s3utils.CheckValidBucketName(bucket); err != nil {
		return "", "", fmt.Errorf("bucket %q: %w", bucket, err)
	}
	if err := store.ValidPrefix(prefix); err != nil {
		return "", "", fmt.Errorf("prefix in a bucket: %w", err)
	}
	return bucket, prefix, nil
}

// settled is a Config whose values were checked and whose blanks were filled in.
type settled struct {
	Config
	host   string // host or host:port
	secure bool
	until  time.Time // whole seconds, UTC; zero without lock
}

func (c Config) settle(now time.Time) (settled, error) {
	s := settled{Config: c}
	if c.Endpoint == "" {
		return s, errors.New("no S3 endpoint is set (for Amazon, s3.amazonaws.com)")
	}
	var err error
	if s.host, s.secure, err = endpoint(c.Endpoint, c.Plaintext); err != nil {
		return s, err
	}
	if err := s3utils.CheckValidBucketName(c.Bucket); err != nil {
		return s, fmt.Errorf("bucket %q: %w", c.Bucket, err)
	}
	s.Prefix = strings.TrimSuffix(c.Prefix, "/")
	if err := store.ValidPrefix(s.Prefix); err != nil {
		return s, fmt.Errorf("prefix in the bucket: %w", err)
	}
	if c.AccessKey == "" || c.SecretKey == nil || c.SecretKey.Reveal() == "" {
		return s, errors.New("no S3 access key and secret key are set")
	}
	switch {
	case c.NoLock && !c.RetainUntil.IsZero():
		return s, errors.New("objects are either locked until a date or not locked, not both")
	case c.NoLock:
	case c.RetainUntil.IsZero():
		return s, errors.New("no date is set until which objects are locked")
	default:
		s.until = c.RetainUntil.UTC().Truncate(time.Second)
		if s.until.Before(c.RetainUntil) {
			s.until = s.until.Add(time.Second)
		}
		if !s.until.After(now) {
			return s, fmt.Errorf("objects cannot be locked until %s: that is past", s.until.Format(time.RFC3339))
		}
	}
	if s.Retries == 0 {
		s.Retries = 4
	}
	if s.Stall == 0 {
		s.Stall = time.Minute
	}
	return s, nil
}

// endpoint reads Config.Endpoint.
func endpoint(raw string, plaintext bool) (host string, secure bool, err error) {
	if !strings.Contains(raw, "://") {
		raw = "https://" + raw
	}
	u, err := url.Parse(raw)
	if err != nil {
		return "", false, errors.New("the S3 endpoint is not a URL") // the cause would repeat what may hold a password
	}
	switch {
	case u.User != nil:
		return "", false, errors.New("the S3 endpoint holds a user name or password; these are set apart from it")
	case u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return "", false, fmt.Errorf("the S3 endpoint %q is not of the form https://host:port", raw)
	case u.Scheme == "https":
		return u.Host, true, nil
	case u.Scheme != "http":
		return "", false, fmt.Errorf("the S3 endpoint %q is neither https nor http", raw)
	case !plaintext && !loopback(u.Hostname()):
		return "", false, fmt.Errorf("the S3 endpoint %q is plain HTTP, which anyone on the way can read: use https", raw)
	}
	return u.Host, false, nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// transport is what all requests go through.
func (s settled) transport() (*http.Transport, error) {
	tr := &http.Transport{
		Proxy:                 s.Proxy,
		DialContext:           (&net.Dialer{Timeout: min(s.Stall, 30*time.Second)}).DialContext,
		TLSHandshakeTimeout:   min(s.Stall, 30*time.Second),
		ResponseHeaderTimeout: s.Stall,
		IdleConnTimeout:       time.Minute,
		MaxIdleConnsPerHost:   16,
		WriteBufferSize:       64 << 10,
		ReadBufferSize:        64 << 10,
		DisableCompression:    true, // objects are bytes, whatever Content-Encoding says
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if s.CAFile != "" {
		pem, err := os.ReadFile(s.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading the authorities that the S3 service may use: %w", err)
		}
		tr.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !tr.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no PEM certificate", s.CAFile)
		}
	}
	return tr, nil
}
