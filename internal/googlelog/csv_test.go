package googlelog

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"golang.org/x/text/encoding/charmap"
)

// rows gives what the rows of a table are read as.
func rows(t testing.TB, text string, o Options) (lines []string, form string) {
	t.Helper()
	r := NewReader(strings.NewReader(text), o)
	for {
		rec, err := r.Next()
		var not *NotReadError
		switch {
		case errors.Is(err, io.EOF):
			return lines, r.Form()
		case errors.As(err, &not):
			lines = append(lines, fmt.Sprintf("row %d: %s", not.Row, not.Reason()))
			continue
		case err != nil:
			t.Fatal(err)
		}
		at := rec.Time.Format(time.RFC3339)
		if rec.Inferred != 0 {
			at += " (" + rec.Inferred.String() + ")"
		}
		line := fmt.Sprintf("%d %s %s %s %s", rec.Row, at, rec.Events[0].Name, rec.Email, rec.IP)
		for _, p := range rec.Events[0].Parameters {
			line += " " + p.Name + "=" + string(p.Value)
		}
		lines = append(lines, line)
	}
}

func utf16LE(s string) string {
	b := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}

// TestConsole reads what the Admin console exports, in the forms that spreadsheets leave it in.
func TestConsole(t *testing.T) {
	windows, err := charmap.Windows1252.NewEncoder().String("Événement;Acteur;Date;Détail\nConnexion;alice@example.com;2026-10-12 09:14:05 CEST;échec\n")
	if err != nil {
		t.Fatal(err)
	}
	english := "Event Name,Event Description,User,IP Address,Date\r\nLogin,\"Alice, \"\"the one\"\"\nlogged in\",alice@example.com,192.0.2.66,2026-10-12 09:14:05 CEST\r\n\r\n"
	want := `1 2026-10-12T07:14:05Z Login alice@example.com 192.0.2.66 Event Description="Alice, \"the one\"\nlogged in"`
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		text     string
		location *time.Location
		form     string
		want     []string
	}{
		"English":    {english, nil, "csv", []string{want}},
		"mark":       {"\ufeff" + english, nil, "csv", []string{want}},
		"UTF-16":     {utf16LE(english), nil, "csv, UTF-16", []string{want}},
		"no end":     {strings.TrimRight(english, "\r\n"), nil, "csv", []string{want}},
		"semicolons": {"sep=;\r\nDate;Event;Actor\n2026-10-12T09:14:05+02:00;a,b;alice@example.com\n", nil, "csv, semicolons", []string{"1 2026-10-12T07:14:05Z a,b alice@example.com "}},
		"tabs":       {"Date\tEvent\tActor\n2026-10-12 07:14:05 UTC\ta\tb\n", nil, "csv, tabs", []string{"1 2026-10-12T07:14:05Z a b "}},
		"French": {"Date;Événement;Description;Acteur;Adresse IP\n12/10/2026 09:14:05 UTC+2;Connexion réussie;Alice s’est connectée;alice@example.com;192.0.2.66\n", nil, "csv, semicolons, French",
			[]string{`1 2026-10-12T07:14:05Z (day before month) Connexion réussie alice@example.com 192.0.2.66 Description="Alice s’est connectée"`}},
		"Windows-1252": {windows, nil, "csv, semicolons, French, Windows-1252", []string{`1 2026-10-12T07:14:05Z Connexion alice@example.com  Détail="échec"`}},
		"no zone":      {"Date,Event\n\"Oct 12, 2026, 9:14:05 AM\",a\n", nil, "csv", []string{"1 2026-10-12T09:14:05Z (zone unknown) a  "}},
		"a zone given": {"Date,Event\n\"Oct 12, 2026, 9:14:05 AM\",a\n", paris, "csv", []string{"1 2026-10-12T07:14:05Z (zone) a  "}},
		"zone in the title": {"Date (Europe/Paris),Event\n2026-10-12 09:14:05,a\n2026-12-12 09:14:05,b\n", nil, "csv",
			[]string{"1 2026-10-12T07:14:05Z (zone) a  ", "2 2026-12-12T08:14:05Z (zone) b  "}},
		"no time":     {"Date,Event\nyesterday,a\n", nil, "csv", []string{"1 0001-01-01T00:00:00Z a  "}},
		"GAM":         {"name,id.time,actor.email,ipAddress,login_type\nlogin_success,2026-10-12T07:14:05.000Z,alice@example.com,192.0.2.66,saml\n", nil, "csv", []string{`1 2026-10-12T07:14:05Z login_success alice@example.com 192.0.2.66 login_type="saml"`}},
		"GAM's JSON":  {"email,JSON\nx,\"" + strings.ReplaceAll(activity("one"), `"`, `""`) + "\"\nx,{\n", nil, "csv", []string{"1 2026-10-12T07:14:05Z one a@example.com ", "row 2: it is not JSON"}},
		"extra cells": {"Date,Event,Event\n2026-10-12T07:14:05Z,a,b,c\n", nil, "csv", []string{`1 2026-10-12T07:14:05Z a   Event (2)="b" column 4="c"`}},
		"an open quote": {"Date,Event\n2026-10-12T07:14:05Z,\"" + strings.Repeat("x\n", 4000) + "2026-10-12T07:14:05Z,b\n", nil, "csv",
			slices.Concat([]string{"row 1: it is longer than a record may be"}, slices.Repeat([]string{"x"}, 0))},
		"the end is missing": {"Date,Event\n2026-10-12T07:14:05Z,\"a", nil, "csv", []string{"row 1: the file ends in the middle of it"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, form := rows(t, test.text, Options{Location: test.location, MaxRecord: 16 << 10})
			if name == "an open quote" { // the rows that it ate in part are rows without a date
				got = []string{got[0]}
			}
			if !slices.Equal(got, test.want) || form != test.form {
				t.Errorf("%s\n got %q\nwant %q", form, got, test.want)
			}
		})
	}
}

