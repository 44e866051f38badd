package timestamp

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/digitorus/timestamp"

	"github.com/mbaudit/mbaudit/internal/visible"
)

// The media types of RFC 3161 section 3.4.
const (
	queryType = "application/timestamp-query"
	replyType = "application/timestamp-reply"
)

// ErrNonce says that an answer is genuine and does not belong to the query: an earlier one played again, say.
var ErrNonce = errors.New("the time-stamp is not the answer to this query")

// ErrPolicy says that an answer is genuine and under another policy than the one asked for.
var ErrPolicy = errors.New("the time-stamp is under another policy")

// A Response is an authority's answer, checked as Verify does without roots: whether the authority is trusted is for the
// caller to ask Verify.
type Response struct {
	Info
	TSR            []byte    // the whole answer, to be kept as a .tsr file
	URL            string    // of the authority, without a password
	Sent, Received time.Time // by this machine's clock: before the query was sent, after the answer had come
}

// Offset is how far the authority's clock is ahead of this machine's (negative: behind), as of the middle between Sent
// and Received, and how far from the truth that may be: half the time that the exchange took and the authority's stated
// accuracy, or one second where it states none, since GenTime is then in whole seconds.
func (r Response) Offset() (offset, uncertainty time.Duration) {
	trip := r.Received.Sub(r.Sent)
	within := r.Accuracy
	if within == 0 {
		within = time.Second
	}
	return r.GenTime.Sub(r.Sent.Add(trip / 2)), trip/2 + within
}

// An AnswerError is an answer that is not a time-stamp response at all: an error page, say.
type AnswerError struct {
	URL         string
	Status      string // "500 Internal Server Error"
	ContentType string
}

// Error says what came in place of a time-stamp.
func (e *AnswerError) Error() string {
	return fmt.Sprintf("%s answered with %s and %q, not with a time-stamp (%s)", e.URL, visible.Text(e.Status), e.ContentType, replyType)
}

// Request asks the authority at address, an http or https URL, for a time-stamp on the data with this SHA-256, and
// checks the answer: its nonce, its digest, its certificate's purpose and its signature. client is required; ctx bounds the
// whole exchange.
// The authority learns the digest and nothing else.
//
// An error is a *RejectedError if the authority refused, an *AnswerError if something else answered, one of Verify's
// kinds or ErrNonce if the answer is wrong, or that of the connection.
func Request(ctx context.Context, client *http.Client, address string, digest [32]byte) (Response, error) {
	return RequestUnder(ctx, client, address, digest, nil)
}

// RequestUnder is Request for a time-stamp under one of the authority's policies, by its object identifier; nil leaves it
// to the authority. An answer under another policy is refused with ErrPolicy.
func RequestUnder(
	ctx context.Context, client *http.Client, address string, digest [32]byte, policy asn1.ObjectIdentifier,
) (Response, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return Response{}, fmt.Errorf("a time-stamping authority has an address like http://tsa.example/tsr, not %q", address)
	}
	r, err := request(digest, policy, func(query []byte) ([]byte, error) { return post(ctx, client, u, query) })
	if err != nil {
		return Response{}, fmt.Errorf("asking %s for a time-stamp: %w", u.Redacted(), err)
	}
	r.URL = u.Redacted()
	return r, nil
}

// request makes a query, has it answered and checks the answer.
func request(digest [32]byte, policy asn1.ObjectIdentifier, answer func(query []byte) ([]byte, error)) (Response, error) {
	// 64 bits, as openssl takes: some authorities answer no longer nonce.
	nonce, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64))
	if err != nil {
		return Response{}, err
	}
	req := timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: digest[:], Certificates: true, Nonce: nonce, TSAPolicyOID: policy}
	query, err := req.Marshal()
	if err != nil {
		return Response{}, err
	}
	sent := time.Now()
	tsr, err := answer(query)
	if err != nil {
		return Response{}, err
	}
	received := time.Now()
	info, err := Verify(tsr, digest, Options{})
	if err != nil {
		return Response{}, err
	}
	if info.Nonce == nil || info.Nonce.Cmp(nonce) != 0 {
		return Response{}, fmt.Errorf("%w: its nonce is %v and not the query's %v, as if it were an old answer",
			ErrNonce, info.Nonce, nonce)
	}
	if policy != nil && info.Policy != policy.String() {
		return Response{}, fmt.Errorf("%w: %s, asked for was %s", ErrPolicy, info.Policy, policy)
	}
	return Response{Info: info, TSR: tsr, Sent: sent, Received: received}, nil
}

// post sends the query and returns the body of the answer.
func post(ctx context.Context, client *http.Client, u *url.URL, query []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(query))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", queryType)
	req.Header.Set("Accept", replyType)
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	media, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || media != replyType || resp.StatusCode != http.StatusOK {
		return nil, &AnswerError{u.Redacted(), resp.Status, resp.Header.Get("Content-Type")}
	}
	tsr, err := io.ReadAll(io.LimitReader(resp.Body, maxSize+1)) // Verify refuses what is longer than maxSize
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	return tsr, nil
}
