package timestamp_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/evidence/timestamp"
)

// revocableConfig makes certificates that name where their issuer says whether they were revoked, and CRLs. It is appended
// to opensslConfig; %s is the server, %s the issuer.
const revocableConfig = `
[v3_revocable_tsa]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
crlDistributionPoints = URI:ldap://nowhere.example/cn=mid, URI:%[1]s/mid.crl
authorityInfoAccess = OCSP;URI:%[1]s/ocsp/mid
[v3_revocable_ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
crlDistributionPoints = URI:%[1]s/root.crl
authorityInfoAccess = OCSP;URI:%[1]s/ocsp/root
[v3_responder]
basicConstraints = critical,CA:FALSE
extendedKeyUsage = OCSPSigning
[v3_no_responder]
basicConstraints = critical,CA:FALSE
extendedKeyUsage = clientAuth
[crl_of_cas]
issuingDistributionPoint = critical,@only_cas
[only_cas]
onlyCA = TRUE
[crl_of_others]
issuingDistributionPoint = critical,@others
[others]
fullname = URI:%[1]s/others.crl
[crl_of_ours]
issuingDistributionPoint = critical,@ours
[ours]
fullname = URI:%[1]s/mid.crl
[crl_delta]
2.5.29.27 = critical,DER:02:01:01
[ca]
default_ca = ca_mid
[ca_mid]
database = mid.index
default_md = sha256
unique_subject = no
crl_extensions = crl_usual
[ca_root]
database = root.index
default_md = sha256
unique_subject = no
crl_extensions = crl_usual
[crl_usual]
authorityKeyIdentifier = keyid
`

// A revocable is an openssl authority whose issuers tell over HTTP, through openssl ca and openssl ocsp, whether its
// certificates were revoked.
type revocable struct {
	dir, url string
	server   *httptest.Server
	instead  *atomic.Pointer[http.HandlerFunc] // answers in the place of openssl
}

func newRevocable(t *testing.T) revocable {
	t.Helper()
	r := revocable{dir: opensslTSA(t, tsaSpec{}), instead: new(atomic.Pointer[http.HandlerFunc])}
	r.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if h := r.instead.Load(); h != nil {
			(*h)(w, req)
			return
		}
		name := filepath.Base(req.URL.Path)
		if strings.HasPrefix(req.URL.Path, "/ocsp/") {
			query, err := io.ReadAll(req.Body)
			if err != nil || req.Header.Get("Content-Type") != "application/ocsp-request" {
				http.Error(w, "not a query", http.StatusBadRequest)
				return
			}
			_, _ = w.Write(r.ocsp(t, name, query))
			return
		}
		if _, err := os.Stat(filepath.Join(r.dir, name)); err != nil {
			http.NotFound(w, req)
			return
		}
		_, _ = w.Write(read(t, r.dir, name))
	}))
	t.Cleanup(r.server.Close)
	r.url = r.server.URL
	config := append(read(t, r.dir, "tsa.cnf"), fmt.Sprintf(revocableConfig, r.url)...)
	write(t, r.dir, "tsa.cnf", config)
	r.issue(t, "mid", "root", "v3_revocable_ca")
	r.issue(t, "tsa", "mid", "v3_revocable_tsa")
	write(t, r.dir, "chain.pem", append(read(t, r.dir, "mid.pem"), read(t, r.dir, "root.pem")...))
	r.index(t, "mid", "tsa", "", "")
	r.index(t, "root", "mid", "", "")
	r.crl(t, "mid")
	r.crl(t, "root")
	return r
}

// issue makes name.pem from name.csr.
func (r revocable) issue(t *testing.T, name, issuer, extensions string) {
	t.Helper()
	openssl(t, r.dir, true, "x509", "-req", "-in", name+".csr", "-CA", issuer+".pem", "-CAkey", issuer+".key", "-CAcreateserial",
		"-days", "20", "-extfile", "tsa.cnf", "-extensions", extensions, "-out", name+".pem")
}

