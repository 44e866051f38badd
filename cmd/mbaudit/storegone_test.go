package main

import (
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/internal/seedmail"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

// TestStoreGoneHalfWay takes the S3 gateway away while segments are being sent. Collection goes on and seals; the status
// and the words say what is left to do; pushing again later sends the rest, and what is there verifies.
func TestStoreGoneHalfWay(t *testing.T) {
	const account, messages = "alice@example.test", 1000
	dovecot, s3 := servertest.Dovecot(t), servertest.S3(t)
	dovecot.Seed(t, account, seedmail.Spec{Seed: 40, Messages: messages, MeanSize: 8000})
	s3.MakeBucket(t, "evidence", true)
	proxy, cut := dyingProxy(t, s3.Endpoint, 3<<20)
	p := buildProduct(t)
	p.env = append(p.env, "MBAUDIT_IMAP_PASSWORD="+dovecot.Password, "AWS_REGION="+s3.Region, "AWS_ACCESS_KEY_ID="+s3.AccessKey,
		"AWS_SECRET_ACCESS_KEY="+s3.SecretKey, "AWS_CA_BUNDLE="+s3.CAFile)
	p.newCase(t)
	f := p.run(t, "collect", "--account", account, "--imap", "imaps://localhost:"+strconv.Itoa(dovecot.IMAPSPort), "--tls-ca", dovecot.CAFile,
		"--messages", "raw", "--tsa", "none", "--segment-size", "1", "--push", "s3://evidence/case", "--yes", "--s3-endpoint", "https://"+proxy)
	if !cut.Load() {
		t.Fatal("the gateway was not cut off: nothing is shown")
	}
	if f.status != statusFailed || !strings.Contains(f.stdout, "sealed 01") || !strings.Contains(f.stderr, "send it with: mbaudit push") {
		t.Fatalf("status %d\n%s%s", f.status, f.stdout, f.stderr)
	}
	if !strings.Contains(f.stderr, "pushing while collecting stopped, collection goes on") {
		t.Error(f.stderr)
	}
	bundle := filepath.Base(p.bundle(t))
	pushed := p.want(t, "push", bundle, "s3://evidence/case", "--yes", "--s3-endpoint", s3.URL)
	if strings.Contains(pushed.stderr, ", 0 were there already") {
		t.Errorf("nothing had arrived before the gateway went away: %s", pushed.stderr)
	}
	p.want(t, "verify", "s3://evidence/case/"+bundle, "--s3-endpoint", s3.URL)
	p.checkAfterKills(t, messages, "--s3-endpoint", s3.URL)
}

// dyingProxy passes connections on until so many bytes have gone to the server; then it breaks them all and takes no more.
func dyingProxy(t *testing.T, address string, after int64) (string, *atomic.Bool) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	var sent atomic.Int64
	var dead atomic.Bool
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.DialTimeout("tcp", address, 10*time.Second)
			if err != nil {
				_ = client.Close()
				continue
			}
			go func() { _, _ = io.Copy(client, server); _ = client.Close() }()
			go func() {
				defer func() { _, _ = client.Close(), server.Close() }()
				for {
					n, err := io.CopyN(server, client, 16<<10)
					if sent.Add(n) > after {
						dead.Store(true)
						_ = listener.Close()
					}
					if err != nil || dead.Load() {
						return
					}
				}
			}()
		}
	}()
	return listener.Addr().String(), &dead
}
