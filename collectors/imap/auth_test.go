package imap

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/internal/secret"
)

// A testCA is an authority of the test's own.
type testCA struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pool *x509.CertPool
	file string
}

func newTestCA(t *testing.T) testCA {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	ca := testCA{key: key, pool: x509.NewCertPool(), file: filepath.Join(t.TempDir(), "ca.pem")}
	if ca.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	ca.pool.AddCert(ca.cert)
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(ca.file, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return ca
}

func (ca testCA) issue(t *testing.T, host string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, &key.PublicKey, ca.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestConfigIsChecked(t *testing.T) {
	good := Config{URL: "imaps://mail.example.com", Password: secret.New("x")}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(c *Config){
		"given as imaps://host":        func(c *Config) { c.URL = "mail.example.com" },
		"begins with imaps:// or imap": func(c *Config) { c.URL = "https://mail.example.com" },
		"no user and no password":      func(c *Config) { c.URL = "imaps://a:b@mail.example.com" },
		"ends after the port":          func(c *Config) { c.URL = "imaps://mail.example.com/INBOX" },
		"there is no password":         func(c *Config) { c.Password = secret.String{} },
		"only one is used":             func(c *Config) { c.Token = secret.New("y") },
		"go together":                  func(c *Config) { c.MasterUser = "root" },
		"line break or a zero byte":    func(c *Config) { c.Password = secret.New("x\n") },
		"reading the trusted":          func(c *Config) { c.RootCAFile = "no-such-file" },
		"holds no certificate":         func(c *Config) { c.RootCAFile = "auth_test.go" },
		"with a separator or with an a": func(c *Config) {
			c.Password, c.MasterUser, c.MasterPassword, c.MasterSeparator, c.MasterAuthzID = secret.String{}, "r", secret.New("x"), "+", true
		},
	} {
		cfg := good
		change(&cfg)
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want one with %q", err, want)
		}
	}
}

func TestLoginRefused(t *testing.T) {
	for _, test := range []struct {
		reply string
		want  []error
		text  string
	}{
		{"NO [AUTHENTICATIONFAILED] Authentication failed.", []error{ErrAuth},
			"the server says: [AUTHENTICATIONFAILED] Authentication failed."},
		{"NO [EXPIRED] change it", []error{ErrAuth, ErrAuthExpired}, "[EXPIRED] change it"},
		{"NO [UNAVAILABLE] later", []error{ErrAuthUnavailable}, "[UNAVAILABLE] later"},
		{"NO [PRIVACYREQUIRED] TLS please", []error{ErrAuthPrivacy, ErrPlaintextRefused}, "TLS please"},
		{"NO wrong password " + fakePassword + " \x1b[2J", []error{ErrAuth}, `wrong password [redacted] \u{001B}[2J`},
	} {
		f := &fake{login: test.reply}
		cfg := f.start(t)
		sink := &collectortest.Sink{}
		err := mustNew(t, cfg).Collect(t.Context(), rawScope, sink)
		for _, want := range test.want {
			if !errors.Is(err, want) {
				t.Errorf("%q: error is %v, want %v", test.reply, err, want)
			}
		}
		want := "alice@example.test: imap: logging in to " + strings.TrimPrefix(cfg.URL, "imap://") + ": "
		if err == nil || !strings.HasPrefix(err.Error(), want) || !strings.HasSuffix(err.Error(), test.text) {
			t.Errorf("error is\n%v, want\n%s…%s", err, want, test.text)
		}
		if n := len(sink.Kept()); n > 0 {
			t.Errorf("%d exhibits of an account that could not be opened", n)
		}
	}
}

// TestWaysToLogIn compares what is sent with what each way needs.
func TestWaysToLogIn(t *testing.T) {
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for name, test := range map[string]struct {
		caps   string
		config func(c *Config)
		want   string
	}{
		"LOGIN":         {"", func(c *Config) {}, `LOGIN "alice@example.test" "` + fakePassword + `"`},
		"PLAIN with IR": {"AUTH=PLAIN SASL-IR", func(c *Config) {}, "AUTHENTICATE PLAIN " + b64("\x00alice@example.test\x00"+fakePassword)},
		"another login": {"", func(c *Config) { c.Logins = map[string]string{"alice@example.test": "alice"} }, `LOGIN "alice" "` + fakePassword + `"`},
		"master": {"", func(c *Config) {
			c.Password, c.MasterUser, c.MasterPassword = secret.String{}, "auditor", secret.New("m")
		},
			`LOGIN "alice@example.test*auditor" "m"`},
		"master by authzid": {"AUTH=PLAIN SASL-IR", func(c *Config) {
			c.Password, c.MasterUser, c.MasterPassword, c.MasterAuthzID = secret.String{}, "auditor", secret.New("m"), true
		}, "AUTHENTICATE PLAIN " + b64("alice@example.test\x00auditor\x00m")},
		"XOAUTH2": {"AUTH=XOAUTH2 SASL-IR", func(c *Config) { c.Password, c.Token = secret.String{}, secret.New("tok") },
			"AUTHENTICATE XOAUTH2 " + b64("user=alice@example.test\x01auth=Bearer tok\x01\x01")},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{caps: test.caps, folders: []*fakeFolder{inbox(1)}}
			cfg := f.start(t)
			test.config(&cfg)
			sink := &collectortest.Sink{}
			if err := mustNew(t, cfg).Collect(t.Context(), rawScope, sink); err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(f.sent(), test.want) {
				t.Errorf("%q was not sent: %q", test.want, f.sent())
			}
			for _, k := range sink.Kept() {
				if all := fmt.Sprint(k.Exhibit) + string(k.Body); strings.Contains(all, fakePassword) {
					t.Errorf("the password is in %s", k.Name)
				}
			}
		})
	}
}

