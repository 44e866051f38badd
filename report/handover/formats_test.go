package handover_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/decision"
	"github.com/mbaudit/mbaudit/findings/facts"
	"github.com/mbaudit/mbaudit/findings/sigma"
	"github.com/mbaudit/mbaudit/internal/casefile"
	"github.com/mbaudit/mbaudit/internal/servertest"
	"github.com/mbaudit/mbaudit/report/handover"
)

// hostile is what an intruder may write where he can: script, formulas, quotation marks, line breaks, escapes of terminals, characters
// that turn text around.
const hostile = "=HYPERLINK(\"http://evil.example/\";\"x\")\r\n; sid:1; \\\" alert' ]] OR <script>alert(1)</script>\x1b[31m\u202egnp"

// wholeScene has every kind of indicator, in both statuses, with hostile texts in all that a stranger may choose.
func wholeScene() *scene {
	s := fraud()
	s.in.Case.Case = "2026-0042 " + hostile
	s.finding("possible", "access", findings.Check, facts.KindAudit, from("2a02:2f0::1:9"))
	s.finding("shared", "access", findings.Probable, facts.KindAudit, from("209.85.220.41"))
	s.finding("alike", "fraud", findings.Probable, facts.KindMessage, map[string]any{"from": "o'neil+x*?@examp1e.test"})
	s.finding("client", "application", findings.Probable, facts.KindToken, map[string]any{"clientid": "7718.apps.googleusercontent.com"}, func(f *findings.Finding) {
		f.Subject, f.First, f.Last = hostile, time.Time{}, time.Time{}
	})
	s.finding("odd", "forwarding", findings.Probable, facts.KindForwarding, map[string]any{"target": hostile + "@evil.example"})
	s.fact(facts.KindAudit, when.Add(5*time.Hour), map[string]any{"event_info.mail_event_type": 1, "ip": "185.220.101.4", "source.suspect": true, "message_info.subject": hostile,
		"message_info.rfc2822_message_id": "<" + hostile + ">", "user_agent": hostile, "asn.name": hostile, "message_info.flattened_destinations": "gmail-ui:x:" + "=cmd@client.example,smtp:y:ok@client.example"})
	s.in.Decision.Unknowns = []decision.NotKnown{{Text: decision.Text{FR: "qui sait ?", EN: "who knows?"}, Source: "acl", Reason: hostile}}
	s.in.Timeline = sequence([]*decision.TimelineEntry{
		{Time: when, Zone: "Z", Lane: decision.LaneAttacker, Kind: "audit", Name: "login_success", Account: alice, IP: "185.220.101.4", Detail: hostile, Exhibit: bundle + "/P-000009", At: "/x", Findings: []string{"F-sign-in"}},
		{Time: when.Add(time.Minute), Zone: "Z", Lane: decision.LaneUser, Kind: "audit", Name: "login_failure", Account: alice, IP: "185.220.101.4", Exhibit: bundle + "/P-000009", At: "/y"},
		{Time: when.Add(2 * time.Minute), Zone: "Z", Lane: decision.LaneUser, Kind: "audit", Name: "logout", Account: alice, IP: "81.1.1.1", Exhibit: bundle + "/P-000009", At: "/z"},
		{Time: when.Add(time.Hour), Lane: decision.LaneResponder, Kind: "journal", Name: "decision", Seq: 3, Detail: "collect first"}})
	return s
}

// files renders a format, and gives the files by name.
func files(t *testing.T, h *handover.Handover, name string, o handover.Options) map[string][]byte {
	t.Helper()
	format, ok := handover.Find(name)
	if !ok {
		t.Fatalf("there is no format %q", name)
	}
	list, err := format.Files(h, o)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for _, f := range list {
		all[f.Name] = f.Data
	}
	return all
}

