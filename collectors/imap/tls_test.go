package imap

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/internal/secret"
)

// A tlsTest is a server with a certificate of an authority that nobody trusts, in a bubble.
type tlsTest struct {
	*memNet
	ca   testCA
	cert tls.Certificate
	sink *collectortest.Sink
}

func newTLSTest(t *testing.T) *tlsTest {
	ca := newTestCA(t)
	tt := &tlsTest{memNet: &memNet{fake: &fake{folders: []*fakeFolder{inbox(2)}}}, ca: ca, cert: ca.issue(t, "mail.example.test"), sink: &collectortest.Sink{}}
	tt.tls = func(int) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{tt.cert}} }
	return tt
}

func (tt *tlsTest) collect(t *testing.T, change func(*Config)) error {
	t.Helper()
	cfg := tt.config()
	cfg.InsecurePlaintext = false
	if change != nil {
		change(&cfg)
	}
	err := mustNew(t, cfg).Collect(t.Context(), rawScope, tt.sink)
	tt.wait()
	return err
}

func leafOf(t *testing.T, cert tls.Certificate) *x509.Certificate {
	t.Helper()
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

// refusedOnce wants an error of a kind after one connection, and nothing sent over it.
func (tt *tlsTest) refusedOnce(t *testing.T, err, kind error, parts ...string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("error is %v, want %v", err, kind)
	}
	for _, part := range parts {
		if err != nil && !strings.Contains(err.Error(), part) {
			t.Errorf("error is %v, want %q in it", err, part)
		}
	}
	if tt.dials != 1 || slices.ContainsFunc(tt.sent(), func(cmd string) bool { return strings.HasPrefix(cmd, "LOGIN") }) {
		t.Errorf("%d connections, sent %q: want one, and no password", tt.dials, tt.sent())
	}
	if n := len(tt.sink.Kept()); n > 0 {
		t.Errorf("%d exhibits are kept", n)
	}
}

func TestUntrustedCertificateIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tt := newTLSTest(t)
		err := tt.collect(t, nil)
		leaf := leafOf(t, tt.cert)
		tt.refusedOnce(t, err, ErrTLSUntrusted, "it has the fingerprint "+fingerprint(leaf), "is for CN=mail.example.test", "from CN=test authority",
			"valid until "+leaf.NotAfter.UTC().Format(time.RFC3339))
	})
}

func TestCertificateForAnotherNameIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tt := newTLSTest(t)
		err := tt.collect(t, func(c *Config) { c.RootCAFile, c.ServerName = tt.ca.file, "other.example.test" })
		tt.refusedOnce(t, err, ErrTLSName, fingerprint(leafOf(t, tt.cert)))
	})
}

func TestPinnedCertificate(t *testing.T) {
	for name, change := range map[string]func(*memNet, *Config){
		"not trusted": func(_ *memNet, c *Config) {},
		"not trusted, for another name, with colons": func(_ *memNet, c *Config) {
			c.ServerName = "other.example.test"
			digits := strings.ToUpper(strings.TrimPrefix(c.Pin, pinPrefix))
			c.Pin = "SHA256:"
			for i := 0; i < len(digits); i += 2 {
				c.Pin += ":" + digits[i:i+2]
			}
		},
		"by STARTTLS": func(m *memNet, c *Config) {
			config := m.tls(1)
			m.tls, m.caps, c.URL = nil, "STARTTLS", "imap://mail.example.test"
			m.command = func(c *fakeConn, tag, name, args string) bool {
				if name != "STARTTLS" {
					return false
				}
				c.say("%s OK go\r\n", tag)
				c.nc = tls.Server(c.nc, config)
				c.lines = bufio.NewReader(c.nc)
				return true
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tt := newTLSTest(t)
				leaf := leafOf(t, tt.cert)
				err := tt.collect(t, func(c *Config) { c.Pin = fingerprint(leaf); change(tt.memNet, c) })
				if err != nil {
					t.Fatal(err)
				}
				collectortest.CheckSink(t, tt.sink)
				collectortest.CheckMessages(t, tt.sink, tt.bodies())
				kept := tt.sink.Resource("tls")
				if len(kept) != 2 {
					t.Fatalf("%d exhibits of the encryption, want 2", len(kept))
				}
				if block, _ := pem.Decode(kept[0].Body); block == nil || !slices.Equal(block.Bytes, leaf.Raw) {
					t.Errorf("the chain is\n%s", kept[0].Body)
				}
				var p tlsParameters
				if err := json.Unmarshal(kept[1].Body, &p); err != nil {
					t.Fatal(err)
				}
				if p.Verified || p.Pinned != fingerprint(leaf) || !strings.Contains(p.VerifyError, "certificate") {
					t.Errorf("parameters are %s", kept[1].Body)
				}
			})
		})
	}
}

func TestAnotherCertificateThanThePinnedOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tt := newTLSTest(t)
		pinned := leafOf(t, tt.ca.issue(t, "mail.example.test"))
		err := tt.collect(t, func(c *Config) { c.Pin, c.RootCAFile = fingerprint(pinned), tt.ca.file })
		tt.refusedOnce(t, err, ErrTLSPin, fingerprint(leafOf(t, tt.cert)))
	})
}

// TestAnotherCertificateOnTheWay shows another certificate once the collection is under way: that one is evidence.
func TestAnotherCertificateOnTheWay(t *testing.T) {
	for name, trusted := range map[string]bool{"trusted": true, "not trusted": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tt := newTLSTest(t)
				issuer := tt.ca
				if !trusted {
					issuer = newTestCA(t)
				}
				other := issuer.issue(t, "mail.example.test")
				tt.tls = func(n int) *tls.Config {
					if n == 1 {
						return &tls.Config{Certificates: []tls.Certificate{tt.cert}}
					}
					return &tls.Config{Certificates: []tls.Certificate{other}}
				}
				onMessageOnce(2, func(c *fakeConn) { _ = c.nc.Close() })(tt.memNet)
				err := tt.collect(t, func(c *Config) { c.RootCAFile = tt.ca.file })
				if trusted != (err == nil) || !trusted && !errors.Is(err, ErrTLSUntrusted) {
					t.Errorf("error is %v", err)
				}
				if tt.dials != 2 {
					t.Errorf("%d connections, want 2", tt.dials)
				}
				want := leafOf(t, other).Raw
				if !slices.ContainsFunc(tt.sink.Resource("tls"), func(k collectortest.Kept) bool {
					block, _ := pem.Decode(k.Body)
					return block != nil && slices.Equal(block.Bytes, want)
				}) {
					t.Error("the other certificate is not kept")
				}
			})
		})
	}
}

// TestBrokenHandshakes has servers that break off or hold up the handshake: these may do better another time, and those
// that speak something else may not.
func TestBrokenHandshakes(t *testing.T) {
	for name, test := range map[string]struct {
		begin func(c *fakeConn)
		kind  error
		dials int
	}{
		"closed":       {func(c *fakeConn) { _ = c.nc.Close() }, ErrHostDown, 6},
		"silent":       {hang, ErrHostDown, 6},
		"a slow drip":  {func(c *fakeConn) { slowly(c, "\x16\x03\x03\x40\x00"+strings.Repeat("x", 1000)) }, ErrHostDown, 6},
		"not TLS":      {func(c *fakeConn) { c.say("* OK ready without encryption\r\n"); hang(c) }, ErrNotIMAP, 1},
		"only garbage": {func(c *fakeConn) { c.say("\x16\x03\x03\x00\x05xxxxx"); hang(c) }, ErrTLS, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tt := newTLSTest(t)
				tt.tls = nil
				tt.hello = func(c *fakeConn) bool { test.begin(c); return true }
				err := tt.collect(t, func(c *Config) { c.URL = "imaps://mail.example.test" })
				if !errors.Is(err, test.kind) || tt.dials != test.dials {
					t.Errorf("error is %v after %d connections, want %v after %d", err, tt.dials, test.kind, test.dials)
				}
			})
		})
	}
}

// TestGarbageAfterTLS has a server whose answers are garbage once the session is encrypted.
func TestGarbageAfterTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tt := newTLSTest(t)
		tt.hello = func(c *fakeConn) bool { c.say("\x00\xff\x16\x03 \x1b[2J\r\n"); return true }
		err := tt.collect(t, func(c *Config) { c.RootCAFile = tt.ca.file })
		tt.refusedOnce(t, err, ErrNotIMAP, `\u{0000}\xFF`)
	})
}

func TestPinIsChecked(t *testing.T) {
	for _, bad := range []string{"sha256:", "sha256:abcd", "md5:" + strings.Repeat("ab", 32), strings.Repeat("ab", 31), strings.Repeat("zz", 32)} {
		if _, err := New(Config{URL: "imaps://x", Password: secret.New("x"), Pin: bad}); err == nil || !strings.Contains(err.Error(), "64 hexadecimal digits") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