// index writes the database from which openssl ca and openssl ocsp answer: with a time, cert was revoked then.
func (r revocable) index(t *testing.T, issuer, cert, revoked, reason string) {
	t.Helper()
	c := certificate(t, read(t, r.dir, cert+".pem"))
	state := "V"
	if revoked != "" {
		state = "R"
		if reason != "" {
			revoked += "," + reason
		}
	}
	line := fmt.Sprintf("%s\t%s\t%s\t%X\tunknown\t/O=test/CN=%s\n", state, c.NotAfter.Format("060102150405Z"), revoked, c.SerialNumber, cert)
	if len(fmt.Sprintf("%X", c.SerialNumber))%2 == 1 {
		line = strings.Replace(line, fmt.Sprintf("\t%X\t", c.SerialNumber), fmt.Sprintf("\t0%X\t", c.SerialNumber), 1)
	}
	write(t, r.dir, issuer+".index", []byte(line))
}

// crl writes issuer.crl in DER.
func (r revocable) crl(t *testing.T, issuer string, args ...string) []byte {
	t.Helper()
	all := []string{"ca", "-gencrl", "-config", "tsa.cnf", "-name", "ca_" + issuer, "-keyfile", issuer + ".key", "-cert", issuer + ".pem",
		"-crldays", "7", "-out", issuer + ".crl.pem"}
	openssl(t, r.dir, true, append(all, args...)...)
	openssl(t, r.dir, true, "crl", "-in", issuer+".crl.pem", "-outform", "DER", "-out", issuer+".crl")
	return read(t, r.dir, issuer+".crl")
}

// ocsp answers a query by openssl ocsp; by default the issuer signs.
func (r revocable) ocsp(t *testing.T, issuer string, query []byte, args ...string) []byte {
	t.Helper()
	name := "ocsp-" + issuer
	write(t, r.dir, name+".req", query)
	all := []string{"ocsp", "-index", issuer + ".index", "-CA", issuer + ".pem", "-reqin", name + ".req", "-respout", name + ".resp", "-ndays", "2"}
	if len(args) == 0 {
		args = []string{"-rsigner", issuer + ".pem", "-rkey", issuer + ".key"}
	}
	openssl(t, r.dir, true, append(all, args...)...)
	return read(t, r.dir, name+".resp")
}

// query asks for the state of the time-stamping certificate.
func (r revocable) query(t *testing.T) []byte {
	t.Helper()
	openssl(t, r.dir, true, "ocsp", "-issuer", "mid.pem", "-cert", "tsa.pem", "-no_nonce", "-reqout", "q.ocsp")
	return read(t, r.dir, "q.ocsp")
}

