package timestamp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/digitorus/timestamp"
)

// LocalLabel stands in the subject and the issuer of an Authority's certificate.
const LocalLabel = "mbaudit local time-stamping - NOT a third party"

// localPolicy is below 2.999, the arc that ITU-T X.660 leaves to everyone for use without registration.
func localPolicy() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 999, 3161, 1} }

// An Authority is a time-stamping authority on this machine, for use without a network. Its time-stamps are well formed
// and prove nothing to anyone who does not trust this machine's clock and its operator; Info.Local tells them apart.
// It is safe for use by several goroutines.
type Authority struct {
	key      *ecdsa.PrivateKey
	cert, ca *x509.Certificate

	// Clock gives the time; nil is time.Now. It is set, if at all, before the first use.
	Clock func() time.Time
}

// AuthorityOptions says how an Authority is made. The zero value is the usual one.
type AuthorityOptions struct {
	Clock    func() time.Time // nil is time.Now
	Validity time.Duration    // of its certificates; 0 is ten years
}

// NewAuthority makes an Authority with a new key, a certificate for it, and a root certificate that signed the latter.
// The root's key is thrown away: nobody can make a second certificate under it.
func NewAuthority(o AuthorityOptions) (*Authority, error) {
	a := &Authority{Clock: o.Clock}
	from := a.now().Truncate(time.Second)
	to := from.AddDate(10, 0, 0)
	if o.Validity != 0 {
		to = from.Add(o.Validity)
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	name := func(role string) pkix.Name {
		return pkix.Name{
			Organization: []string{LocalLabel}, OrganizationalUnit: []string{"the time is that of the operator's own machine"},
			CommonName: role,
		}
	}
	ca := &x509.Certificate{
		Subject: name("mbaudit local time-stamping root"), NotBefore: from, NotAfter: to,
		BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	if a.ca, err = sign(ca, ca, &caKey.PublicKey, caKey); err != nil {
		return nil, err
	}
	// x509.CreateCertificate would write the extended key usage as not critical.
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	if err != nil {
		return nil, err
	}
	cert := &x509.Certificate{
		Subject: name("mbaudit local time-stamping unit"), NotBefore: from, NotAfter: to,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: usage}},
	}
	if a.cert, err = sign(cert, a.ca, &a.key.PublicKey, caKey); err != nil {
		return nil, err
	}
	return a, nil
}

// sign makes a certificate with a serial number of 127 random bits.
func sign(template, parent *x509.Certificate, pub, key any) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func isLocal(c *x509.Certificate) bool {
	return slices.Contains(c.Subject.Organization, LocalLabel) || slices.Contains(c.Issuer.Organization, LocalLabel)
}

// RootPEM returns the root certificate, for openssl's -CAfile.
func (a *Authority) RootPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.ca.Raw})
}

// Roots returns a pool with the root certificate.
func (a *Authority) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.ca)
	return pool
}

// Timestamp answers one query (a TimeStampReq in DER) with a whole response. A query that it does not grant is answered
// with a rejection that says why, and no error.
func (a *Authority) Timestamp(query []byte) ([]byte, error) {
	now := a.now().Truncate(time.Second) // the library writes whole seconds
	req, err := timestamp.ParseRequest(query)
	switch {
	case errors.Is(err, timestamp.ParseError("Time-Stamp request uses unknown hash function")):
		return timestamp.CreateErrorResponse(timestamp.Rejection, timestamp.BadAlgorithm)
	case err != nil:
		return timestamp.CreateErrorResponse(timestamp.Rejection, timestamp.BadDataFormat)
	case req.HashAlgorithm != crypto.SHA256 && req.HashAlgorithm != crypto.SHA384 && req.HashAlgorithm != crypto.SHA512:
		return timestamp.CreateErrorResponse(timestamp.Rejection, timestamp.BadAlgorithm)
	case len(req.HashedMessage) != req.HashAlgorithm.Size():
		return timestamp.CreateErrorResponse(timestamp.Rejection, timestamp.BadDataFormat)
	case req.TSAPolicyOID != nil && !req.TSAPolicyOID.Equal(localPolicy()):
		return timestamp.CreateErrorResponse(timestamp.Rejection, timestamp.UnacceptedPolicy)
	case len(req.Extensions) > 0:
		return timestamp.CreateErrorResponse(timestamp.Rejection, timestamp.UnacceptedExtension)
	case now.Before(a.cert.NotBefore) || now.After(a.cert.NotAfter):
		return timestamp.CreateErrorResponse(timestamp.Rejection, timestamp.TimeNotAvailable)
	}
	stamp := timestamp.Timestamp{
		HashAlgorithm: req.HashAlgorithm, HashedMessage: req.HashedMessage,
		Time: now, Accuracy: time.Second, Policy: localPolicy(), Nonce: req.Nonce,
		Certificates: []*x509.Certificate{a.ca}, AddTSACertificate: req.Certificates,
	}
	// The library draws a serial number of 160 random bits, and adds a signingTime attribute by time.Now rather than
	// by our clock; RFC 3161 gives that attribute no meaning.
	return stamp.CreateResponseWithOpts(a.cert, a.key, crypto.SHA256)
}