func TestPlainWithoutInitialResponse(t *testing.T) {
	f := &fake{caps: "AUTH=PLAIN", folders: []*fakeFolder{inbox(1)}}
	var got string
	f.command = func(c *fakeConn, tag, name, args string) bool {
		if name != "AUTHENTICATE" {
			return false
		}
		c.say("+ \r\n")
		buf := make([]byte, 1000)
		n, _ := c.nc.Read(buf)
		got = string(buf[:n])
		c.say("%s OK\r\n", tag)
		return true
	}
	if err := mustNew(t, f.start(t)).Collect(t.Context(), rawScope, &collectortest.Sink{}); err != nil {
		t.Fatal(err)
	}
	if want := base64.StdEncoding.EncodeToString([]byte("\x00alice@example.test\x00"+fakePassword)) + "\r\n"; got != want {
		t.Errorf("sent %q, want %q", got, want)
	}
}

// TestOrderOfMechanisms compares what is sent, in its order, with what a server offers and understands.
func TestOrderOfMechanisms(t *testing.T) {
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	plain, name, password := b64("\x00alice@example.test\x00"+fakePassword), b64("alice@example.test"), b64(fakePassword)
	login := `LOGIN "alice@example.test" "` + fakePassword + `"`
	for what, test := range map[string]struct {
		caps    string
		replies map[string]string // to a mechanism or LOGIN; OK where there is none
		want    []string
		err     error
	}{
		"PLAIN before LOGIN":                 {"AUTH=LOGIN AUTH=PLAIN", nil, []string{"AUTHENTICATE PLAIN", plain}, nil},
		"PLAIN with an initial response":     {"AUTH=LOGIN AUTH=PLAIN SASL-IR", nil, []string{"AUTHENTICATE PLAIN " + plain}, nil},
		"LOGIN where there is no PLAIN":      {"AUTH=LOGIN AUTH=CRAM-MD5", nil, []string{login}, nil},
		"SASL LOGIN where LOGIN is disabled": {"AUTH=LOGIN LOGINDISABLED", nil, []string{"AUTHENTICATE LOGIN", name, password}, nil},
		"SASL LOGIN takes no initial response": {"AUTH=LOGIN LOGINDISABLED SASL-IR", nil,
			[]string{"AUTHENTICATE LOGIN", name, password}, nil},
		"PLAIN is not understood": {"AUTH=PLAIN", map[string]string{"PLAIN": "BAD unknown"}, []string{"AUTHENTICATE PLAIN", login}, nil},
		"PLAIN and LOGIN are not understood": {"AUTH=PLAIN AUTH=LOGIN", map[string]string{"PLAIN": "BAD unknown", "": "BAD unknown"},
			[]string{"AUTHENTICATE PLAIN", login, "AUTHENTICATE LOGIN", name, password}, nil},
		"PLAIN refused":      {"AUTH=PLAIN AUTH=LOGIN", map[string]string{"PLAIN": "NO [AUTHENTICATIONFAILED] no"}, []string{"AUTHENTICATE PLAIN"}, ErrAuth},
		"SASL LOGIN refused": {"AUTH=LOGIN LOGINDISABLED", map[string]string{"LOGIN": "NO no"}, []string{"AUTHENTICATE LOGIN"}, ErrAuth},
		"nothing fits":       {"AUTH=CRAM-MD5 LOGINDISABLED", nil, nil, ErrPlaintextRefused},
	} {
		t.Run(what, func(t *testing.T) {
			var got []string
			f := &fake{caps: test.caps, folders: []*fakeFolder{inbox(1)}}
			f.command = func(c *fakeConn, tag, command, args string) bool {
				if command != "AUTHENTICATE" && command != "LOGIN" {
					return false
				}
				got = append(got, command+" "+args)
				mechanism, initial, _ := strings.Cut(args, " ")
				challenges := map[string][]string{"PLAIN": {""}, "LOGIN": {"VXNlciBOYW1lAA==", "UGFzc3dvcmQA"}}[mechanism]
				if command == "LOGIN" {
					mechanism, challenges = "", nil
				}
				if test.replies[mechanism] == "" && initial == "" {
					for _, challenge := range challenges {
						c.say("+ %s\r\n", challenge)
						line, err := c.lines.ReadString('\n')
						if err != nil {
							return true
						}
						got = append(got, strings.TrimRight(line, "\r\n"))
					}
				}
				answer := test.replies[mechanism]
				if answer == "" {
					answer = "OK"
				}
				c.say("%s %s\r\n", tag, answer)
				return true
			}
			cfg := f.start(t)
			err := mustNew(t, cfg).Collect(t.Context(), rawScope, &collectortest.Sink{})
			if !errors.Is(err, test.err) {
				t.Errorf("error is %v, want %v", err, test.err)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("sent %q, want %q", got, test.want)
			}
		})
	}
}