func (r revocable) stamp(t *testing.T) timestamp.Info {
	t.Helper()
	root := certificate(t, read(t, r.dir, "root.pem"))
	info, err := timestamp.Verify(opensslStamp(t, r.dir, someData), someDigest(), timestamp.Options{Roots: pool(root)})
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// day is a time as openssl's databases and options want it.
func day(at time.Time) string { return at.UTC().Format("060102150405Z") }

func TestFetchRevocation(t *testing.T) {
	r := newRevocable(t)
	info := r.stamp(t)
	kept, failed := timestamp.FetchRevocation(context.Background(), r.server.Client(), info, nil)
	if len(failed) > 0 || len(kept.CRLs) != 2 || len(kept.OCSP) != 2 {
		t.Fatalf("%d CRLs, %d OCSP responses, errors %v", len(kept.CRLs), len(kept.OCSP), failed)
	}
	for i, subject := range []string{"CN=tsa,O=test", "CN=mid,O=test"} {
		for _, c := range []struct {
			by    string
			check func([]byte, timestamp.Info, []*x509.Certificate) (timestamp.Status, error)
			data  []byte
		}{{"CRL", timestamp.CheckCRL, kept.CRLs[i]}, {"OCSP", timestamp.CheckOCSP, kept.OCSP[i+1]}} {
			status, err := c.check(c.data, info, nil)
			if err != nil || status.Certificate != subject || status.By != c.by || status.Revoked != nil || status.Remark() != "" {
				t.Errorf("%s %d: %+v, %v", c.by, i, status, err)
			}
		}
	}

	// openssl agrees: with what was kept it checks revocation, and without it it cannot.
	write(t, r.dir, "kept.pem", append(read(t, r.dir, "chain.pem"), read(t, r.dir, "tsa.pem")...))
	verify := []string{"ts", "-verify", "-data", "data", "-in", "r.tsr", "-CAfile", "kept.pem", "-crl_check_all", "-attime",
		fmt.Sprint(info.GenTime.Unix())}
	if out := openssl(t, r.dir, false, verify...); !strings.Contains(out, "unable to get certificate CRL") {
		t.Errorf("without CRLs: %s", out)
	}
	all := read(t, r.dir, "kept.pem")
	for _, crl := range kept.CRLs {
		all = append(all, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: crl})...)
	}
	write(t, r.dir, "kept.pem", all)
	verify[8] = "-crl_check" // the root has no CRL about itself other than its own, which openssl would want too
	openssl(t, r.dir, true, verify...)
	write(t, r.dir, "1.ocsp", kept.OCSP[1])
	out := openssl(t, r.dir, true, "ocsp", "-respin", "1.ocsp", "-issuer", "mid.pem", "-cert", "tsa.pem", "-CAfile", "chain.pem")
	if !strings.Contains(out, "Response verify OK") || !strings.Contains(out, "tsa.pem: good") {
		t.Errorf("openssl reads the kept response as %s", out)
	}
}

func TestCheckCRLKinds(t *testing.T) {
	r := newRevocable(t)
	info := r.stamp(t)
	before, after := info.GenTime.Add(-time.Hour), info.GenTime.Add(time.Hour)
	revoked := func(at time.Time, reason string) func(*testing.T) []byte {
		return func(t *testing.T) []byte {
			r.index(t, "mid", "tsa", day(at), reason)
			return r.crl(t, "mid")
		}
	}
	with := func(args ...string) func(*testing.T) []byte {
		return func(t *testing.T) []byte {
			r.index(t, "mid", "tsa", "", "")
			return r.crl(t, "mid", args...)
		}
	}
	good := with()(t)
	for _, c := range []struct {
		name   string
		make   func(*testing.T) []byte
		want   error
		remark string
	}{
		{"good", with(), nil, ""},
		{"issued after the stamp", with("-crl_lastupdate", day(after), "-crl_nextupdate", day(after.Add(time.Hour))), nil, ""},
		{"for our distribution point", with("-crlexts", "crl_of_ours"), nil, ""},
		{"key compromised before", revoked(before, "keyCompromise"), timestamp.ErrRevoked, "keyCompromise"},
		{"superseded before", revoked(before, "superseded"), timestamp.ErrRevoked, "superseded"},
		{"without a reason before", revoked(before, ""), timestamp.ErrRevoked, "unspecified"},
		{"superseded after", revoked(after, "superseded"), nil, "stays valid"},
		{"key compromised after", revoked(after, "keyCompromise"), nil, "can no longer be relied on"},
		{"run out", with("-crl_lastupdate", day(before.Add(-time.Hour)), "-crl_nextupdate", day(before)), timestamp.ErrNotCovering, "run out"},
		{"after the certificate's end", with("-crl_lastupdate", day(after.AddDate(1, 0, 0)), "-crl_nextupdate", day(after.AddDate(1, 0, 1))),
			timestamp.ErrNotCovering, "had expired"},
		{"of CAs only", with("-crlexts", "crl_of_cas"), timestamp.ErrNotCovering, "other certificates"},
		{"for another distribution point", with("-crlexts", "crl_of_others"), timestamp.ErrNotCovering, "other certificates"},
		{"a delta", with("-crlexts", "crl_delta"), timestamp.ErrNotCovering, "delta"},
		{"of another key", func(t *testing.T) []byte {
			other := newRevocable(t)
			return other.crl(t, "mid")
		}, timestamp.ErrNotIssuer, ""},
		{"truncated", func(*testing.T) []byte { return good[:len(good)-1] }, timestamp.ErrMalformed, ""},
		{"followed by something", func(*testing.T) []byte { return append(bytes.Clone(good), 0) }, timestamp.ErrMalformed, ""},
		{"empty", func(*testing.T) []byte { return nil }, timestamp.ErrMalformed, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, err := timestamp.CheckCRL(c.make(t), info, nil)
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			said := status.Remark()
			if err != nil {
				said = err.Error()
			}
			if !strings.Contains(said, c.remark) || c.want == nil && c.remark == "" && said != "" {
				t.Errorf("said %q, want %q", said, c.remark)
			}
			if errors.Is(c.want, timestamp.ErrRevoked) && status.Revoked == nil {
				t.Error("the status does not say since when")
			}
		})
	}
	flipped(t, good, func(data []byte) error { _, err := timestamp.CheckCRL(data, info, nil); return err })
}

