package handover

import (
	"fmt"
	"hash/fnv"
	"regexp"
	"strings"

	"github.com/mbaudit/mbaudit/findings/suspects"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// Signature ids for local use (https://sidallocation.org).
const (
	firstSID = 1_000_000
	manySIDs = 1_000_000
)

// suricata makes one rule for each address, and lists for those who keep datasets.
func suricata(h *Handover, o Options) ([]File, error) {
	var rules strings.Builder
	for _, line := range strings.Split(h.comment(o), "\n") {
		fmt.Fprintf(&rules, "# %s\n", visible.Line(line))
	}
	lists := map[string]*strings.Builder{}
	taken := map[uint32]bool{}
	count := 0
	for i := range h.Indicators {
		x := &h.Indicators[i]
		if x.Kind != suspects.KindIP {
			continue
		}
		count++
		off := ""
		if !x.Alarm() {
			off = "# "
		}
		fmt.Fprintf(&rules, "\n# %s\n%s%s\n", reason(x, o.Language), off, h.suricataRule(x, h.sid(x.Value, taken)))
		if off == "" {
			name := fmt.Sprintf("%s-%s.lst", x.Status, ipVersion(x.Value))
			if lists[name] == nil {
				lists[name] = &strings.Builder{}
			}
			lists[name].WriteString(x.Value + "\n")
		}
	}
	if count == 0 {
		return nil, ErrNothing
	}
	files := []File{{"mbaudit.rules", []byte(rules.String())}, {"README.txt", []byte(suricataReadme(o.Language))}}
	for _, status := range []suspects.Status{suspects.Confirmed, suspects.Possible} {
		for _, version := range []string{"ipv4", "ipv6"} {
			if list := lists[fmt.Sprintf("%s-%s.lst", status, version)]; list != nil {
				files = append(files, File{fmt.Sprintf("%s-%s.lst", status, version), []byte(list.String())})
			}
		}
	}
	return files, nil
}

// suricataRule alerts once an hour on traffic with an address, in either direction. rev grows when a possible source becomes
// a confirmed one, so that the newer rule wins.
func (h *Handover) suricataRule(x *suspects.Indicator, sid uint32) string {
	address := x.Value // netip wrote it
	rev, priority, confidence := 1, 3, "low"
	if x.Status == suspects.Confirmed {
		rev, priority, confidence = 2, 2, "high"
	}
	msg := fmt.Sprintf("mbaudit case %s, %s source of a mailbox compromise, watch and do not block", h.Case.Case, x.Status)
	metadata := []string{"mbaudit_case " + word(h.Case.Case), "mbaudit_status " + string(x.Status), "confidence " + confidence}
	for i, r := range x.Reasons {
		if i == 5 {
			break
		}
		if r.Finding != "" {
			metadata = append(metadata, "mbaudit_finding "+word(r.Finding))
		}
	}
	if !x.First.IsZero() {
		metadata = append(metadata, "first_seen "+x.First.Format("2006_01_02"), "last_seen "+x.Last.Format("2006_01_02"))
	}
	return fmt.Sprintf(`alert ip [%s] any <> $HOME_NET any (msg:"%s"; threshold:type limit, track by_src, count 1, seconds 3600; classtype:misc-activity; priority:%d; metadata:%s; sid:%d; rev:%d;)`,
		address, message(msg), priority, strings.Join(metadata, ", "), sid, rev)
}

// What Suricata reads as text and as a word: everything else becomes a hyphen, so that no quotation mark, semicolon or backslash
// of anybody's ends a rule.
var (
	notMessage = regexp.MustCompile(`[^A-Za-z0-9 ._,/@()-]`)
	notWord    = regexp.MustCompile(`[^A-Za-z0-9._-]`)
)

func message(s string) string {
	s = notMessage.ReplaceAllString(s, "-")
	return s[:min(len(s), 200)]
}

func word(s string) string {
	s = notWord.ReplaceAllString(s, "-")
	if s == "" {
		return "-"
	}
	return s[:min(len(s), 80)]
}

// sid is the same for the same case and address in every export.
func (h *Handover) sid(address string, taken map[uint32]bool) uint32 {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(h.id("sid", address))) // it never fails
	n := sum.Sum32() % manySIDs
	for taken[n] {
		n = (n + 1) % manySIDs
	}
	taken[n] = true
	return firstSID + n
}

func suricataReadme(language string) string {
	if language == "fr" {
		return `Règles de détection pour Suricata. Aucune ne bloque : l'action est toujours « alert ».

  mbaudit.rules       une règle par adresse ; l'intrus qui parle à Google ou à un autre hébergeur
                      ne passe pas par votre réseau : ces règles voient le VPN, l'extranet, vos
                      propres serveurs. Essai : suricata -T -S mbaudit.rules
  confirmed-*.lst     adresses confirmées, une par ligne ; possible-*.lst, adresses possibles

Autre voie, avec un « dataset » (Suricata 7 et plus) ; écrivez la règle vous-même :
  alert ip any any -> $HOME_NET any (msg:"mbaudit"; ip.src; dataset:isset,mbaudit,type ipv4,load confirmed-ipv4.lst; sid:1999999; rev:1;)
`
	}
	return `Detection rules for Suricata. None of them blocks: the action is always "alert".

  mbaudit.rules       one rule for each address; an intruder who talks to Google or another host
                      does not cross your network: these rules see the VPN, the extranet, your
                      own servers. To test: suricata -T -S mbaudit.rules
  confirmed-*.lst     confirmed addresses, one a line; possible-*.lst, possible ones

Another way is a dataset (Suricata 7 and later); write the rule yourself:
  alert ip any any -> $HOME_NET any (msg:"mbaudit"; ip.src; dataset:isset,mbaudit,type ipv4,load confirmed-ipv4.lst; sid:1999999; rev:1;)
`
}
