package selection

import (
	"strings"
	"testing"

	"github.com/mbaudit/mbaudit/evidence"
)

func record(folder string, attrs map[string]string) evidence.Record {
	all := map[string]string{"folder": folder, "internaldate": "23-Nov-2026 14:05:00 +0100"}
	for name, value := range attrs {
		all[name] = value
	}
	return evidence.Record{N: 1, Exhibit: &evidence.StoredExhibit{Exhibit: evidence.Exhibit{Account: "alice@example.test",
		Resource: "messages/" + folder, MediaType: "message/rfc822", Attrs: all}}}
}

func TestPersonalMark(t *testing.T) {
	for _, c := range []struct {
		folder, header string
		attrs          map[string]string
		want           string
	}{
		{"INBOX", "Subject: Facture 42\r\n", nil, ""},
		{"INBOX", "Subject: [PRIVÉ] dîner\r\n", nil, "prive"},
		{"INBOX", "Subject: =?utf-8?Q?[PRIV=C3=89]_d=C3=AEner?=\r\n", nil, "prive"},
		{"INBOX", "Subject: =?UTF-8?B?UHJpdsOp?=\r\n", nil, "prive"},
		{"INBOX", "Subject: =?iso-8859-1?q?priv=E9?= (=?us-ascii?q?x?=)\r\n", nil, "prive"},
		{"INBOX", "Subject: =?utf-8?Q?Priv=C3?=\r\n =?utf-8?Q?=A9?= : photos\r\n", nil, "prive"}, // a character cut in two
		{"INBOX", "subject:=?windows-1252?B?cHJpduk?= x\r\n", nil, "prive"},                      // no padding
		{"INBOX", "Subject: Priv\xe9 et confidentiel\r\n", nil, "prive"},                         // raw Latin-1
		{"INBOX", "Subject: Prive\u0301\r\n", nil, "prive"},                                      // combining accent
		{"INBOX", "Subject: =?x-unknown?q?perso?=\r\n", nil, "perso"},                            // no such character set
		{"INBOX", "nonsense\r\n\x00\xff\r\nSubject: confidentiel perso\r\n", nil, "perso"},       // broken header
		{"INBOX", "Subject: rendez-vous\r\nSubject: personnel\r\n", nil, "personnel"},            // a second one
		{"INBOX", "Subject: Persönlich/Vertraulich\r\n", nil, "personlich"},
		{"INBOX", "Subject: asunto privado\r\n", nil, "privado"},
		{"INBOX", "Subject: cosa personale\r\n", nil, "personale"},
		{"INBOX", "Subject: private_pictures\r\n", nil, "private"},
		{"INBOX", "Subject: privateer, impersonal, privatisation, personne\r\n", nil, ""}, // parts of words do not count
		{"INBOX", "Subject: x\r\nSensitivity: Personal\r\n", nil, "personal"},
		{"INBOX", "Subject: x\r\nSensitivity: Company-Confidential\r\n", nil, ""},
		{"INBOX", "X: 1\r\n\r\nSubject: perso\r\n", nil, ""}, // in the body
		{"Archives/Privé/2026", "Subject: x\r\n", nil, "prive"},
		{"Perso.Banque", "Subject: x\r\n", nil, "perso"},
		{"INBOX", "Subject: x\r\n", map[string]string{"x-gm-labels": `("Famille" "Personal")`}, "personal"},
		{"INBOX", "Subject: x\r\n", map[string]string{"flags": `(\Seen $Private)`}, "private"},
	} {
		head, err := ReadHead(strings.NewReader(c.header))
		if err != nil {
			t.Fatal(err)
		}
		if got := PersonalMark(record(c.folder, c.attrs), head); got != c.want {
			t.Errorf("%s %q %v: marked by %q, want %q", c.folder, c.header, c.attrs, got, c.want)
		}
	}
	gap := evidence.Record{N: 2, Gap: &evidence.Gap{Resource: "messages/Privé"}}
	if PersonalMark(gap, Head{}) == "" {
		t.Error("a gap in a personal folder is not marked")
	}
}

func TestFilter(t *testing.T) {
	head := func() (Head, error) {
		return ReadHead(strings.NewReader("From: =?utf-8?q?Ren=C3=A9e?= <renee@evil.example>\r\nDate: Mon, 23 Nov 2026 14:05:00 +0100\r\n"))
	}
	r := record("Projets/Été", nil)
	for _, c := range []struct {
		terms string
		want  bool
	}{
		{"folder=projets/*", true}, {"folder=Projets", false}, {"folder=*été", true}, {"folder=Projets/?t?", true},
		{"since=2026-11-23", true}, {"since=2026-11-24", false}, {"until=2026-11-23", true}, {"until=2026-11-22", false},
		{"from=RENÉE", true}, {"from=@evil.example", true}, {"from=bob", false},
		{"kind=message/rfc822", true}, {"kind=message/*", true}, {"kind=gap", false}, {"account=ALICE@example.test", true}, {"account=bob", false},
		{"folder=projets/* since=2026-11-01 from=evil", true}, {"folder=projets/* since=2026-11-01 from=good", false},
	} {
		f, err := ParseFilter(strings.Fields(c.terms))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := f.Match(r, head); err != nil || got != c.want {
			t.Errorf("%s: %v, %v", c.terms, got, err)
		}
	}
	noDate := record("INBOX", map[string]string{"internaldate": "soon"})
	f, _ := ParseFilter([]string{"since=2026-11-23"})
	if ok, err := f.Match(noDate, head); err != nil || !ok {
		t.Errorf("the Date field does not stand in for INTERNALDATE: %v, %v", ok, err)
	}
	for _, bad := range []string{"folder", "folder=", "size=3", "since=yesterday", "kind=["} {
		if _, err := ParseFilter([]string{bad}); err == nil {
			t.Errorf("%q is a filter", bad)
		}
	}
}

func TestParseID(t *testing.T) {
	if n, gap, err := ParseID("P-000042"); n != 42 || gap || err != nil {
		t.Error(n, gap, err)
	}
	if n, gap, err := ParseID("G-1234567"); n != 1234567 || !gap || err != nil {
		t.Error(n, gap, err)
	}
	for _, bad := range []string{"", "42", "X-1", "P-", "P-0", "P--1", "P-1x", "p-1"} {
		if _, _, err := ParseID(bad); err == nil {
			t.Errorf("%q is an ID", bad)
		}
	}
}

// FuzzHead wants that no header stops the reader, and that what it gives is text.
func FuzzHead(f *testing.F) {
	f.Add([]byte("Subject: =?utf-8?B?UHJpdsOp?= =?x?Q?=?=\r\n\r\n"))
	f.Add([]byte("Subject: =?iso-2022-jp?B?GyRC?=\nSubject: \xff\n\t=?=?="))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := ReadHead(strings.NewReader(string(data)))
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{h.Subject, h.From, h.Date, h.Sensitivity} {
			if strings.ToValidUTF8(text, "") != text {
				t.Errorf("%q", text)
			}
		}
	})
}