// TestTimes reads dates as the console writes them in several languages.
func TestTimes(t *testing.T) {
	for text, want := range map[string]string{
		"2026-10-12T09:14:05+02:00":                       "2026-10-12T07:14:05Z +02:00 ",
		"2026-10-12 09:14:05.25 UTC+02:00":                "2026-10-12T07:14:05.25Z UTC+02:00 ",
		"Oct 12, 2026, 9:14:05\u202fPM GMT-5":             "2026-10-13T02:14:05Z GMT-5 ",
		"Oct 12, 2026 12:14 AM PDT":                       "2026-10-12T07:14:00Z PDT ",
		"12 oct. 2026, 09:14:05 UTC+2":                    "2026-10-12T07:14:05Z UTC+2 ",
		"12 octobre 2026 à 09:14:05 CEST":                 "2026-10-12T07:14:05Z CEST ",
		"3 août 2026 09:14:05 UTC":                        "2026-08-03T09:14:05Z UTC ",
		"14 juil. 2026 09:14:05 UTC":                      "2026-07-14T09:14:05Z UTC ",
		"2026-10-12 09:14:05 America/Los_Angeles":         "2026-10-12T16:14:05Z AMERICA/LOS_ANGELES ",
		"2026-10-12 09:14:05 CST":                         "2026-10-12T09:14:05Z CST zone unknown",
		"2026-10-12 09:14:05 ../../etc/passwd":            "2026-10-12T09:14:05Z ../../ETC/PASSWD zone unknown",
		"10/12/2026 9:14:05 AM UTC":                       "2026-10-12T09:14:05Z UTC month before day",
		"25/12/2026 9:14 UTC":                             "2026-12-25T09:14:00Z UTC ",
		"12/25/2026 9:14 UTC":                             "2026-12-25T09:14:00Z UTC ",
		"2026-02-31 09:14:05 UTC":                         "0001-01-01T00:00:00Z  ",
		"2026-13-01 09:14:05 UTC":                         "0001-01-01T00:00:00Z  ",
		"13:00 PM":                                        "0001-01-01T00:00:00Z  ",
		"":                                                "0001-01-01T00:00:00Z  ",
		"2026-10-12 09:14:05 " + strings.Repeat("x", 100): "0001-01-01T00:00:00Z  ",
	} {
		at, zone, how := (&titles{}).time(text)
		if got := at.Format(time.RFC3339Nano) + " " + zone + " " + how.String(); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

// TestBigQuery reads rows of the export, of which only the record of their application says something.
func TestBigQuery(t *testing.T) {
	text := `{"time_usec":"1791789245000000","email":"alice@example.com","event_type":"login","event_name":"login_success","record_type":"login","ip_address":"192.0.2.66",` +
		`"unique_identifier":"-73","login":{"login_type":"google_password","is_suspicious":null,"login_challenge_method":["none"]},"token":null,"device":{"x":1}}`
	rec, err := NewReader(strings.NewReader(text), Options{}).Next()
	if err != nil {
		t.Fatal(err)
	}
	e := rec.Events[0]
	got := fmt.Sprintf("%s %s %s %s %s %s %s %s %s", rec.Form, rec.Time.Format(time.RFC3339), rec.Application, rec.Qualifier, rec.Email, rec.IP, e.Type, e.Name, rec.Other)
	if want := fmt.Sprintf("bigquery 2026-10-12T07:14:05Z login -73 alice@example.com 192.0.2.66 login login_success %s", []Field{{"device", []byte(`{"x":1}`)}}); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if len(e.Parameters) != 2 || string(e.Parameters[1].Value) != `["none"]` {
		t.Errorf("%q", e.Parameters)
	}
}

// FuzzReader: whatever comes, every byte is read once, offsets rise and stay inside, values are JSON.
func FuzzReader(f *testing.F) {
	one := activity("one")
	for _, seed := range []string{success, "[" + one + "," + one + "]", `{"items":[` + one + `],"nextPageToken":"t"}`, one[:30] + "\n" + one, "[[1],[" + one + "]]",
		"Date,Event\n2026-10-12 09:14:05 CEST,\"a\n", "sep=;\nDate;JSON\n;{}\n", utf16LE("Date\tx\n"), `{"time_usec":1,"record_type":"a","a":{"b":1,"b":2}}`, "\x1e{}\n", `{"items":[`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := NewReader(strings.NewReader(text), Options{MaxRecord: 4096})
		last, number := int64(-1), int64(0)
		for {
			rec, err := r.Next()
			var not *NotReadError
			if err != nil && !errors.As(err, &not) {
				break
			}
			off, n := int64(0), int64(0)
			if not != nil {
				off, n = not.Offset, not.Number
			} else {
				off, n = rec.Offset, rec.Number
				check(t, rec)
			}
			if n != number+1 || off < last || off > 3*int64(len(text)) {
				t.Fatalf("record %d at %d behind record %d at %d, of %d bytes", n, off, number, last, len(text))
			}
			last, number = off, n
		}
	})
}

func check(t *testing.T, rec *Record) {
	fields := slices.Clone(rec.Other)
	for _, e := range rec.Events {
		fields = append(append(fields, e.Other...), e.Parameters...)
		for _, odd := range e.Odd {
			fields = append(fields, Field{"odd", odd})
		}
	}
	for _, f := range fields {
		if valid(f.Value) != nil {
			t.Errorf("%s has %q", f.Name, f.Value)
		}
	}
}