func TestCheckOCSPKinds(t *testing.T) {
	r := newRevocable(t)
	info := r.stamp(t)
	query := r.query(t)
	before, after := info.GenTime.Add(-time.Hour), info.GenTime.Add(time.Hour)
	for _, name := range []string{"responder", "no_responder"} {
		openssl(t, r.dir, true, "req", "-new", "-key", "root.key", "-config", "tsa.cnf", "-subj", "/O=test/CN="+name, "-out", name+".csr")
		r.issue(t, name, "mid", "v3_"+name)
	}
	openssl(t, r.dir, true, "req", "-new", "-key", "tsa.key", "-config", "tsa.cnf", "-subj", "/O=test/CN=stranger", "-out", "stranger.csr")
	r.issue(t, "stranger", "root", "v3_responder")
	state := func(at, reason string, args ...string) []byte {
		r.index(t, "mid", "tsa", at, reason)
		return r.ocsp(t, "mid", query, args...)
	}
	by := func(name, key string) []string { return []string{"-rsigner", name + ".pem", "-rkey", key + ".key"} }
	good := state("", "")
	write(t, r.dir, "mid.index", nil)
	unknown := r.ocsp(t, "mid", query)
	for _, c := range []struct {
		name   string
		der    []byte
		want   error
		remark string
	}{
		{"good", good, nil, ""},
		{"by an appointed responder", state("", "", by("responder", "root")...), nil, ""},
		{"by one that is not appointed for it", state("", "", by("no_responder", "root")...), timestamp.ErrNotIssuer, ""},
		{"by another issuer's responder", state("", "", by("stranger", "tsa")...), timestamp.ErrNotIssuer, ""},
		{"revoked before", state(day(before), "superseded"), timestamp.ErrRevoked, "superseded"},
		{"revoked after", state(day(after), "cessationOfOperation"), nil, "stays valid"},
		{"compromised after", state(day(after), "keyCompromise"), nil, "can no longer be relied on"},
		{"unknown", unknown, timestamp.ErrNotCovering, "does not know"},
		{"truncated", good[:len(good)-1], timestamp.ErrMalformed, ""},
		{"a page", []byte("<html>"), timestamp.ErrMalformed, ""},
	} {
		status, err := timestamp.CheckOCSP(c.der, info, nil)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
			continue
		}
		said := status.Remark()
		if err != nil {
			said = err.Error()
		}
		if !strings.Contains(said, c.remark) || c.want == nil && c.remark == "" && said != "" {
			t.Errorf("%s: said %q, want %q", c.name, said, c.remark)
		}
	}
	// The same answer is of no use for a time-stamp of three days later.
	late := info
	late.GenTime = info.GenTime.AddDate(0, 0, 3)
	if _, err := timestamp.CheckOCSP(good, late, nil); !errors.Is(err, timestamp.ErrNotCovering) {
		t.Errorf("three days later: %v", err)
	}
	flipped(t, good, func(data []byte) error { _, err := timestamp.CheckOCSP(data, info, nil); return err })
}

