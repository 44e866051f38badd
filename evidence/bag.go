package evidence

import (
	"bufio"
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Names in a bundle. Everything but sig/ is named in a manifest; sig/ cannot be, since it signs the manifest.
const (
	bagItFile        = "bagit.txt"
	bagInfoFile      = "bag-info.txt"
	manifestFile     = "manifest-sha256.txt"
	tagManifestFile  = "tagmanifest-sha256.txt"
	openingFile      = "opening.json"
	acquisitionFile  = "acquisition.json"
	checkpointFile   = "checkpoint"
	sealsDir         = "seals"
	sigDir           = "sig"
	logFile          = "data/logs/acquisition.log"
	coverageFile     = "data/logs/coverage.tsv"
	exceptionsFile   = "data/logs/exceptions.tsv"
	journalFile      = "data/journal/journal.jsonl"
	signatureFile    = "sig/tagmanifest-sha256.txt.sig"
	signersFile      = "sig/allowed_signers"
	signerKeyFile    = "sig/signer.pub"
	verifierKeyFile  = "sig/checkpoint.vkey"
	bagItDeclaration = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
)

// manifestLine is a file in a BagIt manifest (RFC 8493 section 2.1.3).
type manifestLine struct {
	digest Digest
	name   string
}

// formatManifest writes a manifest that sha256sum -c reads, by name. All our names are ASCII without line breaks, so
// nothing needs the percent encoding of the RFC.
func formatManifest(lines []manifestLine) []byte {
	slices.SortFunc(lines, func(a, b manifestLine) int { return strings.Compare(a.name, b.name) })
	var b bytes.Buffer
	for _, l := range lines {
		fmt.Fprintf(&b, "%s  %s\n", l.digest, l.name)
	}
	return b.Bytes()
}

// parseManifest reads a manifest as this package writes it, and refuses any other.
func parseManifest(data []byte) ([]manifestLine, error) {
	var lines []manifestLine
	seen := make(map[string]bool)
	scanner := bufio.NewScanner(bytes.NewReader(data))
	for scanner.Scan() {
		text := scanner.Text()
		var l manifestLine
		if len(text) < 67 || text[64:66] != "  " || l.digest.UnmarshalText([]byte(text[:64])) != nil || text[:64] != strings.ToLower(text[:64]) {
			return nil, fmt.Errorf("line %d is not a digest, two spaces and a name", len(lines)+1)
		}
		l.name = text[66:]
		if !bagName(l.name) {
			return nil, fmt.Errorf("line %d names %q, which no bundle holds", len(lines)+1, l.name)
		}
		if seen[l.name] {
			return nil, fmt.Errorf("line %d names %s once more", len(lines)+1, l.name)
		}
		seen[l.name] = true
		lines = append(lines, l)
	}
	if err := scanner.Err(); err != nil {
		return nil, err
	}
	if !bytes.Equal(formatManifest(slices.Clone(lines)), data) {
		return nil, fmt.Errorf("it is not in the form in which it was written")
	}
	return lines, nil
}

// bagName says whether a name can be one of a file in a bundle: relative, ASCII, of letters, digits and "._-/" only.
func bagName(name string) bool {
	if name == "" || name[0] == '/' || strings.Contains(name, "..") || strings.Contains(name, "//") {
		return false
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("._-/", rune(c)) {
			return false
		}
	}
	return true
}

// bagInfo is bag-info.txt. It names no person and no account, since it is read by whoever stores the bundle.
// The salt keeps its digest, which a disclosure shows, from telling how large the payload is.
func bagInfo(acq *Acquisition, payloadBytes int64, payloadFiles int, salt string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "Bagging-Date: %s\n", acq.SealedAt.Format("2006-01-02"))
	fmt.Fprintf(&b, "Bag-Software-Agent: mbaudit %s\n", acq.Opening.Tool.Version)
	fmt.Fprintf(&b, "External-Identifier: %s\n", acq.Opening.Bundle)
	fmt.Fprintf(&b, "Payload-Oxum: %d.%d\n", payloadBytes, payloadFiles)
	fmt.Fprintf(&b, "X-Merkle-Root: %s\n", acq.Tree.Root)
	fmt.Fprintf(&b, "X-Merkle-Size: %d\n", acq.Tree.Size)
	fmt.Fprintf(&b, "X-Salt: %s\n", salt)
	return b.Bytes()
}
