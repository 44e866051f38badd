package handover

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/mbaudit/mbaudit/findings/suspects"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// A sigmaRule is written in the order of the Sigma specification.
type sigmaRule struct {
	Title       string         `yaml:"title"`
	ID          string         `yaml:"id"`
	Status      string         `yaml:"status"`
	Description string         `yaml:"description"`
	Author      string         `yaml:"author"`
	Date        string         `yaml:"date"`
	Tags        []string       `yaml:"tags,omitempty"`
	Logsource   sigmaLogsource `yaml:"logsource"`
	Detection   map[string]any `yaml:"detection"`
	Positives   []string       `yaml:"falsepositives"`
	Level       string         `yaml:"level"`
}

type sigmaLogsource struct {
	Category string `yaml:"category,omitempty"`
	Product  string `yaml:"product,omitempty"`
	Service  string `yaml:"service,omitempty"`
}

// sigmaRules makes a rule for each status and each log that is worth searching: Google Workspace, firewalls and VPNs, and
// forwardings to the intruder's mailboxes.
func sigmaRules(h *Handover, o Options) ([]File, error) {
	var rules []sigmaRule
	for _, status := range []suspects.Status{suspects.Confirmed, suspects.Possible} {
		rules = append(rules, h.sigmaOf(status, o)...)
	}
	if len(rules) == 0 {
		return nil, ErrNothing
	}
	var out bytes.Buffer
	for _, line := range strings.Split(h.comment(o), "\n") {
		fmt.Fprintf(&out, "# %s\n", visible.Line(line))
	}
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	for i := range rules {
		if err := enc.Encode(&rules[i]); err != nil {
			return nil, err
		}
	}
	return []File{{"sigma.yml", out.Bytes()}}, errors.Join(enc.Close())
}

func (h *Handover) sigmaOf(status suspects.Status, o Options) []sigmaRule {
	var ips, mailboxes []string
	var reasons []string
	for i := range h.Indicators {
		x := &h.Indicators[i]
		if x.Status != status || !x.Alarm() {
			continue
		}
		switch x.Kind {
		case suspects.KindIP:
			ips = append(ips, sigmaText(x.Value))
			reasons = append(reasons, x.Value+": "+reason(x, o.Language))
		case suspects.KindEmail:
			mailboxes = append(mailboxes, sigmaText(x.Value))
		}
	}
	level := map[suspects.Status]string{suspects.Confirmed: "high", suspects.Possible: "low"}[status]
	rule := func(name, title, why, level string, source sigmaLogsource, tags []string, detection map[string]any) sigmaRule {
		return sigmaRule{Title: title + " (" + string(status) + ")", ID: h.id("sigma", name, string(status)), Status: "experimental",
			Description: visible.Line(why + ". For detection, not for blocking. Case " + visible.Text(h.Case.Case) + ", TLP:" + strings.ToUpper(o.TLP) + ", derived by " + visible.Text(h.Tool)),
			Author:      "mbaudit", Date: h.MadeAt.Format(time.DateOnly), Tags: tags, Logsource: source, Detection: detection, Level: level,
			Positives: []string{"Others who share the address, or who have it after the intruder", "The responders themselves"}}
	}
	var rules []sigmaRule
	if len(ips) > 0 {
		why := "Addresses that were used in a mailbox compromise. " + strings.Join(reasons, " | ")
		rules = append(rules,
			rule("workspace", "Google Workspace Event From Address Seen In A Mailbox Compromise", why, level, sigmaLogsource{Product: "gcp", Service: "google_workspace"}, []string{"attack.t1078.004"},
				map[string]any{"selection_cloud": map[string]any{"protoPayload.requestMetadata.callerIp": ips}, "selection_api": map[string]any{"ipAddress": ips}, "condition": "1 of selection_*"}),
			rule("network", "Connection With Address Seen In A Mailbox Compromise", why, level, sigmaLogsource{Category: "firewall"}, []string{"attack.t1078"},
				map[string]any{"selection_in": map[string]any{"src_ip": ips}, "selection_out": map[string]any{"dst_ip": ips}, "condition": "1 of selection_*"}))
	}
	if len(mailboxes) > 0 {
		rules = append(rules, rule("forwarding", "Google Workspace Forwarding To Mailbox Seen In A Mailbox Compromise", "Mailboxes that stolen mail or answers went to", level,
			sigmaLogsource{Product: "gcp", Service: "google_workspace.login"}, []string{"attack.t1114.003"},
			map[string]any{"selection": map[string]any{"eventName": "email_forwarding_out_of_domain", "email_forwarding_destination_address": mailboxes}, "condition": "selection"}))
	}
	return rules
}

// sigmaText is a value that Sigma takes as it stands: no wildcard.
func sigmaText(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`).Replace(s)
}

// comment heads what has comments.
func (h *Handover) comment(o Options) string {
	lines := []string{"mbaudit, case " + visible.Text(h.Case.Case) + ", TLP:" + strings.ToUpper(o.TLP) + ", audience " + string(h.Audience) + ", analysis of " + stampOf(h.MadeAt), h.derivedFrom(),
		"For detection, not for blocking: an intruder who is blocked changes his address. / Pour détecter, pas pour bloquer."}
	for i := range h.Indicators {
		x := &h.Indicators[i]
		if x.Alarm() || x.Kind != suspects.KindIP {
			continue
		}
		lines = append(lines, "no alarm on "+visible.Text(x.Value)+": "+x.Warnings[0].Text.In(o.Language))
	}
	return strings.Join(lines, "\n")
}
