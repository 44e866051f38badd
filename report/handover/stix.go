package handover

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/mbaudit/mbaudit/findings/decision"
	"github.com/mbaudit/mbaudit/findings/suspects"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// observableSpace is the namespace of the ids of cyber-observable objects (STIX 2.1, 2.9): the same address has the same id
// whoever writes it.
func observableSpace() uuid.UUID { return uuid.MustParse("00abedb4-aa42-466c-9c01-fed23315a9b7") }

// tlpMarkings are the objects that OASIS publishes for TLP 2.0 (cti-stix-common-objects, extension-definition-specifications/tlp-2.0).
func tlpMarking(level string) map[string]any {
	id := map[string]string{"clear": "94868c89-83c2-464b-929b-a1a8aa3c8487", "green": "bab4a63c-aed9-4cf5-a766-dfca5abac2bb", "amber": "55d920b0-5e8b-4f79-9ee9-91f868d9b421",
		"amber+strict": "939a9414-2ddd-4d32-a0cd-375ea402b003", "red": "e828b379-4e03-4974-9ac4-e53a884c97c1"}[level]
	return map[string]any{"type": "marking-definition", "spec_version": "2.1", "id": "marking-definition--" + id, "created": "2022-10-01T00:00:00.000Z",
		"name": "TLP:" + strings.ToUpper(level), "extensions": map[string]any{"extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d": map[string]any{
			"extension_type": "property-extension", "tlp_2_0": level}}}
}

// A stixBundle is a bundle in the making.
type stixBundle struct {
	h       *Handover
	o       Options
	marking string
	author  string
	objects []map[string]any
	there   map[string]bool
}

func stix(h *Handover, o Options) ([]File, error) {
	s := &stixBundle{h: h, o: o, there: map[string]bool{}}
	marking := tlpMarking(o.TLP)
	s.marking = marking["id"].(string)
	s.put(marking)
	s.author = s.thing("identity", []string{"organisation"}, map[string]any{"name": h.organisation(), "identity_class": "organization"})
	var refs []string
	for i := range h.Indicators {
		refs = append(refs, s.indicator(&h.Indicators[i])...)
	}
	if len(refs) == 0 {
		return nil, ErrNothing
	}
	s.report(refs)
	data, err := indented(map[string]any{"type": "bundle", "id": "bundle--" + h.id("bundle", o.TLP, string(h.Audience), stampOf(h.MadeAt)), "objects": s.objects})
	return []File{{"stix.json", data}}, err
}

func (s *stixBundle) put(object map[string]any) string {
	id := object["id"].(string)
	if !s.there[id] {
		s.there[id] = true
		s.objects = append(s.objects, object)
	}
	return id
}

// thing adds a domain or relationship object. Its id is made of the case and of names; created is when the case was opened, modified
// when the analysis was made: a later export of the same case is a newer version of the same objects.
func (s *stixBundle) thing(kind string, names []string, properties map[string]any) string {
	created, modified := s.h.Case.OpenedAt.UTC(), s.h.MadeAt
	if modified.Before(created) {
		modified = created
	}
	object := map[string]any{"type": kind, "spec_version": "2.1", "id": kind + "--" + s.h.id(append([]string{kind}, names...)...),
		"created": stixTime(created), "modified": stixTime(modified), "object_marking_refs": []string{s.marking}}
	if kind != "identity" {
		object["created_by_ref"] = s.author
	}
	for name, value := range properties {
		object[name] = value
	}
	return s.put(object)
}

// observable adds a cyber-observable object, whose id is made of the properties that the specification names for its type.
func (s *stixBundle) observable(kind string, contributing, others map[string]any) string {
	var canonical bytes.Buffer // texts and numbers in the order of their names: RFC 8785 for what is here
	enc := json.NewEncoder(&canonical)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(contributing) // a buffer takes everything, and a map of texts is a document
	object := map[string]any{"type": kind, "spec_version": "2.1", "id": kind + "--" + uuid.NewSHA1(observableSpace(), bytes.TrimSpace(canonical.Bytes())).String(), "object_marking_refs": []string{s.marking}}
	for _, properties := range []map[string]any{contributing, others} {
		for name, value := range properties {
			object[name] = value
		}
	}
	return s.put(object)
}

// indicator adds an indicator with what it is based on, and gives the ids of all of it. What STIX has no pattern for gives none.
func (s *stixBundle) indicator(x *suspects.Indicator) []string {
	pattern, observed := s.pattern(x)
	if pattern == "" {
		return nil
	}
	from := x.First
	if from.IsZero() {
		from = s.h.MadeAt
	}
	kind := "anomalous-activity"
	if x.Status == suspects.Confirmed && x.Alarm() {
		kind = "malicious-activity"
	}
	labels := []string{"mbaudit", "derived", "status:" + string(x.Status), "detection-not-blocking"}
	if !x.Alarm() {
		labels = append(labels, "no-alarm")
	}
	properties := map[string]any{"name": visible.Cut(string(x.Kind)+" "+x.Value, 200), "description": reason(x, s.o.Language), "indicator_types": []string{kind}, "pattern": pattern,
		"pattern_type": "stix", "pattern_version": "2.1", "valid_from": stixTime(from), "confidence": x.Confidence, "labels": labels, "external_references": s.exhibits(x)}
	if x.Until.After(from) {
		properties["valid_until"] = stixTime(x.Until)
	}
	id := s.thing("indicator", []string{string(x.Kind), x.Value}, properties)
	refs := []string{id}
	if observed != "" {
		refs = append(refs, observed)
		if !x.First.IsZero() {
			data := s.thing("observed-data", []string{string(x.Kind), x.Value}, map[string]any{"first_observed": stixTime(x.First), "last_observed": stixTime(x.Last),
				"number_observed": min(max(x.Events, 1), 999_999_999), "object_refs": []string{observed}, "external_references": s.exhibits(x)})
			refs = append(refs, data, s.relation(id, "based-on", data))
		}
	}
	for _, t := range x.Techniques() {
		refs = append(refs, s.relation(id, "indicates", s.technique(t)))
	}
	return refs
}

