package store

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
)

// Sized returns a reader of the same bytes that fails with ErrSize unless there are exactly size of them. It hands
// out the last byte only when it knows that the size is right, so that whoever takes the bytes never has all of a body
// that is too long or too short: there are servers that keep what they have when a connection breaks off.
func Sized(body io.Reader, size int64) io.Reader {
	return &sizedReader{src: body, size: size}
}

type sizedReader struct {
	src   io.Reader
	size  int64
	got   int64 // bytes read from src
	held  []byte
	spare [1]byte
	err   error
}

func (r *sizedReader) Read(p []byte) (int, error) {
	if len(p) == 0 || r.err != nil && len(r.held) == 0 {
		return 0, r.err
	}
	n := 0
	for n == 0 && r.err == nil {
		n = r.fill(p)
	}
	if n == 0 && r.err == io.EOF { // the size is right: the byte held back may go
		n = copy(p, r.held)
		r.held = nil
	}
	if r.err == io.EOF && len(r.held) > 0 {
		return n, nil
	}
	return n, r.err
}

// fill reads on and puts into p what was held back before and all but the last byte of what came.
func (r *sizedReader) fill(p []byte) int {
	one := [1]byte{}
	into := p
	if len(p) == 1 {
		into = one[:]
	}
	n, err := r.src.Read(into)
	r.got += int64(n)
	switch {
	case r.got > r.size:
		n, err = 0, fmt.Errorf("%w: %d bytes were announced and more follow", ErrSize, r.size)
	case err == io.EOF && r.got < r.size:
		n, err = 0, fmt.Errorf("%w: %d bytes were announced, it ended after %d", ErrSize, r.size, r.got)
	}
	if r.err = err; err != nil && err != io.EOF {
		r.held = nil
		return 0
	}
	if n == 0 {
		return 0
	}
	last := into[n-1]
	out := n - 1
	if len(r.held) > 0 {
		copy(p[1:], into[:n-1])
		p[0] = r.held[0]
		out++
	}
	r.spare[0] = last
	r.held = r.spare[:]
	return out
}

// Checked is Sized, and also fails with ErrDigest, at the end of the body, unless it has the SHA-256 that obj names.
func Checked(body io.Reader, obj Object) io.Reader {
	return &checkedReader{src: Sized(body, obj.Size), want: obj.SHA256, sum: sha256.New()}
}

type checkedReader struct {
	src  io.Reader
	want [sha256.Size]byte
	sum  hash.Hash
}

func (r *checkedReader) Read(p []byte) (int, error) {
	n, err := r.src.Read(p)
	r.sum.Write(p[:n])
	if err != io.EOF {
		return n, err
	}
	if have := r.sum.Sum(nil); !bytes.Equal(have, r.want[:]) {
		return n, fmt.Errorf("%w: announced was %x, read was %x", ErrDigest, r.want, have)
	}
	return n, io.EOF
}
