package content

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/mbaudit/mbaudit/internal/mailheader"
)

const (
	french = "FR7630006000011234567890189" // from the registry's own examples
	german = "DE89370400440532013000"
	dutch  = "NL91ABNA0417164300"
)

// read reads a whole message.
func read(t testing.TB, raw string) Report {
	t.Helper()
	header := mailheader.Split([]byte(raw))
	report, err := NewReader().Read(&header, strings.NewReader(raw[header.Body:]))
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func text(body string) string {
	return "From: a@b.example\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + body
}

// TestIBAN: an IBAN is found however it is written, and only where its length and check digits are right.
func TestIBAN(t *testing.T) {
	for body, want := range map[string][]string{
		"IBAN : FR76 3000 6000 0112 3456 7890 189.":       {french},
		"iban fr7630006000011234567890189,":               {french},
		"FR76-3000-6000-0112-3456-7890-189":               {french},
		"FR76\u00a03000\u202f6000 0112 3456 7890 189":     {french},
		"FR76\u200b3000600001123456\u200d7890189":         {french},
		"ＦＲ７６３０００６００００１１２３４５６７８９０１８９":                     {french},
		"first DE89 3704 0044 0532 0130 00 then " + dutch: {german, dutch},
		"twice " + dutch + " and NL91 ABNA 0417 1643 00":  {dutch},
		"(" + german + ")": {german},
		"FR76 3000 6000 0112 3456 7890 188 has a wrong digit": nil,
		"FR76 3000 6000 0112 3456 7890 is short":              nil,
		french + "1 goes on":                                  nil,
		"XFR7630006000011234567890189 begins before":          nil,
		"ZZ89370400440532013000 is no country":                nil,
		"FR76  3000 6000 0112 3456 7890 189 has two blanks":   nil,
		"FR\r\n76 3000 6000 0112 3456 7890 189 is two lines":  nil,
		"": nil,
	} {
		if got := read(t, text(body)); !slices.Equal(got.IBANs, want) {
			t.Errorf("%q: %v, want %v", body, got.IBANs, want)
		}
	}
}

// TestQuoted: an answer that repeats an account number does not say it.
func TestQuoted(t *testing.T) {
	html := func(body string) string {
		return "Content-Type: text/html; charset=utf-8\r\n\r\n<html><head><style>" + dutch + "</style></head><body>" + body + "</body></html>"
	}
	for raw, want := range map[string][2][]string{
		text("Merci.\r\n> IBAN " + french + "\r\n"): {nil, {french}},
		text("Le nouveau est " + german + "\r\n\r\nLe 12 oct. 2026 à 09:00, Bob <b@c.example> a écrit :\r\n" + french):                      {{german}, {french}},
		text("Hi\r\n-----Original Message-----\r\n" + french):                                                                               {nil, {french}},
		text("Bonjour\r\n\r\nDe : Bob <b@c.example>\r\nEnvoyé : lundi 12 octobre 2026\r\n" + french):                                        {nil, {french}},
		html("<p>" + german + "</p><div style='border:none'><p><b>From:</b> Bob<br><b>Sent:</b> Monday<br></p></div><p>" + french + "</p>"): {{german}, {french}},
		text("From: our bank\r\nIBAN " + french):                                                                                            {{french}, nil},
		text(french + "\r\n> " + french):                                                                                                    {{french}, nil},
		html("<p>IBAN <b>FR76</b> 3000 6000 0112 3456 7890 189</p>"):                                                                        {{french}, nil},
		html("<p>ok</p><blockquote><p>" + french + "</p></blockquote><p>" + german + "</p>"):                                                {{german}, {french}},
		html(`<div>` + german + `</div><div class="gmail_quote"><div>x</div><div>` + french + `</div></div>`):                               {{german}, {french}},
		html("<table><tr><td>FR76 3000 6000</td></tr><tr><td>0112 3456 7890 189</td></tr></table>"):                                         {nil, nil},
	} {
		got := read(t, raw)
		if !slices.Equal(got.IBANs, want[0]) || !slices.Equal(got.Quoted, want[1]) {
			t.Errorf("%q:\n%v and quoted %v, want %v", raw, got.IBANs, got.Quoted, want)
		}
	}
}

// TestMIME: words in any packing, attachments by name, type and digest and never by their content.
func TestMIME(t *testing.T) {
	pdf := "%PDF-1.7 " + german + "\n"
	raw := "Content-Type: multipart/mixed; boundary=\"out er\"\r\n\r\npreamble " + dutch + "\r\n--out er\r\n" +
		"Content-Type: multipart/alternative; boundary=in\r\nno colon in this line\r\n\r\n" +
		"--in\r\nContent-Type: text/plain; charset=iso-8859-15\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nR=E9f. FR76 3000 6000 0112 3456 =\r\n7890 189\r\n" +
		"--in\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString([]byte("<p>"+french+"</p>")) + "\r\n--in--\r\n" +
		"--out er\r\nContent-Type: application/pdf; name=x\r\nContent-Disposition: attachment; filename*=utf-8''rel%C3%A9v%C3%A9.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
		base64.StdEncoding.EncodeToString([]byte(pdf)) + "\r\n" +
		"--out er\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename=notes.txt\r\n\r\n" + dutch + "\r\n" +
		"--out er\r\nContent-Type: message/rfc822\r\n\r\nSubject: before\r\nContent-Type: text/plain\r\n\r\nIBAN " + dutch + "\r\n--out er--\r\nepilogue\r\n"
	got := read(t, raw)
	if !slices.Equal(got.IBANs, []string{french}) || !slices.Equal(got.Quoted, []string{dutch}) || len(got.Unread) > 0 {
		t.Errorf("%v, quoted %v, unread %v", got.IBANs, got.Quoted, got.Unread)
	}
	if !strings.Contains(got.Own, "Réf.") {
		t.Errorf("the character set was not turned: %q", got.Own)
	}
	want := []Attachment{{"relévé.pdf", "application/pdf", int64(len(pdf)), "27ca"}, {"notes.txt", "text/plain", 18, "c0e9"}}
	if len(got.Attachments) != 2 {
		t.Fatalf("%+v", got.Attachments)
	}
	for i, a := range got.Attachments {
		if a.Name != want[i].Name || a.Type != want[i].Type || a.Size != want[i].Size || len(a.SHA256) != 64 {
			t.Errorf("%+v, want %+v", a, want[i])
		}
	}
}

// TestData: secrets and numbers are counted by their sorts, each value once, and never given.
func TestData(t *testing.T) {
	for body, want := range map[string]string{
		"Votre mot de passe : Sesame-2026\nMot de passe : Sesame-2026":                 "map[password:1]",
		"password = hunter2!\nmdp: Autre.chose1":                                       "map[password:2]",
		"Reset your password: https://login.example/reset":                             "map[]",
		"mot de passe : oublié ? Cliquez ici":                                          "map[]",
		"password: ********":                                                           "map[]",
		"Carte 4111 1111 1111 1111, 3782-822463-10005":                                 "map[card:2]",
		"commande 4111 1111 1111 1112":                                                 "map[]",
		"NSS 1 85 05 78 006 084 91 et 2 69 05 49 588 157 80":                           "map[nir:2]",
		"NSS 2 69 05 49 588 157 81":                                                    "map[]",
		"AKIAIOSFODNN7EXAMPLE\n-----BEGIN RSA PRIVATE KEY-----\nxoxb-123456789012-abc": "map[key:2 token:1]",
		"IBAN " + french: "map[]",
	} {
		got := read(t, text(body))
		if fmt.Sprint(got.Data) != want {
			t.Errorf("%q: %v, want %s", body, got.Data, want)
		}
	}
}

// TestHostile: nothing is read without end, nothing fails, and what was not read is said.
func TestHostile(t *testing.T) {
	deep := ""
	for i := range 40 {
		deep += fmt.Sprintf("Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
	}
	many := "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\n\r\nx\r\n", 1000) + "--b--"
	for name, c := range map[string]struct{ raw, unread string }{
		"nested":               {deep + text(french), "nest"},
		"many parts":           {many, "more than 300"},
		"a part's header":      {"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nX: " + strings.Repeat("a", 10<<20) + "\r\n\r\nx\r\n--b--", "its header"},
		"much text":            {text(strings.Repeat("long text \r\n", 200_000)), "bytes of text"},
		"a line without end":   {text(strings.Repeat("a", 3<<20)), "bytes of text"},
		"HTML without end":     {"Content-Type: text/html\r\n\r\n<a " + strings.Repeat("x='", 2<<20), "text/html"},
		"no boundary":          {"Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\n" + french, "boundary"},
		"damaged base64":       {"Content-Type: application/x\r\nContent-Transfer-Encoding: base64\r\n\r\nAAA*AAA", "application/x"},
		"an unknown encoding":  {"Content-Type: text/plain\r\nContent-Transfer-Encoding: x-uu\r\n\r\n" + french, ""},
		"an unknown character": {"Content-Type: text/plain; charset=martian\r\n\r\n" + french, ""},
		"quotations":           {"Content-Type: text/html\r\n\r\n" + strings.Repeat("<blockquote>", 30_000) + strings.Repeat("</blockquote>", 30_000), ""},
	} {
		got := read(t, c.raw)
		if c.unread == "" != (len(got.Unread) == 0) || c.unread != "" && !strings.Contains(strings.Join(got.Unread, "\n"), c.unread) {
			t.Errorf("%s: unread %q, want %q", name, got.Unread, c.unread)
		}
		if c.unread == "" && strings.Contains(c.raw, french) && !slices.Equal(got.IBANs, []string{french}) {
			t.Errorf("%s: %v", name, got.IBANs)
		}
	}
	header := mailheader.Split([]byte("\r\n"))
	if _, err := NewReader().Read(&header, iotest.ErrReader(io.ErrUnexpectedEOF)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a reader that fails: %v", err)
	}
}

// TestBombs: a message of a hundred megabytes costs little memory.
func TestBombs(t *testing.T) {
	header := mailheader.Split([]byte("Content-Type: multipart/mixed; boundary=b\r\n\r\n"))
	zeros := io.LimitReader(zero{}, 200<<20)
	body := io.MultiReader(strings.NewReader("--b\r\nContent-Type: application/zip; name=z.zip\r\n\r\n"), zeros)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	report, err := NewReader().Read(&header, body)
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 4<<20 {
		t.Errorf("%d bytes were allocated", allocated)
	}
	if err != nil || len(report.Attachments) != 1 || report.Attachments[0].Size > MaxBytes || !strings.Contains(fmt.Sprint(report.Unread), "the rest") {
		t.Errorf("%+v, %v", report, err)
	}
}

type zero struct{}

func (zero) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// FuzzRead: no message stops the reader, and what it gives is within its bounds and right.
func FuzzRead(f *testing.F) {
	f.Add([]byte(text("IBAN " + french)))
	f.Add([]byte("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<blockquote>x\r\n--b--"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		header := mailheader.Split(raw)
		report, err := NewReader().Read(&header, bytes.NewReader(raw[header.Body:]))
		if err != nil {
			t.Fatal(err)
		}
		for _, iban := range slices.Concat(report.IBANs, report.Quoted) {
			if lengths()[iban[:2]] != len(iban) || !mod97(iban) {
				t.Errorf("%q is none", iban)
			}
		}
		if len(report.Own) > maxOwn+len("\n")*MaxParts || len(report.Attachments) > MaxParts {
			t.Errorf("it is beyond its bounds")
		}
	})
}

func BenchmarkRead(b *testing.B) {
	raw := text(strings.Repeat("Bonjour, voici la facture du mois, à régler par virement.\r\n", 60) + "IBAN " + french)
	header := mailheader.Split([]byte(raw))
	r := NewReader()
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Read(&header, strings.NewReader(raw[header.Body:])); err != nil {
			b.Fatal(err)
		}
	}
}
