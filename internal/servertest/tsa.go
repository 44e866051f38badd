package servertest

import "testing"

// A TSAServer is a running timestamping authority (RFC 3161 over HTTP).
type TSAServer struct {
	URL    string
	CAFile string // the authority of the timestamping certificate, PEM
	Log    string // file with one line per answer
}

// TSA starts a fresh timestamping authority for the test.
func TSA(t testing.TB) *TSAServer {
	t.Helper()
	needPrograms(t, "tsa", "openssl", "go")
	s := start(t, "tsa", "tsa.sh")
	return &TSAServer{URL: s["TSA_URL"], CAFile: s["TSA_CA_FILE"], Log: s["TSA_LOG"]}
}