// TestTimesketch holds each line to what Timesketch's importer wants: message, datetime in ISO 8601, timestamp_desc.
func TestTimesketch(t *testing.T) {
	data := files(t, wholeScene().build(t), "timesketch", options("en"))["timeline.jsonl"]
	lines := bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n"))
	states := 0
	for _, line := range lines {
		var e map[string]any
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		if _, err := time.Parse("2006-01-02T15:04:05.000000-07:00", e["datetime"].(string)); err != nil || e["message"] == "" || e["timestamp_desc"] == "" || e["derived"] == "" {
			t.Errorf("%s: %v", line, err)
		}
		if m := e["message"].(string); strings.ContainsAny(m, "\x1b\r\n\u202e") {
			t.Errorf("message %q", m)
		}
		if strings.Contains(e["timestamp_desc"].(string), "not known") {
			states++
		}
	}
	if len(lines) != 5 || states != 1 || !bytes.Contains(lines[0], []byte(`"tag":["mbaudit","attacker","probable"]`)) || !bytes.Contains(lines[0], []byte(`"bundle_sha256":"`+sum+`"`)) ||
		!bytes.Contains(lines[0], []byte(`"indicator":"confirmed"`)) {
		t.Errorf("%d lines, %d states\n%s", len(lines), states, data)
	}
}

// TestIRIS reads the files as IRIS does: it splits lines first, compares the header, and refuses a timeline that names an asset or an
// indicator that is not there.
func TestIRIS(t *testing.T) {
	all := files(t, wholeScene().build(t), "iris", options("fr"))
	read := func(name, header string) []map[string]string {
		t.Helper()
		var rows []map[string]string
		lines := strings.Split(strings.TrimSuffix(string(all[name]), "\r\n"), "\r\n")
		if lines[0] != header {
			t.Fatalf("%s begins with %q", name, lines[0])
		}
		names := strings.Split(header, ",")
		for _, line := range lines[1:] {
			if strings.ContainsAny(line, "\r\n\v\f\u2028\u0085\x1c") {
				t.Errorf("%s: a line that Python splits: %q", name, line)
			}
			cells, err := csv.NewReader(strings.NewReader(line)).Read()
			if err != nil || len(cells) != len(names) {
				t.Fatalf("%s: %q: %v", name, line, err)
			}
			row := map[string]string{}
			for i, cell := range cells {
				row[names[i]] = cell
				if cell != "" && strings.Contains("=+-@|", cell[:1]) && !regexp.MustCompile(`^[+-]\d\d:\d\d$`).MatchString(cell) {
					t.Errorf("%s: %s is a formula: %q", name, names[i], cell)
				}
			}
			rows = append(rows, row)
		}
		return rows
	}
	assets, iocs := map[string]bool{}, map[string]string{}
	for _, row := range read("1-assets.csv", "asset_name,asset_type_name,asset_description,asset_ip,asset_domain,asset_tags") {
		assets[row["asset_name"]] = row["asset_type_name"] == "Account"
	}
	for _, row := range read("2-iocs.csv", "ioc_value,ioc_type,ioc_description,ioc_tags,ioc_tlp") {
		iocs[row["ioc_value"]] = row["ioc_type"]
		if row["ioc_tlp"] != "amber" || row["ioc_description"] == "" {
			t.Errorf("%v", row)
		}
	}
	if !assets[alice] || iocs["185.220.101.4"] != "ip-src" || iocs["drop@webfree.example"] != "email-dst" || iocs["m1@example.test"] != "email-message-id" || iocs["examp1e.test"] != "domain" || iocs[sum] != "sha256" {
		t.Errorf("assets %v, indicators %v", assets, iocs)
	}
	var categories []string
	for _, row := range read("3-timeline.csv", "event_date,event_tz,event_title,event_category,event_content,event_raw,event_source,event_assets,event_iocs,event_tags") {
		categories = append(categories, row["event_category"])
		for _, name := range strings.Split(row["event_assets"], ";") {
			if name != "" && !assets[name] {
				t.Errorf("asset %q is not among the assets", name)
			}
		}
		for _, value := range strings.Split(row["event_iocs"], "|") {
			if value != "" && iocs[value] == "" {
				t.Errorf("indicator %q is not among the indicators", value)
			}
		}
		if _, err := time.Parse("2006-01-02T15:04:05.000", row["event_date"]); err != nil || row["event_title"] == "" {
			t.Errorf("%v: %v", row, err)
		}
	}
	if want := []string{"Unspecified", "Unspecified", "Legitimate", "Remediation", "Unspecified"}; !slices.Equal(categories, want) {
		t.Errorf("categories %v, want %v", categories, want)
	}
}