// Stamp is Request for an authority in this process: no network is needed. Response.URL is "local".
func (a *Authority) Stamp(digest [32]byte) (Response, error) {
	r, err := request(digest, nil, a.Timestamp)
	if err != nil {
		return Response{}, fmt.Errorf("asking the local authority for a time-stamp: %w", err)
	}
	r.URL = "local"
	return r, nil
}

// OpenAuthority loads the Authority of a directory, which it makes at the first use. Of several that make it at the same
// time one wins, and all get that one. made says whether this call made it.
func OpenAuthority(dir string) (a *Authority, made bool, err error) {
	a, err = LoadAuthority(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return a, false, err
	}
	if _, statErr := os.Lstat(dir); statErr == nil {
		return nil, false, fmt.Errorf("%w: the folder is there and is not whole; move it away and a new authority is made", err)
	}
	if a, err = NewAuthority(AuthorityOptions{}); err != nil {
		return nil, false, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return nil, false, err
	}
	draft, err := os.MkdirTemp(filepath.Dir(dir), ".tsa-*") // the folder comes into being whole
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = os.RemoveAll(draft) }()
	if err := a.Save(draft); err != nil {
		return nil, false, err
	}
	if err := os.Rename(draft, dir); err != nil {
		// A folder that is not empty is never replaced: another process was first.
		if other, loadErr := LoadAuthority(dir); loadErr == nil {
			return other, false, nil
		}
		return nil, false, err
	}
	return a, true, nil
}

// ServeHTTP answers queries over HTTP as RFC 3161 section 3.4 has it. It asks for no credentials: the caller binds it to
// the loopback interface.
func (a *Authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "a time-stamp is asked for with POST", http.StatusMethodNotAllowed)
		return
	case err != nil || media != queryType:
		http.Error(w, "a time-stamp is asked for with "+queryType, http.StatusUnsupportedMediaType)
		return
	}
	query, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
	if err != nil {
		http.Error(w, "the query cannot be read", http.StatusBadRequest)
		return
	}
	tsr, err := a.Timestamp(query)
	if err != nil {
		http.Error(w, "the time-stamp cannot be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", replyType)
	_, _ = w.Write(tsr)
}

func (a *Authority) now() time.Time {
	if a.Clock != nil {
		return a.Clock().UTC()
	}
	return time.Now().UTC()
}

// The files of an Authority in its directory.
const (
	keyFile  = "tsa.key"
	certFile = "tsa.pem"
	rootFile = "tsa-root.pem"
)

// Save writes the key and both certificates into dir, which it makes if need be, readable by the owner only. If one of
// the files is there already, the error wraps fs.ErrExist and nothing is overwritten.
func (a *Authority) Save(dir string) error {
	key, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the directory of the local time-stamping authority: %w", err)
	}
	for _, f := range []struct {
		name  string
		block pem.Block
	}{
		{keyFile, pem.Block{Type: "PRIVATE KEY", Bytes: key}},
		{certFile, pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}},
		{rootFile, pem.Block{Type: "CERTIFICATE", Bytes: a.ca.Raw}},
	} {
		if err := createFile(filepath.Join(dir, f.name), pem.EncodeToMemory(&f.block)); err != nil {
			return fmt.Errorf("saving the local time-stamping authority: %w", err)
		}
	}
	return nil
}

func createFile(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// LoadAuthority reads what Save wrote. It refuses a key that others than the owner can read.
func LoadAuthority(dir string) (*Authority, error) {
	a := &Authority{}
	keyPath := filepath.Join(dir, keyFile)
	info, err := os.Stat(keyPath)
	if err != nil {
		return nil, fmt.Errorf("loading the local time-stamping authority: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the key %s can be read by others: type chmod 600 %s", keyPath, keyPath)
	}
	der, err := readPEM(keyPath, "PRIVATE KEY")
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", keyPath, err)
	}
	for _, c := range []struct {
		name string
		cert **x509.Certificate
	}{{certFile, &a.cert}, {rootFile, &a.ca}} {
		der, err := readPEM(filepath.Join(dir, c.name), "CERTIFICATE")
		if err != nil {
			return nil, err
		}
		if *c.cert, err = x509.ParseCertificate(der); err != nil {
			return nil, fmt.Errorf("reading %s: %w", c.name, err)
		}
	}
	var ok bool
	a.key, ok = key.(*ecdsa.PrivateKey)
	if !ok || !a.key.PublicKey.Equal(a.cert.PublicKey) || a.cert.CheckSignatureFrom(a.ca) != nil {
		return nil, fmt.Errorf("in %s, %s, %s and %s do not belong together", dir, keyFile, certFile, rootFile)
	}
	return a, nil
}

func readPEM(name, kind string) ([]byte, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("loading the local time-stamping authority: %w", err)
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != kind {
		return nil, fmt.Errorf("%s does not hold a PEM block %q", name, kind)
	}
	return block.Bytes, nil
}
