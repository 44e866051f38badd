package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// Ensure keeps obj under its name, and is content when the very same bytes are there already, locked as st locks;
// created says which of the two it was. Bytes that differ give a *DifferentError, which wraps fs.ErrExist; a lock that
// is missing or too short gives the error of LockPolicy. Where the bytes there cannot be read, the error wraps both
// fs.ErrExist and what kept them from being read.
//
// A store that is also a Stater is asked before anything is sent, so that resuming costs one small question for each
// object that is there.
func Ensure(ctx context.Context, st Store, obj Object, body io.Reader) (created bool, err error) {
	if err := ValidName(obj.Name); err != nil {
		return false, err
	}
	if stater, ok := st.(Stater); ok {
		entry, err := stater.Stat(ctx, obj.Name)
		switch {
		case err == nil:
			return false, same(ctx, st, obj, entry)
		case errors.Is(err, fs.ErrNotExist):
		case errors.Is(err, fs.ErrPermission): // a key that may only write: Create tells whether the name is free
		default:
			return false, fmt.Errorf("looking whether %q is there already: %w", obj.Name, err)
		}
	}
	err = st.Create(ctx, obj, body)
	if err == nil {
		return true, nil
	}
	if !errors.Is(err, fs.ErrExist) {
		return false, err
	}
	entry, staterr := find(ctx, st, obj.Name)
	if staterr != nil {
		return false, fmt.Errorf("%q is taken and cannot be compared (%w): %w", obj.Name, staterr, err)
	}
	return false, same(ctx, st, obj, entry)
}

// find is Stat for any store.
func find(ctx context.Context, st Store, name string) (Entry, error) {
	if stater, ok := st.(Stater); ok {
		return stater.Stat(ctx, name)
	}
	for entry, err := range st.List(ctx, name) {
		if err != nil || entry.Name == name {
			return entry, err
		}
	}
	return Entry{}, fmt.Errorf("%q: %w", name, fs.ErrNotExist)
}

// same says whether entry holds obj, locked as the store locks.
func same(ctx context.Context, st Store, obj Object, entry Entry) error {
	have := entry.SHA256
	if have == nil && entry.Size == obj.Size {
		sum, err := Digest(ctx, st, obj.Name)
		if err != nil {
			return fmt.Errorf("%q is taken (%w) and cannot be compared: %w", obj.Name, fs.ErrExist, err)
		}
		have = &sum
	}
	if entry.Size != obj.Size || *have != obj.SHA256 {
		return &DifferentError{Name: obj.Name, HaveSize: entry.Size, WantSize: obj.Size, HaveSHA256: have,
			WantSHA256: obj.SHA256}
	}
	if policy, ok := st.(LockPolicy); ok {
		return policy.CheckLock(entry)
	}
	return nil
}

// Digest reads an object to its end and returns its SHA-256.
func Digest(ctx context.Context, st Store, name string) (sum [sha256.Size]byte, err error) {
	body, err := st.Open(ctx, name)
	if err != nil {
		return sum, err
	}
	defer body.Close()
	h := sha256.New()
	if _, err := io.Copy(h, body); err != nil {
		return sum, fmt.Errorf("reading %q: %w", name, err)
	}
	h.Sum(sum[:0])
	return sum, nil
}
