package signature

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// How long an agent may take. To list its keys takes it no time; to sign, it may wait for a person who agrees (ssh-add -c).
const (
	agentListTimeout = 10 * time.Second
	agentSignTimeout = 2 * time.Minute
)

// FromAgent returns the identity whose private key an ssh-agent holds. socket is what $SSH_AUTH_SOCK says; which is the
// key's fingerprint (SHA256:…) or its comment, as ssh-add -l prints them. The private key never leaves the agent, which
// is asked anew for each signature. The error wraps ErrNoAgent, ErrNotInAgent or ErrKeyType.
func FromAgent(socket, which string) (*Identity, error) {
	if socket == "" {
		return nil, fmt.Errorf("%w: SSH_AUTH_SOCK is not set", ErrNoAgent)
	}
	var keys []*agent.Key
	err := withAgent(socket, agentListTimeout, func(client agent.ExtendedAgent) error {
		var err error
		keys, err = client.List()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoAgent, err)
	}
	key, err := chooseKey(keys, which)
	if err != nil {
		return nil, err
	}
	parsed, err := ssh.ParsePublicKey(key.Blob)
	if err != nil {
		return nil, fmt.Errorf("reading the agent's key %s: %w", which, err)
	}
	public, ok := parsed.(ssh.CryptoPublicKey)
	if !ok || parsed.Type() != ssh.KeyAlgoED25519 {
		return nil, fmt.Errorf("%w: the agent's key %s is %s", ErrKeyType, which, parsed.Type())
	}
	raw, ok := public.CryptoPublicKey().(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%w: the agent's key %s is %s", ErrKeyType, which, parsed.Type())
	}
	comment := key.Comment
	if strings.ContainsAny(comment, "\r\n\x00") {
		comment = "" // it only decorates, and would not fit into a line
	}
	return &Identity{agentSigner{socket, parsed}, raw, comment}, nil
}

// chooseKey finds the key that which names. A comment that several keys have names none.
func chooseKey(keys []*agent.Key, which string) (*agent.Key, error) {
	var matching []*agent.Key
	var held []string
	for _, key := range keys {
		fingerprint := ssh.FingerprintSHA256(key)
		held = append(held, fmt.Sprintf("%s %q", fingerprint, key.Comment))
		if which == fingerprint || !strings.HasPrefix(which, "SHA256:") && which == key.Comment {
			matching = append(matching, key)
		}
	}
	switch {
	case which == "":
		return nil, fmt.Errorf("%w: no fingerprint and no comment is named", ErrNotInAgent)
	case len(matching) == 1:
		return matching[0], nil
	case len(matching) > 1:
		return nil, fmt.Errorf("%w: %d keys have the comment %q; name the fingerprint", ErrNotInAgent, len(matching), which)
	case len(keys) == 0:
		return nil, fmt.Errorf("%w: it holds none at all", ErrNotInAgent)
	}
	return nil, fmt.Errorf("%w as %q: it holds %s", ErrNotInAgent, which, strings.Join(held, ", "))
}

// withAgent connects to the agent for the time of one question. Collection takes hours, and no connection is held open
// for it.
func withAgent(socket string, timeout time.Duration, ask func(agent.ExtendedAgent) error) error {
	conn, err := net.DialTimeout("unix", socket, timeout)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	return ask(agent.NewClient(conn))
}

// agentSigner is an ssh.Signer whose private key is the agent's.
type agentSigner struct {
	socket string
	key    ssh.PublicKey
}

func (s agentSigner) PublicKey() ssh.PublicKey { return s.key }

// Sign asks the agent. What it gives is checked before it is used: a signature that nobody accepts would show only at
// the next verification.
func (s agentSigner) Sign(_ io.Reader, data []byte) (*ssh.Signature, error) {
	var sig *ssh.Signature
	err := withAgent(s.socket, agentSignTimeout, func(client agent.ExtendedAgent) error {
		var err error
		sig, err = client.Sign(s.key, data)
		return err
	})
	var network net.Error
	switch {
	case errors.As(err, &network):
		return nil, fmt.Errorf("%w: %w", ErrNoAgent, err)
	case err != nil:
		return nil, fmt.Errorf("%w: it refused to sign with %s: %v", ErrNotInAgent, ssh.FingerprintSHA256(s.key), err)
	}
	if err := s.key.Verify(data, sig); err != nil {
		return nil, fmt.Errorf("the ssh-agent gave a wrong signature: %w", err)
	}
	return &ssh.Signature{Format: sig.Format, Blob: bytes.Clone(sig.Blob)}, nil
}
