package imapwire

import (
	"bufio"
	"compress/flate"
	"io"
	"net"
	"strings"
	"testing"
)

// compressing is a server that agrees to compress, sends early before the client has said anything more, and then
// answers one NOOP with late.
func compressing(t *testing.T, nc net.Conn, early, late string) {
	t.Helper()
	defer nc.Close()
	plain := bufio.NewReader(nc)
	line, err := plain.ReadString('\n')
	if err != nil || line != "A0001 COMPRESS DEFLATE\r\n" {
		t.Errorf("the client sent %q, %v", line, err)
		return
	}
	var together strings.Builder
	together.WriteString("A0001 OK DEFLATE active\r\n")
	out, _ := flate.NewWriter(&together, flate.DefaultCompression) // the level exists
	_, _ = io.WriteString(out, early)
	_ = out.Flush() // a strings.Builder takes everything
	if _, err := io.WriteString(nc, together.String()); err != nil {
		t.Error(err)
		return
	}
	line, err = bufio.NewReader(flate.NewReader(plain)).ReadString('\n')
	if err != nil || line != "A0002 NOOP\r\n" {
		t.Errorf("after COMPRESS the client sent %q, %v", line, err)
		return
	}
	together.Reset()
	_, _ = io.WriteString(out, late)
	_ = out.Flush()
	_, _ = io.WriteString(nc, together.String()) // the client's answer tells
}

// TestCompress: both directions are compressed from the answer on, and what came together with it is not lost.
func TestCompress(t *testing.T) {
	client, server := net.Pipe()
	go compressing(t, server, "* 1 EXISTS\r\n", "* 2 EXISTS\r\nA0002 OK done\r\n")
	conn := New(client, Limits{})
	answer, err := conn.Compress()
	if err != nil || !answer.OK() {
		t.Fatalf("%v, %v", answer, err)
	}
	answer, err = conn.Do(NewCommand("NOOP"))
	if err != nil || string(answer.Raw) != "* 1 EXISTS\r\n* 2 EXISTS\r\nA0002 OK done\r\n" {
		t.Fatalf("%q, %v", answer.Raw, err)
	}
}

// TestCompressRefused: the connection goes on as it was.
func TestCompressRefused(t *testing.T) {
	conn := serve(t, "TAG NO [COMPRESSIONACTIVE] TLS compresses\r\n", "TAG OK done\r\n")
	answer, err := conn.Compress()
	if err != nil || answer.OK() || answer.Status.CodeName() != "COMPRESSIONACTIVE" {
		t.Fatalf("%v, %v", answer, err)
	}
	if answer, err = conn.Do(NewCommand("NOOP")); err != nil || !answer.OK() {
		t.Fatalf("%v, %v", answer, err)
	}
}

// TestCompressedBomb: what a few bytes expand to is bounded like what comes in clear.
func TestCompressedBomb(t *testing.T) {
	client, server := net.Pipe()
	go compressing(t, server, "* OK "+strings.Repeat("x", 64<<20), "")
	conn := New(client, Limits{})
	if answer, err := conn.Compress(); err != nil || !answer.OK() {
		t.Fatalf("%v, %v", answer, err)
	}
	_, err := conn.Next()
	if _, ok := err.(*LimitError); !ok {
		t.Fatalf("64 MiB in one line: %v", err)
	}
}
