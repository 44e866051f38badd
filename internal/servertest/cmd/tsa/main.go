// Tsa answers timestamp requests over HTTP (RFC 3161, 3.4) for tests: each request goes to "openssl ts -reply". It serves
// the directory that testdata/docker/tsa/prepare.sh made, and writes the address that it listens on into the file
// "address" there once it does.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

func main() {
	dir := flag.String("dir", "", "directory that prepare.sh made")
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *dir, *listen); err != nil {
		fmt.Fprintln(os.Stderr, "tsa: error:", err)
		os.Exit(1)
	}
}

// run serves until ctx is done.
func run(ctx context.Context, dir, listen string) error {
	if _, err := os.Stat(filepath.Join(dir, "tsa.cnf")); err != nil {
		return fmt.Errorf("%w; prepare.sh makes the directory for --dir", err)
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	address := filepath.Join(dir, "address")
	if err := os.WriteFile(address+".part", []byte(listener.Addr().String()+"\n"), 0o644); err != nil {
		return err
	}
	if err := os.Rename(address+".part", address); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("POST /", &authority{dir: dir})
	mux.HandleFunc("GET /health", func(http.ResponseWriter, *http.Request) {})
	server := &http.Server{Handler: mux, ReadTimeout: 30 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// An authority answers timestamp queries.
type authority struct {
	dir   string
	mutex sync.Mutex // openssl keeps the next serial number in a file without locking it
}

const (
	queryType = "application/timestamp-query"
	replyType = "application/timestamp-reply"
	maxQuery  = 64 << 10
)

func (a *authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if got := r.Header.Get("Content-Type"); got != queryType {
		http.Error(w, fmt.Sprintf("want Content-Type %s, not %q", queryType, got), http.StatusUnsupportedMediaType)
		return
	}
	query, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxQuery))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	reply, err := a.reply(r.Context(), query)
	if err != nil {
		log.Print(err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	log.Printf("answered a query of %d bytes with %d bytes", len(query), len(reply))
	w.Header().Set("Content-Type", replyType)
	_, _ = w.Write(reply)
}

// reply returns openssl's TimeStampResp; what is no query is answered with a rejection, too.
func (a *authority) reply(ctx context.Context, query []byte) ([]byte, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	file := filepath.Join(a.dir, "query.tsq")
	if err := os.WriteFile(file, query, 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "openssl", "ts", "-reply", "-config", filepath.Join(a.dir, "tsa.cnf"), "-section", "tsa1", "-queryfile", file)
	cmd.Env = append(os.Environ(), "TSA_DIR="+a.dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("openssl ts -reply: %w: %s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	return out, nil
}