// TestServerThatAsksTooMuch never stops asking in SASL LOGIN: it gets name and password once, and then the exchange ends.
func TestServerThatAsksTooMuch(t *testing.T) {
	f := &fake{caps: "AUTH=LOGIN LOGINDISABLED"}
	var got []string
	f.command = func(c *fakeConn, tag, command, args string) bool {
		if command != "AUTHENTICATE" {
			return false
		}
		for len(got) < 20 {
			c.say("+ \r\n")
			line, err := c.lines.ReadString('\n')
			if err != nil {
				return true
			}
			got = append(got, strings.TrimRight(line, "\r\n"))
			if line == "*\r\n" {
				break
			}
		}
		c.say("%s BAD cancelled\r\n", tag)
		return true
	}
	err := mustNew(t, f.start(t)).Collect(t.Context(), rawScope, &collectortest.Sink{})
	if !errors.Is(err, ErrNoMechanism) || !strings.Contains(err.Error(), "asks for more than a name and a password") {
		t.Errorf("error is %v, want what the server asked for", err)
	}
	if len(got) != 3 || got[2] != "*" {
		t.Errorf("sent %q, want name, password and an end", got)
	}
}

func TestTokenRefusedWithReason(t *testing.T) {
	for _, mechanism := range []string{"OAUTHBEARER", "XOAUTH2"} {
		f := &fake{caps: "SASL-IR AUTH=" + mechanism}
		var last string
		f.command = func(c *fakeConn, tag, name, args string) bool {
			if name != "AUTHENTICATE" {
				return false
			}
			c.say("+ %s\r\n", base64.StdEncoding.EncodeToString([]byte(`{"status":"invalid_token","scope":"mail.example/imap"}`)))
			buf := make([]byte, 100)
			n, _ := c.nc.Read(buf)
			last = string(buf[:n])
			c.say("%s NO refused\r\n", tag)
			return true
		}
		cfg := f.start(t)
		cfg.Password, cfg.Token = secret.String{}, secret.New("ya29.fake")
		err := mustNew(t, cfg).Collect(t.Context(), rawScope, &collectortest.Sink{})
		if !errors.Is(err, ErrAuth) || !strings.Contains(err.Error(), "invalid_token: the token is wrong or has expired; it needs the scope mail.example/imap") {
			t.Errorf("%s: error is %v, want the server's reason", mechanism, err)
		}
		if want := map[string]string{"OAUTHBEARER": "AQ==\r\n", "XOAUTH2": "\r\n"}[mechanism]; last != want {
			t.Errorf("%s: the refusal was answered by %q, want %q", mechanism, last, want)
		}
	}
}