// stixRequired lists the properties that STIX 2.1 requires of each type that is written, beside those of all.
var stixRequired = map[string][]string{
	"identity": {"name"}, "indicator": {"pattern", "pattern_type", "valid_from"}, "observed-data": {"first_observed", "last_observed", "number_observed", "object_refs"},
	"relationship": {"relationship_type", "source_ref", "target_ref"}, "report": {"name", "published", "object_refs"}, "note": {"content", "object_refs"}, "attack-pattern": {"name"},
	"marking-definition": {"created", "extensions"}, "ipv4-addr": {"value"}, "ipv6-addr": {"value"}, "email-addr": {"value"}, "domain-name": {"value"}, "autonomous-system": {"number"}, "file": {"hashes"},
}

// TestSTIX holds the bundle to the rules of STIX 2.1, and lets OASIS' own library read it where that is installed.
func TestSTIX(t *testing.T) {
	data := files(t, wholeScene().build(t), "stix", options("en"))["stix.json"]
	var doc struct {
		Type, ID string
		Objects  []map[string]any
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	identifier := regexp.MustCompile(`^[a-z][a-z0-9-]+--[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	stamp := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)
	observable := []string{"ipv4-addr", "ipv6-addr", "email-addr", "domain-name", "autonomous-system", "file"}
	types := map[string]int{}
	for _, o := range doc.Objects {
		kind, id := o["type"].(string), o["id"].(string)
		types[kind]++
		if ids[id] {
			t.Errorf("%s is there twice", id)
		}
		ids[id] = true
		if kind != "marking-definition" && !identifier.MatchString(id) || !strings.HasPrefix(id, kind+"--") || o["spec_version"] != "2.1" {
			t.Errorf("%s %v", id, o["spec_version"])
		}
		required, known := stixRequired[kind]
		if !known {
			t.Errorf("%s: nobody said what it must have", kind)
		}
		if !slices.Contains(observable, kind) {
			required = append(slices.Clone(required), "created")
			if kind != "marking-definition" {
				required = append(required, "modified")
			}
		}
		for _, name := range required {
			if _, there := o[name]; !there {
				t.Errorf("%s lacks %s", id, name)
			}
		}
		for _, name := range []string{"created", "modified", "valid_from", "valid_until", "published", "first_observed", "last_observed"} {
			if s, ok := o[name].(string); ok && !stamp.MatchString(s) {
				t.Errorf("%s: %s is %q", id, name, s)
			}
		}
		if o["modified"] != nil && o["modified"].(string) < o["created"].(string) || o["valid_until"] != nil && o["valid_until"].(string) <= o["valid_from"].(string) {
			t.Errorf("%s: times the wrong way round", id)
		}
		if c, ok := o["confidence"].(float64); ok && (c < 1 || c > 100) {
			t.Errorf("%s: confidence %v", id, c)
		}
	}
	for _, o := range doc.Objects {
		for name, value := range o {
			var refs []any
			switch {
			case strings.HasSuffix(name, "_refs"):
				refs = value.([]any)
			case strings.HasSuffix(name, "_ref"):
				refs = []any{value}
			}
			for _, ref := range refs {
				if !ids[ref.(string)] {
					t.Errorf("%s: %s names %s, which is not in the bundle", o["id"], name, ref)
				}
			}
		}
	}
	if types["indicator"] < 8 || types["report"] != 1 || types["note"] != 1 || types["observed-data"] == 0 || types["marking-definition"] != 1 || !ids["marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"] {
		t.Errorf("%v", types)
	}
	for _, text := range []string{`[ipv4-addr:value = '185.220.101.4']`, `[ipv6-addr:value = '2a02:2f0::1:9']`, `[email-addr:value = 'o\\'neil+x*?@examp1e.test']`, `[domain-name:value = 'examp1e.test']`,
		`[email-message:message_id = '<m1@example.test>']`, `[file:hashes.'SHA-256' = '` + sum + `']`} {
		if !bytes.Contains(data, []byte(text)) {
			t.Errorf("no pattern %s", text)
		}
	}
}

// TestTheLibraryReadsSTIX lets OASIS' own library parse and judge the bundle.
func TestTheLibraryReadsSTIX(t *testing.T) {
	python := servertest.STIXPython(t)
	data := files(t, wholeScene().build(t), "stix", options("en"))["stix.json"]
	cmd := exec.Command(python, "-c", "import sys, stix2; b = stix2.parse(sys.stdin.read(), allow_custom=False); print(len(b.objects))")
	cmd.Stdin = bytes.NewReader(data)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestObservablesHaveTheIDsOfEveryOtherTool: the same address has the same id whoever writes it. These are those that OASIS' library
// makes.
func TestObservablesHaveTheIDsOfEveryOtherTool(t *testing.T) {
	for _, test := range []struct{ field, value, id string }{
		{"ip", "198.51.100.3", "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4"},
		{"ip", "2001:db8::1", "ipv6-addr--6469e3a9-b053-5e34-a025-9396ae051d26"},
		{"target", "john@example.com", "email-addr--7165e2a9-671f-585d-b1e1-ca59c671d934"},
		{"asn", "15139", "autonomous-system--3aa27478-50b5-5ab8-9da9-cdc12b657fff"},
	} {
		s := newScene()
		s.finding("a", "access", findings.Probable, facts.KindAudit, map[string]any{"ip": "198.51.100.3", test.field: test.value, "source.suspect": true})
		s.fact(facts.KindAudit, when, map[string]any{"ip": "198.51.100.3", "source.suspect": true, "asn": 15139})
		data := files(t, s.build(t), "stix", options("en"))["stix.json"]
		if !bytes.Contains(data, []byte(`"id": "`+test.id+`"`)) {
			t.Errorf("%s: not %s\n%s", test.value, test.id, data)
		}
	}
}

// TestMISP holds the event to MISP's core format: texts where it wants texts, and types that stand with their category.
func TestMISP(t *testing.T) {
	var doc struct {
		Event struct {
			UUID, Info, Date, Timestamp, Distribution string
			Threat                                    string `json:"threat_level_id"`
			Analysis                                  string
			Published                                 bool
			Attribute                                 []struct {
				UUID, Type, Category, Value, Distribution, Comment, Timestamp string
				ToIDS                                                         bool   `json:"to_ids"`
				First                                                         string `json:"first_seen"`
			}
		}
	}
	if err := json.Unmarshal(files(t, wholeScene().build(t), "misp", options("en"))["misp.json"], &doc); err != nil {
		t.Fatal(err)
	}
	e := doc.Event
	if e.UUID == "" || e.Distribution != "0" || e.Threat != "1" || e.Analysis != "1" || e.Published || e.Date != "2026-10-15" {
		t.Errorf("%+v", e)
	}
	allowed := map[string]string{"ip-src": "Network activity", "email-dst": "Network activity", "domain": "Network activity", "email-message-id": "Payload delivery", "email-subject": "Payload delivery",
		"sha256": "Payload delivery", "other": "Other", "comment": "Internal reference"}
	ids := map[string]bool{}
	for _, a := range e.Attribute {
		if allowed[a.Type] != a.Category || a.Value == "" || a.UUID == "" || ids[a.UUID] || a.Distribution != "5" || a.Comment == "" || strings.ContainsAny(a.Comment, "\r\n\x1b\u202e") {
			t.Errorf("%+v", a)
		}
		ids[a.UUID] = true
		if want := a.Value == "185.220.101.4" || a.Value == "drop@webfree.example" || a.Type == "sha256" || a.Type == "email-message-id" && strings.HasPrefix(a.Value, "<m"); a.ToIDS != want {
			t.Errorf("%s: to_ids %v", a.Value, a.ToIDS)
		}
	}
}

// A login is an event as a Sigma rule sees it.
type login map[string]string

func (l login) Values(field string) ([]string, bool) {
	v, ok := l[field]
	return []string{v}, ok
}

func (l login) Texts(yield func(string) bool) {
	for _, v := range l {
		if !yield(v) {
			return
		}
	}
}

// TestSigmaRulesLoadAndFind: our own reader takes the rules; they find the intruder's addresses and no others.
func TestSigmaRulesLoadAndFind(t *testing.T) {
	s := wholeScene()
	s.finding("wild", "forwarding", findings.Probable, facts.KindForwarding, map[string]any{"target": "a*b?@evil.example"})
	rules, err := sigma.Parse(files(t, s.build(t), "sigma", options("en"))["sigma.yml"])
	if err != nil {
		t.Fatal(err)
	}
	hits := func(e login) []string {
		var all []string
		for _, r := range rules {
			if r.Match(e) {
				all = append(all, r.Level+" "+r.Logsource.Category+r.Logsource.Service)
			}
		}
		slices.Sort(all)
		return all
	}
	forwarding := func(to string) login {
		return login{"eventname": "email_forwarding_out_of_domain", "email_forwarding_destination_address": to}
	}
	for _, test := range []struct {
		event login
		want  []string
	}{
		{login{"ipaddress": "185.220.101.4"}, []string{"high google_workspace"}},
		{login{"protopayload.requestmetadata.callerip": "185.220.101.4"}, []string{"high google_workspace"}},
		{login{"dst_ip": "185.220.101.4"}, []string{"high firewall"}},
		{login{"src_ip": "2a02:2f0::1:9"}, []string{"low firewall"}},
		{login{"src_ip": "209.85.220.41"}, nil}, // Google's
		{login{"src_ip": "185.220.101.40"}, nil},
		{forwarding("drop@webfree.example"), []string{"high google_workspace.login"}},
		{forwarding("a*b?@evil.example"), []string{"low google_workspace.login"}},
		{forwarding("aXXXbX@evil.example"), nil}, // a wildcard of the intruder's is a letter
	} {
		if got := hits(test.event); !slices.Equal(got, test.want) {
			t.Errorf("%v: %v, want %v", test.event, got, test.want)
		}
	}
	for _, r := range rules {
		if r.ID == "" || !strings.Contains(r.Title, "Compromise") {
			t.Errorf("%+v", r)
		}
	}
}

// suricataLine is the whole grammar of the rules that are written: nothing that a stranger chose can end an option.
var suricataLine = regexp.MustCompile(`^alert ip \[([0-9a-f.:]+)\] any <> \$HOME_NET any \(msg:"[A-Za-z0-9 ._,/@()-]+"; threshold:type limit, track by_src, count 1, seconds 3600; ` +
	`classtype:misc-activity; priority:[23]; metadata:[A-Za-z0-9._-]+ [A-Za-z0-9._-]+(?:, [A-Za-z0-9._-]+ [A-Za-z0-9._-]+)*; sid:(\d+); rev:([12]);\)$`)

func TestSuricata(t *testing.T) {
	all := files(t, wholeScene().build(t), "suricata", options("en"))
	got, off := map[string]string{}, 0
	for _, line := range strings.Split(string(all["mbaudit.rules"]), "\n") {
		if strings.HasPrefix(line, "# alert") {
			off++
		}
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		parts := suricataLine.FindStringSubmatch(line)
		if parts == nil {
			t.Fatalf("%q", line)
		}
		if _, err := netip.ParseAddr(parts[1]); err != nil {
			t.Error(err)
		}
		if sid, err := strconv.Atoi(parts[2]); err != nil || sid < 1_000_000 || sid > 1_999_999 {
			t.Errorf("sid %s is not for local use", parts[2])
		}
		got[parts[1]] = parts[2] + " " + parts[3]
	}
	if len(got) != 2 || off != 1 || !strings.HasSuffix(got["185.220.101.4"], " 2") || !strings.HasSuffix(got["2a02:2f0::1:9"], " 1") {
		t.Errorf("%v, %d switched off\n%s", got, off, all["mbaudit.rules"])
	}
	if string(all["confirmed-ipv4.lst"]) != "185.220.101.4\n" || string(all["possible-ipv6.lst"]) != "2a02:2f0::1:9\n" {
		t.Errorf("%q %q", all["confirmed-ipv4.lst"], all["possible-ipv6.lst"])
	}
}

// TestSuricataTakesTheRules lets Suricata itself load them.
func TestSuricataTakesTheRules(t *testing.T) {
	suricata := servertest.Suricata(t)
	dir := t.TempDir()
	rules := filepath.Join(dir, "mbaudit.rules")
	if err := os.WriteFile(rules, files(t, wholeScene().build(t), "suricata", options("en"))["mbaudit.rules"], 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(suricata, "-T", "-S", rules, "-l", dir).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestTables: no cell is a formula, every row has all cells, and both languages have the same rows.
func TestTables(t *testing.T) {
	h := wholeScene().build(t)
	for _, format := range []string{"csv", "contacts"} {
		french, english := files(t, h, format, options("fr")), files(t, h, format, options("en"))
		for name, data := range french {
			if !strings.HasSuffix(name, ".csv") {
				continue
			}
			bare, marked := bytes.CutPrefix(data, []byte("\ufeff"))
			fr, en := rows(t, bare, ';'), rows(t, english[name], ',')
			if !marked || len(fr) != len(en) || len(fr) < 2 {
				t.Errorf("%s: %d rows in French, %d in English", name, len(fr), len(en))
			}
			for _, row := range slices.Concat(fr[1:], en[1:]) {
				for _, cell := range row {
					if cell != "" && strings.Contains("=+-@|", cell[:1]) || strings.ContainsAny(cell, "\r\n\x1b\u202e") {
						t.Errorf("%s: %q", name, cell)
					}
				}
			}
		}
	}
}

func rows(t *testing.T, data []byte, comma rune) [][]string {
	t.Helper()
	r := csv.NewReader(bytes.NewReader(data))
	r.Comma = comma
	all, err := r.ReadAll()
	if err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	return all
}

// TestLetters: what case.yaml has is filled in; what it lacks is asked for; links do not work, and the compromised mailbox is no
// address to answer to.
func TestLetters(t *testing.T) {
	s := wholeScene()
	empty := files(t, s.build(t), "contacts", options("en"))
	if letter := string(empty["letter-fr.txt"]); strings.Count(letter, "[À COMPLÉTER") != 4 || !strings.Contains(letter, "«address»") || !strings.Contains(letter, "(le 12/10/2026)") {
		t.Errorf("%s", letter)
	}
	s.in.Case.Organisation = "Menuiserie http://evil.example/ Dulac"
	s.in.Case.Roles["dpo"] = "M. Duval"
	s.in.Case.Contacts = []casefile.Contact{{Name: "Mme Roux", Role: "communication", Phone: "+33 1 02 03 04 05", Email: alice}}
	filled := files(t, s.build(t), "contacts", options("fr"))
	for name, want := range map[string][]string{"letter-fr.txt": {"Mme Roux", "+33 1 02 03 04 05", "M. Duval", "«adresse»", "[À COMPLÉTER\u00a0: adresse qui n’est pas sur le compte compromis]", "hxxp[:]//evil[.]example"},
		"letter-en.txt": {"Mme Roux", "+33 1 02 03 04 05", "M. Duval", "«adresse»", "[TO FILL IN: address that is not on the compromised account]", "(on 12 October 2026)"}} {
		for _, text := range want {
			if !strings.Contains(strings.ReplaceAll(string(filled[name]), "\n", " "), text) {
				t.Errorf("%s lacks %q\n%s", name, text, filled[name])
			}
		}
	}
	first := string(filled["READ-FIRST.txt"])
	for _, text := range []string{"dont on ne connaît pas les destinataires : 1.", "envoyés de la même origine : 1.", "refused", "Rien n'a été envoyé"} {
		if !strings.Contains(first, text) {
			t.Errorf("READ-FIRST.txt lacks %q\n%s", text, first)
		}
	}
	for name, data := range filled {
		if strings.HasSuffix(name, ".txt") && (bytes.Contains(data, []byte("\x1b")) || name != handover.LabelFile && bytes.Contains(data, []byte("http://evil"))) {
			t.Errorf("%s: %s", name, data)
		}
	}
}

// TestALongListSaysThatItIsNotWhole: a message to more people than are kept is no message to those alone.
func TestALongListSaysThatItIsNotWhole(t *testing.T) {
	s := fraud()
	var many []any
	for i := range 600 {
		many = append(many, fmt.Sprintf("c%d@client.example", i))
	}
	s.fact(facts.KindMessage, when.Add(4*time.Hour), map[string]any{"sent": true, "ip": "185.220.101.4", "source.suspect": true, "message_id": "m4@example.test", "recipients": many})
	all := files(t, s.build(t), "contacts", options("en"))
	if !bytes.Contains(all["READ-FIRST.txt"], []byte("more recipients than the list names: 1.")) || !bytes.Contains(all["messages.csv"], []byte("(and more, see the exhibit)")) {
		t.Errorf("%s", all["READ-FIRST.txt"])
	}
}

// TestTheSameGivesTheSame: an export can be made again, byte for byte, but for the label's hour.
func TestTheSameGivesTheSame(t *testing.T) {
	one, two := wholeScene().build(t), wholeScene().build(t)
	for _, format := range handover.Formats() {
		for _, language := range []string{"fr", "en"} {
			later := options(language)
			later.Now = later.Now.Add(time.Hour)
			a, b := files(t, one, format.Name, options(language)), files(t, two, format.Name, later)
			for _, name := range slices.Sorted(maps.Keys(a)) {
				if name != handover.LabelFile && name != handover.SumsFile && !bytes.Equal(a[name], b[name]) {
					t.Errorf("%s: %s is another one", format.Name, name)
				}
			}
			if format.Many && (!bytes.Contains(a[handover.LabelFile], []byte(sum)) || !bytes.Contains(a[handover.LabelFile], []byte(bundle))) {
				t.Errorf("%s: %s", format.Name, a[handover.LabelFile])
			}
		}
	}
}

// TestNothingIsNoEmptyFile: without an indicator there is no list of them, which somebody would take for "all clear".
func TestNothingIsNoEmptyFile(t *testing.T) {
	s := newScene()
	s.finding("a", "access", findings.Probable, facts.KindAudit, from("10.0.0.1"))
	for _, name := range []string{"stix", "misp", "sigma", "suricata", "contacts"} {
		format, _ := handover.Find(name)
		if list, err := format.Files(s.build(t), options("en")); !errors.Is(err, handover.ErrNothing) || list != nil {
			t.Errorf("%s: %v %v", name, list, err)
		}
	}
}

// BenchmarkBuild is about a case with many events.
func BenchmarkBuild(b *testing.B) {
	s := wholeScene()
	for i := range 50_000 {
		s.fact(facts.KindAudit, when.Add(time.Duration(i)*time.Second), map[string]any{"ip": fmt.Sprintf("185.220.%d.%d", i%250, i%251), "source.suspect": i%3 == 0, "event.name": "login_success"})
	}
	for b.Loop() {
		s.in.Facts = sequence(s.facts)
		if _, err := handover.Build(s.in); err != nil {
			b.Fatal(err)
		}
	}
}
