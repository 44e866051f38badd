package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/internal/casefile"
)

// open begins the bundle, or goes on with the one in dir.
func (r *collection) open(dir string) error {
	tool, err := thisTool()
	if err != nil {
		return err
	}
	if err := r.openWriter(dir, tool); err != nil {
		return err
	}
	// A resumed run may be another version's: each run says what it was.
	return r.w.Log("tool", fmt.Sprintf("%s %s, %s, %s/%s, SHA-256 %s", tool.Name, tool.Version, tool.GoVersion, tool.OS, tool.Arch, tool.BinarySHA256))
}

func (r *collection) openWriter(dir string, tool evidence.Tool) error {
	var err error
	if dir != "" {
		if r.w, err = evidence.Resume(dir, r.writerConfig()); err != nil {
			return err
		}
		r.say("resuming %s: %d exhibits are there already", filepath.Base(dir), r.w.Counts().Exhibits)
		return nil
	}
	opening := r.opening(tool)
	r.w, err = evidence.Create(r.c.path(casefile.BundlesName, opening.Bundle), opening, r.writerConfig())
	return err
}

// writerConfig lets the pusher, once there is one, hear of sealed segments.
func (r *collection) writerConfig() evidence.WriterConfig {
	return evidence.WriterConfig{Now: r.now, SegmentSize: r.opts.segmentMiB << 20, Sealed: func(files []evidence.SealedFile) {
		if r.pusher != nil {
			r.pusher.add(files)
		}
	}}
}

func (r *collection) opening(tool evidence.Tool) evidence.Opening {
	options := make(map[string][]string)
	for _, name := range scopeFlags() {
		if values := flagValues(r.flags.Lookup(name)); len(values) > 0 {
			options[name] = values
		}
	}
	opening := evidence.Opening{
		Bundle: ulid.MustNewDefault(r.now()).String(), CreatedAt: r.bundleTime(), Case: r.c.Case.Case, Accounts: r.opts.accounts,
		Operator:  evidence.Person{Name: r.c.Operator.Name, Organisation: r.c.Organisation, Contact: r.c.Operator.Contact},
		Authority: r.c.Authority, Tool: tool, Sources: r.sources(), Options: options,
		TimeZone: localZone(r.now()), Signer: r.identity.Fingerprint(), Recipients: r.recipients,
	}
	if opening.Part = r.part; r.part == partRest {
		opening.First = r.first.link()
	}
	if r.earlier != nil && r.readsAll() {
		opening.Since = &r.earlier.link
	}
	if r.again != nil {
		opening.Again = &r.again.link
	}
	return opening
}

// thisTool describes the running program, with the SHA-256 of its own file.
func thisTool() (evidence.Tool, error) {
	path, err := os.Executable()
	if err != nil {
		return evidence.Tool{}, err
	}
	digest, err := fileDigest(path)
	if err != nil {
		return evidence.Tool{}, fmt.Errorf("hashing the program's own file: %w", err)
	}
	return evidence.Tool{Name: "mbaudit", Version: version, GoVersion: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH, BinarySHA256: digest}, nil
}

func (r *collection) seal(bundle string) (*evidence.Sealed, error) {
	done, err := r.c.begin(journal.Collection, "sealing bundle "+bundle, map[string]string{"bundle": bundle, "signer": r.identity.Fingerprint()})
	if err != nil {
		return nil, errors.Join(err, r.w.Close())
	}
	extract, err := os.Open(r.c.journal.Path())
	if err != nil {
		return nil, errors.Join(err, r.w.Close())
	}
	defer extract.Close()
	sealed, err := r.w.Seal(evidence.SealConfig{Identity: r.identity, Principal: principal(r.c.Case, r.w.Opening()), Journal: extract, Clocks: r.clocks(), Store: r.storeProbe})
	if err != nil {
		return nil, errors.Join(err, done("", err), r.w.Close())
	}
	return sealed, done("SHA-256 of tagmanifest-sha256.txt: "+sealed.TagManifest.String(), nil)
}

// bundleTime is the time as a bundle's documents write it.
func (r *collection) bundleTime() time.Time { return r.now().UTC().Truncate(time.Millisecond) }