func TestNoWayToLogIn(t *testing.T) {
	for name, test := range map[string]struct {
		caps   string
		config func(c *Config)
		want   error
	}{
		"token":         {"AUTH=PLAIN", func(c *Config) { c.Password, c.Token = secret.String{}, secret.New("t") }, ErrNoMechanism},
		"LOGINDISABLED": {"LOGINDISABLED", func(c *Config) {}, ErrPlaintextRefused},
		"clear text":    {"AUTH=PLAIN", func(c *Config) { c.InsecurePlaintext = false }, ErrPlaintextRefused},
		"master by authzid": {"", func(c *Config) {
			c.Password, c.MasterUser, c.MasterPassword, c.MasterAuthzID = secret.String{}, "r", secret.New("m"), true
		}, ErrNoMechanism},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{caps: test.caps}
			cfg := f.start(t)
			test.config(&cfg)
			err := mustNew(t, cfg).Collect(t.Context(), rawScope, &collectortest.Sink{})
			if !errors.Is(err, test.want) {
				t.Errorf("error is %v, want %v", err, test.want)
			}
			for _, cmd := range f.sent() {
				if strings.HasPrefix(cmd, "LOGIN") || strings.HasPrefix(cmd, "AUTHENTICATE") {
					t.Errorf("%q was sent", cmd)
				}
			}
		})
	}
}

func TestHostDown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	err = mustNew(t, Config{URL: "imaps://" + l.Addr().String(), Password: secret.New("x"), Retries: -1}).
		Collect(t.Context(), rawScope, &collectortest.Sink{})
	var op *net.OpError
	if !errors.Is(err, ErrHostDown) || !errors.As(err, &op) {
		t.Errorf("error is %v, want ErrHostDown with a *net.OpError", err)
	}
}

func TestNotIMAP(t *testing.T) {
	f := &fake{greeting: "HTTP/1.1 400 Bad Request\r\n"}
	err := mustNew(t, f.start(t)).Collect(t.Context(), rawScope, &collectortest.Sink{})
	if !errors.Is(err, ErrNotIMAP) || !strings.Contains(err.Error(), "HTTP/1.1 400") {
		t.Errorf("error is %v, want ErrNotIMAP and what the server said", err)
	}
}

func TestGreetingBye(t *testing.T) {
	f := &fake{greeting: "* BYE [LIMIT] too many connections\r\n"}
	err := mustNew(t, f.start(t)).Collect(t.Context(), rawScope, &collectortest.Sink{})
	if !errors.Is(err, ErrHostDown) || !strings.Contains(err.Error(), "too many connections") {
		t.Errorf("error is %v, want ErrHostDown and the reason", err)
	}
}
