package signature_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/mbaudit/mbaudit/evidence/signature"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

// startAgent runs a real ssh-agent for the time of a test and returns its socket.
func startAgent(t *testing.T) string {
	t.Helper()
	for _, tool := range []string{"ssh-agent", "ssh-add", "ssh-keygen"} {
		if _, err := exec.LookPath(tool); err != nil {
			servertest.Missing(t, fmt.Sprintf("%s is not installed: no agent to sign with", tool))
		}
	}
	dir, err := os.MkdirTemp("", "agent") // t.TempDir is too long for the path of a socket on some systems
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "socket")
	cmd := exec.Command("ssh-agent", "-D", "-a", socket)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	})
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("unix", socket) // the socket is there before anybody listens
		if err == nil {
			_ = conn.Close()
			return socket
		}
		if time.Now().After(deadline) {
			t.Fatalf("ssh-agent does not listen: %v", err)
		}
	}
}

// sshAdd makes a key with ssh-keygen and gives it to the agent; the file is removed. It returns the fingerprint.
func sshAdd(t *testing.T, socket, kind, comment string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	keygen(t, nil, true, "-q", "-t", kind, "-N", "", "-C", comment, "-f", path)
	add := exec.Command("ssh-add", append(args, path)...)
	add.Env = append(os.Environ(), "SSH_AUTH_SOCK="+socket)
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("ssh-add: %v: %s", err, out)
	}
	fingerprint := strings.Fields(keygen(t, nil, true, "-l", "-f", path))[1]
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	return fingerprint
}

func TestAgentSigns(t *testing.T) {
	socket := startAgent(t)
	fingerprint := sshAdd(t, socket, "ed25519", "the operator")
	for _, which := range []string{fingerprint, "the operator"} {
		id, err := signature.FromAgent(socket, which)
		if err != nil {
			t.Fatal(err)
		}
		if id.Fingerprint() != fingerprint {
			t.Fatalf("%s gives the key %s, ssh-keygen says %s", which, id.Fingerprint(), fingerprint)
		}
		line, err := id.AllowedSigners(principal)
		if err != nil {
			t.Fatal(err)
		}
		args := []string{"-Y", "verify", "-f", write(t, "allowed", line), "-I", principal, "-n", signature.Namespace, "-s", write(t, "m.sig", sign(t, id))}
		keygen(t, message, true, args...)
		keygen(t, append(bytes.Clone(message), 'x'), false, args...)

		// Checkpoints are signed through the agent as well, with the same raw signature that the key itself makes.
		const origin = "mbaudit/bundle/01JD"
		signer, err := id.NoteSigner(origin)
		if err != nil {
			t.Fatal(err)
		}
		text, err := note.Sign(&note.Note{Text: origin + "\n2\nAAAA\n"}, signer)
		if err != nil {
			t.Fatal(err)
		}
		vkey, err := id.VerifierKey(origin)
		if err != nil {
			t.Fatal(err)
		}
		verifier, err := note.NewVerifier(vkey)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := note.Open(text, note.VerifierList(verifier)); err != nil {
			t.Error(err)
		}
		if _, err := note.Open(bytes.Replace(text, []byte("\n2\n"), []byte("\n3\n"), 1), note.VerifierList(verifier)); err == nil {
			t.Error("a changed checkpoint passes")
		}
	}
}

func TestAgentRefusals(t *testing.T) {
	socket := startAgent(t)
	refused := func(which string, kind error) {
		t.Helper()
		if _, err := signature.FromAgent(socket, which); !errors.Is(err, kind) {
			t.Errorf("%q: %v, not %v", which, err, kind)
		}
	}
	refused("anything", signature.ErrNotInAgent) // it is empty
	rsa := sshAdd(t, socket, "rsa", "old key")
	refused(rsa, signature.ErrKeyType)
	sshAdd(t, socket, "ed25519", "twice")
	second := sshAdd(t, socket, "ed25519", "twice")
	refused("twice", signature.ErrNotInAgent)
	refused("", signature.ErrNotInAgent)
	refused("SHA256:AAAA", signature.ErrNotInAgent)

	id, err := signature.FromAgent(socket, second)
	if err != nil {
		t.Fatal(err)
	}
	del := exec.Command("ssh-add", "-D")
	del.Env = append(os.Environ(), "SSH_AUTH_SOCK="+socket)
	if out, err := del.CombinedOutput(); err != nil {
		t.Fatalf("ssh-add -D: %v: %s", err, out)
	}
	if _, err := id.Sign(bytes.NewReader(message), signature.Namespace); !errors.Is(err, signature.ErrNotInAgent) {
		t.Errorf("a key that was taken away: %v", err)
	}
	socket = filepath.Join(t.TempDir(), "none")
	refused(second, signature.ErrNoAgent)
	socket = ""
	refused(second, signature.ErrNoAgent)
}