// pattern gives an indicator's pattern, and adds the object that it is about.
func (s *stixBundle) pattern(x *suspects.Indicator) (pattern, observed string) {
	quoted := "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(x.Value) + "'"
	switch x.Kind {
	case suspects.KindIP:
		kind, others := ipVersion(x.Value)+"-addr", map[string]any{}
		if x.ASN > 0 {
			as := map[string]any{}
			if x.Network != "" {
				as["name"] = visible.Text(x.Network)
			}
			others["belongs_to_refs"] = []string{s.observable("autonomous-system", map[string]any{"number": x.ASN}, as)}
		}
		return "[" + kind + ":value = " + quoted + "]", s.observable(kind, map[string]any{"value": x.Value}, others)
	case suspects.KindEmail:
		return "[email-addr:value = " + quoted + "]", s.observable("email-addr", map[string]any{"value": x.Value}, nil)
	case suspects.KindDomain:
		return "[domain-name:value = " + quoted + "]", s.observable("domain-name", map[string]any{"value": x.Value}, nil)
	case suspects.KindMessageID:
		return "[email-message:message_id = '<" + quoted[1:len(quoted)-1] + ">']", ""
	case suspects.KindSubject:
		return "[email-message:subject = " + quoted + "]", ""
	case suspects.KindFile:
		return "[file:hashes.'SHA-256' = " + quoted + "]", s.observable("file", map[string]any{"hashes": map[string]string{"SHA-256": x.Value}}, nil)
	}
	return "", ""
}

func (s *stixBundle) relation(from, what, to string) string {
	return s.thing("relationship", []string{from, what, to}, map[string]any{"relationship_type": what, "source_ref": from, "target_ref": to})
}

// technique adds a technique of ATT&CK by its id, which is what other tools join it by.
func (s *stixBundle) technique(id string) string {
	return s.thing("attack-pattern", []string{id}, map[string]any{"name": id, "external_references": []map[string]any{{"source_name": "mitre-attack", "external_id": id,
		"url": "https://attack.mitre.org/techniques/" + strings.ReplaceAll(id, ".", "/")}}})
}

// maxReasons is how many findings are named of an indicator.
const maxReasons = 8

// exhibits names what an indicator rests on.
func (s *stixBundle) exhibits(x *suspects.Indicator) []map[string]any {
	var refs []map[string]any
	for _, id := range x.Exhibits {
		refs = append(refs, map[string]any{"source_name": "mbaudit-exhibit", "external_id": id})
	}
	for i, r := range x.Reasons {
		if r.Finding != "" && i < maxReasons {
			refs = append(refs, map[string]any{"source_name": "mbaudit-finding", "external_id": r.Finding, "description": r.Rule + " (" + string(r.Grade) + ")"})
		}
	}
	if refs == nil {
		refs = []map[string]any{{"source_name": "mbaudit-case", "external_id": visible.Text(s.h.Case.Case)}}
	}
	return refs
}

// report holds all together, with the sealed bundles that it is derived from, and a note of what nobody knows.
func (s *stixBundle) report(refs []string) {
	var sources []map[string]any
	for _, b := range s.h.Bundles {
		sources = append(sources, map[string]any{"source_name": "mbaudit-bundle", "external_id": b.ID, "description": "sealed bundle; SHA-256 of its tagmanifest-sha256.txt: " + b.TagManifest})
	}
	slices.Sort(refs)
	refs = slices.Compact(refs)
	level := decision.Text{FR: "niveau inconnu", EN: "level not known"}.In(s.o.Language)
	if s.h.Level != "" {
		level = s.h.Level.In(s.o.Language)
	}
	text := fmt.Sprintf("Mailbox compromise, %s. For detection, not for blocking. %s", level, s.h.derivedFrom())
	if s.o.Language == "fr" {
		text = fmt.Sprintf("Compromission de messagerie, %s. Pour détecter, pas pour bloquer. %s", level, s.h.derivedFrom())
	}
	properties := map[string]any{"name": "mbaudit: " + visible.Cut(s.h.Case.Case, 200), "description": text, "report_types": []string{"indicator"}, "published": stixTime(s.h.MadeAt), "object_refs": refs,
		"labels": []string{"mbaudit", "derived"}}
	if sources != nil {
		properties["external_references"] = sources
	}
	report := s.thing("report", []string{"report"}, properties)
	if len(s.h.Unknowns) == 0 {
		return
	}
	var lines []string
	for _, u := range s.h.Unknowns {
		lines = append(lines, "- "+visible.Line(u.Text.In(s.o.Language)))
	}
	s.thing("note", []string{"unknown"}, map[string]any{"abstract": decision.Text{FR: "Ce que personne ne sait", EN: "What nobody knows"}.In(s.o.Language), "content": strings.Join(lines, "\n"),
		"object_refs": []string{report}})
}

// stixTime is to the millisecond, in UTC.
func stixTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
