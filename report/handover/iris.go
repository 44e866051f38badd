package handover

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/mbaudit/mbaudit/evidence/journal/export"
	"github.com/mbaudit/mbaudit/findings/decision"
	"github.com/mbaudit/mbaudit/findings/suspects"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// The headers that DFIR-IRIS compares the first line with (case_assets_routes.py, case_ioc_routes.py, case_timeline_routes.py). It
// reads with ',' and splits the file into lines before it parses, so no cell has a line break.
const (
	irisAssets   = "asset_name,asset_type_name,asset_description,asset_ip,asset_domain,asset_tags"
	irisIOCs     = "ioc_value,ioc_type,ioc_description,ioc_tags,ioc_tlp"
	irisTimeline = "event_date,event_tz,event_title,event_category,event_content,event_raw,event_source,event_assets,event_iocs,event_tags"
)

func iris(h *Handover, o Options) ([]File, error) {
	assets, known := h.irisAssets()
	iocs, values := h.irisIOCs(o)
	readme := "Import in this order, since IRIS refuses a timeline that names what its case does not know:\n  1-assets.csv    Case > Assets > Upload\n  2-iocs.csv      Case > IOC > Upload\n  3-timeline.csv  Case > Timeline > Upload\n"
	if o.Language == "fr" {
		readme = "À importer dans cet ordre : IRIS refuse une chronologie qui nomme ce que l'affaire ne connaît pas.\n  1-assets.csv    Case > Assets > Upload\n  2-iocs.csv      Case > IOC > Upload\n  3-timeline.csv  Case > Timeline > Upload\n"
	}
	return []File{{"1-assets.csv", assets}, {"2-iocs.csv", iocs}, {"3-timeline.csv", h.irisTimeline(o, known, values)}, {"README.txt", []byte(readme)}}, nil
}

// irisAssets lists the accounts as assets, and says which names it gave.
func (h *Handover) irisAssets() ([]byte, map[string]string) {
	out := bytes.NewBufferString(irisAssets + "\r\n")
	known := map[string]string{}
	add := func(account, why string) {
		if account == "" || known[strings.ToLower(account)] != "" || strings.ContainsAny(account, ";,") || !suspects.PlainAddress(account) {
			return
		}
		name := export.Cell(account)
		known[strings.ToLower(account)] = name
		_, domain, _ := strings.Cut(account, "@")
		writeIRIS(out, name, "Account", why, "", export.Cell(domain), "mbaudit|derived")
	}
	for _, account := range h.Accounts {
		add(account, "mailbox under examination")
	}
	for _, x := range h.Indicators {
		for _, account := range x.Accounts {
			add(account, "mailbox seen with an indicator")
		}
	}
	return out.Bytes(), known
}

// irisIOCs lists the indicators, and says which values it gave. Their types are MISP's, which IRIS took over.
func (h *Handover) irisIOCs(o Options) ([]byte, map[string]string) {
	out := bytes.NewBufferString(irisIOCs + "\r\n")
	values := map[string]string{}
	for _, x := range h.Indicators {
		value, tags := export.Cell(x.Value), []string{"mbaudit", "derived", string(x.Status), fmt.Sprintf("confidence-%d", x.Confidence)}
		if len(x.Warnings) > 0 {
			tags = append(tags, "warning")
		}
		for _, t := range x.Techniques() {
			tags = append(tags, "attack."+strings.ToLower(t))
		}
		values[x.Value] = value
		why := reason(&x, o.Language)
		if len(x.Accounts) > 0 {
			why += "; " + strings.Join(x.Accounts, ", ")
		}
		writeIRIS(out, value, mispType(x), export.Cell(why), strings.Join(tags, "|"), o.TLP)
	}
	return out.Bytes(), values
}

func (h *Handover) irisTimeline(o Options, assets, iocs map[string]string) []byte {
	out := bytes.NewBufferString(irisTimeline + "\r\n")
	for _, e := range h.Events {
		ioc, category := iocs[suspects.CanonicalIP(e.IP)], "Unspecified"
		switch {
		case e.Lane == decision.LaneResponder:
			category = "Remediation"
		case e.Lane == decision.LaneUser && ioc == "" && len(e.Findings) == 0:
			category = "Legitimate"
		}
		title := visible.Cut(h.title(e, o.Language), 120)
		if title == "" {
			title = visible.Cut(e.Name, 120)
		}
		if title == "" {
			title = e.Kind
		}
		tags := slices.Concat(tags(h, e), h.rules(e))
		source := strings.TrimSpace(e.Exhibit + " " + e.At)
		if e.Seq != 0 {
			source = fmt.Sprintf("journal %d", e.Seq)
		}
		writeIRIS(out, e.Time.UTC().Format("2006-01-02T15:04:05.000"), "+00:00", export.Cell(title), category, export.Cell(h.sentence(e, o.Language)),
			export.Cell(strings.Join(nonEmpty(e.Name, e.Actor, e.IP, autonomous(e.ASN), e.Country, e.Agent, e.Detail), " | ")), export.Cell(source),
			assets[strings.ToLower(e.Account)], ioc, strings.Join(tags, "|"))
	}
	return out.Bytes()
}

func nonEmpty(list ...string) []string {
	return slices.DeleteFunc(list, func(s string) bool { return s == "" })
}

// writeIRIS writes a row. What a stranger wrote in it went through export.Cell before.
func writeIRIS(out *bytes.Buffer, cells ...string) {
	_ = export.Row(out, ",", cells) // a buffer takes everything
}
