package evidence

import (
	"bytes"
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mbaudit/mbaudit/evidence/signature"
)

// loadBundle gives all files of a bundle of testdata.
func loadBundle(t testing.TB, name string) map[string][]byte {
	t.Helper()
	return loadFiles(t, filepath.Join(bundlesDir, name))
}

// TestEveryFile removes, cuts, lengthens, swaps and copies each file of a small bundle in turn. Each is noticed, with the
// kind of damage that it is.
func TestEveryFile(t *testing.T) {
	intact := loadBundle(t, "intact")
	names := slices.Sorted(maps.Keys(intact))
	changes := 0
	check := func(what string, files map[string][]byte, kinds ...DamageKind) {
		t.Helper()
		changes++
		v, err := Verify(context.Background(), memorySource{files: files}, VerifyConfig{})
		if err != nil {
			t.Errorf("%s: %v", what, err)
			return
		}
		if v.Intact() {
			t.Errorf("%s is not noticed", what)
		}
		if !slices.ContainsFunc(v.Damage, func(d Damage) bool { return slices.Contains(kinds, d.Kind) }) {
			t.Errorf("%s: %+v, expected one of %q", what, v.Damage, kinds)
		}
	}
	for _, name := range names {
		if strings.HasPrefix(name, sigDir+"/") && name != signatureFile {
			continue // time-stamps may come later; what helps other tools is in the signature too
		}
		changed := []DamageKind{DamageDigest}
		switch name {
		case tagManifestFile:
			changed = []DamageKind{DamageMalformed, DamageSignature, DamageMissing}
		case signatureFile:
			changed = []DamageKind{DamageSignature}
		}
		with := func(data []byte) map[string][]byte {
			files := maps.Clone(intact)
			files[name] = data
			return files
		}
		without := maps.Clone(intact)
		delete(without, name)
		if name == tagManifestFile {
			check(name+" removed", without, DamageNotSealed)
		} else {
			check(name+" removed", without, DamageMissing)
		}
		check(name+" cut by two bytes", with(intact[name][:len(intact[name])-2]), changed...)
		check(name+" emptied", with(nil), changed...)
		check(name+" lengthened", with(append(bytes.Clone(intact[name]), 'x')), changed...)
		check(name+" doubled", with(append(bytes.Clone(intact[name]), intact[name]...)), changed...)
		copied := maps.Clone(intact)
		copied[name+".copy"] = intact[name]
		check(name+" copied", copied, DamageExtra)
		for _, other := range names {
			if other > name && !bytes.Equal(intact[name], intact[other]) && !strings.HasPrefix(other, sigDir+"/") {
				swapped := maps.Clone(intact)
				swapped[name], swapped[other] = intact[other], intact[name]
				check(name+" swapped with "+other, swapped, append(changed, DamageDigest, DamageMalformed, DamageSignature, DamageMissing)...)
			}
		}
	}
	t.Logf("%d changes to files, all noticed", changes)
}

// FuzzVerify changes one file of a bundle to anything: nothing but the bytes that were sealed is accepted, and nothing
// makes Verify panic.
func FuzzVerify(f *testing.F) {
	intact := loadBundle(f, "intact")
	names := slices.Sorted(maps.Keys(intact))
	for i, name := range names {
		f.Add(uint8(i), intact[name])
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		name := names[int(which)%len(names)]
		if strings.HasPrefix(name, sigDir+"/") || bytes.Equal(data, intact[name]) {
			return // signatures and time-stamps have fuzz tests of their own
		}
		v, err := Verify(context.Background(), memorySource{intact, name, data}, VerifyConfig{})
		if err == nil && v.Intact() {
			t.Errorf("%s: other bytes were accepted", name)
		}
	})
}

// FuzzForged does the same with digests and signature made to fit, as by someone who holds the signing key: what the
// parsers of openings, seals, checkpoints, index lines and archives accept must be what the rest of the bundle says.
// acquisition.json is only parsed: the signer may say there what he likes, but for what is counted.
func FuzzForged(f *testing.F) {
	forger := newForger(f, filepath.Join(f.TempDir(), testBundle))
	intact := make(map[string][]byte)
	for name, err := range Dir(forger.dir).Names(context.Background()) {
		if err != nil {
			f.Fatal(err)
		}
		if !strings.Contains(name, ".local.") {
			intact[name] = readTestFile(f, forger.path(name))
		}
	}
	targets := []string{openingFile, checkpointFile, sealPath(1), indexPath(1), segmentPath(1), acquisitionFile}
	for i, name := range targets {
		f.Add(uint8(i), intact[name])
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		name := targets[int(which)%len(targets)]
		if bytes.Equal(data, intact[name]) {
			return
		}
		files := maps.Clone(intact)
		files[name] = data
		refitBundle(t, files, forger)
		v, err := Verify(context.Background(), memorySource{files: files}, VerifyConfig{})
		if err == nil && v.Intact() && name != acquisitionFile {
			t.Errorf("%s: other bytes were accepted", name)
		}
		if err == nil && slices.ContainsFunc(v.Damage, func(d Damage) bool { return d.Name == signatureFile || d.Kind == DamageDigest }) && name != openingFile {
			t.Errorf("the forgery was not a good one: %+v", v.Damage)
		}
	})
}

// refitBundle makes both manifests and the signature fit the files.
func refitBundle(t *testing.T, files map[string][]byte, f *forger) {
	t.Helper()
	for _, name := range []string{manifestFile, tagManifestFile} {
		lines, err := parseManifest(files[name])
		if err != nil {
			t.Fatal(err)
		}
		for i := range lines {
			lines[i].digest = digestOf(files[lines[i].name])
		}
		files[name] = formatManifest(lines)
	}
	armored, err := f.id.Sign(bytes.NewReader(files[tagManifestFile]), signature.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	files[signatureFile] = armored
}