// flipped changes every bit: check refuses each, and none of them by calling the certificate revoked.
func flipped(t *testing.T, data []byte, check func([]byte) error) {
	t.Helper()
	for i := range data {
		for bit := range 8 {
			changed := bytes.Clone(data)
			changed[i] ^= 1 << bit
			switch err := check(changed); {
			case err == nil:
				t.Errorf("byte %d, bit %d is not noticed", i, bit)
			case !errors.Is(err, timestamp.ErrMalformed) && !errors.Is(err, timestamp.ErrNotIssuer) && !errors.Is(err, timestamp.ErrNotCovering):
				t.Errorf("byte %d, bit %d: %v", i, bit, err)
			}
		}
	}
	t.Logf("%d bits, each refused", 8*len(data))
}

func TestFetchRevocationRefuses(t *testing.T) {
	r := newRevocable(t)
	info := r.stamp(t)
	ended := make(chan struct{})
	defer close(ended) // before the server waits for its handlers
	for _, c := range []struct {
		name, text string
		handler    http.HandlerFunc
	}{
		{"nothing there", "404", http.NotFound},
		{"a page", "not a", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }},
		{"too long", "more than", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 3<<20)) }},
		{"run out", "had run out", func(w http.ResponseWriter, req *http.Request) {
			if strings.HasSuffix(req.URL.Path, ".crl") {
				_, _ = w.Write(r.crl(t, strings.TrimSuffix(filepath.Base(req.URL.Path), ".crl"), "-crl_lastupdate", "200101000000Z", "-crl_nextupdate", "200102000000Z"))
			}
		}},
		{"silent", "context", func(http.ResponseWriter, *http.Request) { <-ended }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.instead.Store(&c.handler)
			defer r.instead.Store(nil)
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			if c.name == "silent" {
				ctx, cancel = context.WithTimeout(ctx, 50*time.Millisecond)
				defer cancel()
			}
			kept, failed := timestamp.FetchRevocation(ctx, r.server.Client(), info, nil)
			if len(kept.CRLs)+len(kept.OCSP) > 0 || len(failed) != 4 {
				t.Fatalf("kept %d and %d, errors %v", len(kept.CRLs), len(kept.OCSP), failed)
			}
			if !strings.Contains(failed[0].Error(), c.text) || !strings.Contains(failed[0].Error(), r.url) {
				t.Errorf("%v", failed[0])
			}
		})
	}
}

// A certificate that is revoked when it is asked for is kept as such: it is for Verify to refuse it.
func TestFetchRevocationKeepsBadNews(t *testing.T) {
	r := newRevocable(t)
	info := r.stamp(t)
	r.index(t, "mid", "tsa", day(info.GenTime.Add(-time.Hour)), "keyCompromise")
	r.crl(t, "mid")
	kept, failed := timestamp.FetchRevocation(context.Background(), r.server.Client(), info, nil)
	if len(failed) > 0 || len(kept.CRLs) != 2 || len(kept.OCSP) != 2 {
		t.Fatalf("%d CRLs, %d OCSP responses, errors %v", len(kept.CRLs), len(kept.OCSP), failed)
	}
	if _, err := timestamp.CheckCRL(kept.CRLs[0], info, nil); !errors.Is(err, timestamp.ErrRevoked) {
		t.Errorf("CRL: %v", err)
	}
	if _, err := timestamp.CheckOCSP(kept.OCSP[1], info, nil); !errors.Is(err, timestamp.ErrRevoked) {
		t.Errorf("OCSP: %v", err)
	}
}

// A local authority's certificates name nobody to ask.
func TestFetchRevocationOfLocal(t *testing.T) {
	info, err := timestamp.Verify(stamp(t, newAuthority(t, timestamp.AuthorityOptions{})), someDigest(), timestamp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	kept, failed := timestamp.FetchRevocation(context.Background(), http.DefaultClient, info, nil)
	if len(kept.CRLs)+len(kept.OCSP)+len(failed) > 0 {
		t.Errorf("kept %+v, errors %v", kept, failed)
	}
}
