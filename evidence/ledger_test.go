package evidence

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestLedgerInAFile does the same to a ledger of which all accounts but two wait in a file, and to one that is in memory: they
// know the same exhibits and say the same.
func TestLedgerInAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), ledgerFile)
	small, large := newLedger(disk{}, path, 2), newLedger(disk{}, path+".other", 1000)
	random := rand.New(rand.NewPCG(3, 4))
	const accounts, resources, items = 9, 5, 40
	names := func() (account, resource, item string) {
		account, resource = fmt.Sprintf("user%d@example.test", random.IntN(accounts)), fmt.Sprintf("r%d", random.IntN(resources))
		switch n := random.IntN(items); n % 4 {
		case 0:
			return account, resource, ""
		case 1:
			return account, resource, fmt.Sprintf("7/%d", n)
		case 2:
			return account, resource, fmt.Sprintf("%d", n)
		default:
			return account, resource, fmt.Sprintf("id-%d", n)
		}
	}
	for range 5_000 {
		account, resource, item := names()
		what := random.IntN(4)
		for _, l := range []*ledger{small, large} {
			var err error
			switch what {
			case 0:
				err = l.expect(Expectation{Account: account, Collector: "c", Resource: resource, Count: int64(len(item)), Note: "a note", NotOffered: item == ""})
			case 1:
				err = l.gap(&Gap{Account: account, Collector: "c", Resource: resource, Item: item, Class: GapFailed, Reason: "not UTF-8: \xff"})
			default:
				err = l.put(&Exhibit{Account: account, Collector: "c", Resource: resource, Item: item})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		account, resource, item = names()
		got, err := small.has(account, resource, item)
		if err != nil {
			t.Fatal(err)
		}
		if want, _ := large.has(account, resource, item); got != want {
			t.Fatalf("%s %s %q: %t, want %t", account, resource, item, got, want)
		}
	}
	if got, want := listRows(t, small.rows()), listRows(t, large.rows()); !reflect.DeepEqual(got, want) || len(got) != accounts*resources {
		t.Errorf("%+v\nwant\n%+v", got, want)
	}
	if len(small.accounts) > 2 || len(small.away) != accounts || large.file != nil {
		t.Errorf("%d accounts are in memory, %d in the file", len(small.accounts), len(small.away))
	}
	if err := small.close(); err != nil || exists(path) {
		t.Errorf("the file is left behind, or: %v", err)
	}
	if _, err := small.account("user0@example.test"); err == nil {
		_, err = small.account("user8@example.test")
		if err == nil {
			t.Error("a closed ledger knows accounts that were in its file")
		}
	}
}

// TestLedgerDamaged: what the disk gives back is taken for what was written only if it is.
func TestLedgerDamaged(t *testing.T) {
	l := newLedger(disk{}, filepath.Join(t.TempDir(), ledgerFile), 1)
	defer l.close()
	for _, account := range []string{"a", "b"} {
		if err := l.put(&Exhibit{Account: account, Collector: "c", Resource: "r", Item: "i"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.file.File.WriteAt([]byte{0xff}, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := l.has("a", "r", "i"); err == nil || !strings.Contains(err.Error(), "not what was written") {
		t.Errorf("%v", err)
	}
}

func listRows(t *testing.T, rows iter.Seq2[Coverage, error]) (list []Coverage) {
	t.Helper()
	for row, err := range rows {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, row)
	}
	return list
}

func rowsOf(list []Coverage) iter.Seq2[Coverage, error] {
	return func(yield func(Coverage, error) bool) {
		for _, row := range list {
			if !yield(row, nil) {
				return
			}
		}
	}
}

// TestAcquisitionRowByRow: acquisition.json has the bytes that it would have if it were written at once, and is read back.
func TestAcquisitionRowByRow(t *testing.T) {
	hostile := "\n  \"coverage\": []\u2028<&>\x01"
	row := Coverage{Account: hostile, Collector: "imap", Resource: "messages/INBOX", Asked: 3, Got: 2, Failed: 1, Status: StatusIncomplete, Reason: hostile}
	for _, rows := range [][]Coverage{{}, {row}, {row, {Account: "b"}, row}} {
		acq := Acquisition{V: formatVersion, Opening: testOpening(newIdentity(t)), Sessions: []Session{{How: hostile}}, Coverage: rows,
			Store: json.RawMessage(`{"coverage":[],"deep":{"coverage":[]}}`), Salt: "s"}
		acq.Opening.Options = map[string][]string{"coverage": {}, hostile: {hostile}}
		want, err := marshalDocument(acq)
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if err := writeAcquisition(&got, acq, rowsOf(rows)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%d rows: %s\nwant\n%s", len(rows), got.Bytes(), want)
		}
		var whole, read Acquisition
		if err := parseDocument(want, &whole); err != nil {
			t.Fatal(err)
		}
		var list []Coverage
		if err := readAcquisition(bytes.NewReader(want), &read, rowsInto(&list)); err != nil {
			t.Fatal(err)
		}
		if read.Coverage != nil {
			t.Error("the coverage was kept")
		}
		if read.Coverage = list; !reflect.DeepEqual(read, whole) {
			t.Errorf("read %+v\nwant %+v", read, whole)
		}
	}
}

func TestAcquisitionRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "unexpected EOF",
		`[]`:                           "[ is where { belongs",
		`{"v":1,"coverage":[]}{}`:      "something follows",
		`{"v":1,"coverage":[{}`:        "unexpected EOF",
		`{"v":1,"coverage":[{},,]}`:    "invalid character",
		`{"v":1,"coverage":{}}`:        "not a list",
		`{"v":1,"coverage":[7]}`:       "cannot unmarshal",
		`{"v":1,"sessions":7}`:         "cannot unmarshal",
		`{"v":2,"coverage":["other"]}`: "it has version 2",
		`{"coverage":[]}`:              "it has version 0",
		`{"v":1,"salt":"` + strings.Repeat("x", maxTagFile) + `"}`: "more than",
	} {
		var acq Acquisition
		if err := readAcquisition(strings.NewReader(text), &acq, func(Coverage) {}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v, want %q", text, err, want)
		}
	}
	var acq Acquisition
	if err := readAcquisition(strings.NewReader(`{"v":1,"coverage":null,"salt":"s"}`), &acq, nil); err != nil || acq.Salt != "s" {
		t.Errorf("a document without coverage: %v", err)
	}
}

func FuzzReadAcquisition(f *testing.F) {
	f.Add([]byte(`{"v":1,"coverage":[{"account":"a","got":1}],"salt":"s"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var ours, whole Acquisition
		if readAcquisition(bytes.NewReader(text), &ours, nil) == nil && parseDocument(text, &whole) == nil && ours.Counts != whole.Counts {
			t.Errorf("%+v, read at once %+v", ours.Counts, whole.Counts)
		}
	})
}

// rowsOfAccount is how many resources an account of a Google Workspace has, more or less.
const rowsOfAccount = 80

// putAccounts makes a bundle of so many accounts of a Google Workspace, with small answers.
func putAccounts(t testing.TB, w *Writer, from, to int) {
	t.Helper()
	at := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	for n := from; n < to; n++ {
		account := fmt.Sprintf("user%06d@example.test", n)
		for k := range rowsOfAccount {
			resource := fmt.Sprintf("reports/application%02d", k)
			if err := w.Expect(Expectation{Account: account, Collector: "google-workspace", Resource: resource, Count: 1,
				Note: fmt.Sprintf("what the answer of %s said of its window", resource)}); err != nil {
				t.Fatal(err)
			}
			if w.Has(account, resource, "") {
				t.Fatalf("%s of %s is there before it was put", resource, account)
			}
			_, err := w.Put(Exhibit{Account: account, Collector: "google-workspace", Resource: resource, Item: "page-" + account, Request: "GET https://example.test",
				Name: fmt.Sprintf("%s/%s.json", account, resource), MediaType: "application/json", FetchedAt: at}, strings.NewReader("{}\n"))
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestMemoryOfAccounts: of an account that was read, its name and place are remembered, and nothing more while the bundle is
// sealed. It looks at what is in use after a garbage collection: after the first accounts, after all, and in the midst of
// writing acquisition.json.
func TestMemoryOfAccounts(t *testing.T) {
	const few, many, most = 40, 240, 1 << 10 // bytes an account
	inUse := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	var sealing int64
	writes := 0
	watched := disk{func(op, path string) error {
		if op == "write" && filepath.Base(path) == acquisitionFile+partSuffix {
			if writes++; writes == 60 {
				sealing = inUse()
			}
		}
		return nil
	}}
	id := newIdentity(t)
	w := newBundle(t, id, WriterConfig{SegmentSize: 256 << 10, disk: watched})
	settled := func() int64 { // without a segment that is being sealed
		w.mu.Lock()
		defer w.mu.Unlock()
		if err := w.waitForSeal(); err != nil {
			t.Fatal(err)
		}
		return inUse()
	}
	putAccounts(t, w, 0, few)
	start := settled()
	putAccounts(t, w, few, many)
	end := settled()
	sealed := seal(t, w, id)
	if sealing == 0 || len(sealed.Coverage) != many*rowsOfAccount {
		t.Fatalf("%d writes of %s, %d rows", writes, acquisitionFile, len(sealed.Coverage))
	}
	for when, bytes := range map[string]int64{"while collecting": end - start, "while sealing": sealing - start} {
		t.Logf("%s: %d bytes an account more than after the first %d", when, bytes/(many-few), few)
		if bytes > most*(many-few) {
			t.Errorf("%s an account takes %d bytes, want at most %d", when, bytes/(many-few), most)
		}
	}
	wantIntact(t, w.Dir())
	if _, err := os.Lstat(filepath.Join(w.Dir(), ledgerFile)); err == nil {
		t.Errorf("%s is left behind", ledgerFile)
	}
}
