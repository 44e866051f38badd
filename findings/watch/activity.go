package watch

import (
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/internal/googlelog"
)

// An Activity is what of a line of an audit log is compared. Texts are as Google wrote them.
type Activity struct {
	ID          string    `json:"id"` // the same for the same activity, whoever read it and when
	Application string    `json:"application"`
	Time        time.Time `json:"time"`
	Qualifier   string    `json:"unique_id"`
	Account     string    `json:"account"` // whom it is about, in lower case; "" where nobody is named
	IP          string    `json:"ip,omitempty"`
	Events      []string  `json:"events"`

	Others  []string `json:"other_ips,omitempty"` // addresses in its parameters
	ASNs    []string `json:"asn,omitempty"`
	Clients []string `json:"clients,omitempty"`
	Devices []string `json:"devices,omitempty"`
	Agents  []string `json:"agents,omitempty"`
}

// What of an activity is compared is bounded, whatever a log holds.
const (
	maxValues = 100
	maxEvents = 20
)

// Of makes an activity of a record of a log. Google writes what stands in user_accounts into login too: both have one ID.
func Of(rec *googlelog.Record) Activity {
	one := *rec
	if one.Application == "user_accounts" {
		one.Application = "login"
	}
	id := one.Identity()
	a := Activity{ID: hex.EncodeToString(id[:]), Application: rec.Application, Time: rec.Time.UTC(), Qualifier: rec.Qualifier, Account: strings.ToLower(rec.Email), IP: rec.IP}
	for _, e := range rec.Events {
		if len(a.Events) < maxEvents && !slices.Contains(a.Events, e.Name) {
			a.Events = append(a.Events, e.Name)
		}
		for _, p := range e.Parameters {
			a.take(p.Name, p.Value)
		}
	}
	for _, f := range rec.Other {
		a.take(f.Name, f.Value)
	}
	var network struct {
		ASN []json.Number `json:"ipAsn"`
	}
	if len(rec.Network) > 0 && json.Unmarshal(rec.Network, &network) == nil {
		for _, n := range network.ASN {
			note(&a.ASNs, n.String())
		}
	}
	return a
}

// take notes a parameter, and what is within it.
func (a *Activity) take(name string, value []byte) {
	for _, text := range texts(value, nil) {
		switch name := strings.ToLower(name); {
		case name == "user_email" || name == "affected_email_address":
			a.Account = strings.ToLower(text) // an administrator, or Google, acts on it
		case name == "client_id" || name == "oauth_client_id" || strings.HasSuffix(name, "applicationinfo") && strings.HasSuffix(text, ".apps.googleusercontent.com"):
			note(&a.Clients, text)
		case name == "device_id" || name == "resource_id" && a.Application == "mobile":
			note(&a.Devices, text)
		case name == "user_agent" || name == "useragent":
			note(&a.Agents, text)
		case name == "ip_address" || name == "client_ip" || strings.HasSuffix(name, "_ip_address"):
			note(&a.Others, text)
		}
	}
}

func note(list *[]string, s string) {
	if s != "" && len(*list) < maxValues && !slices.Contains(*list, s) {
		*list = append(*list, s)
	}
}

// texts collects the texts and numbers of a JSON value, however deep.
func texts(value []byte, all []string) []string {
	var v any
	if json.Unmarshal(value, &v) != nil {
		return append(all, string(value)) // of a table: the cell as it is
	}
	return textsOf(v, all)
}

func textsOf(v any, all []string) []string {
	if len(all) >= maxValues {
		return all
	}
	switch v := v.(type) {
	case string:
		return append(all, v)
	case float64:
		return append(all, strconv.FormatFloat(v, 'f', -1, 64))
	case []any:
		for _, one := range v {
			all = textsOf(one, all)
		}
	case map[string]any:
		for _, one := range v {
			all = textsOf(one, all)
		}
	}
	return all
}

func (a *Activity) ips() []string {
	if a.IP == "" {
		return a.Others
	}
	return append([]string{a.IP}, a.Others...)
}

// letsIn says whether an activity of an account that was taken back is worth a line: somebody signs in, tries to, changes how
// he gets in, or lets a program in. What the user does all day is not.
func (a *Activity) letsIn() bool {
	switch a.Application {
	case "login", "user_accounts", "saml":
		return true
	case "token":
		return slices.Contains(a.Events, "authorize")
	}
	return false
}

// attempts are the events that do not show that somebody got in.
func attempts() []string {
	return []string{"login_failure", "login_challenge", "login_verification", "risky_sensitive_action_blocked", "suspicious_login", "suspicious_login_less_secure_app",
		"suspicious_programmatic_login", "user_signed_out_due_to_suspicious_session_cookie", "gov_attack_warning", "account_disabled_password_leak",
		"account_disabled_generic", "account_disabled_hijacked", "account_disabled_spamming", "account_disabled_spamming_through_relay", "blocked_sender",
		"email_forwarding_out_of_domain_blocked", "logout"}
}

// GotIn says whether the activity shows that whoever is behind it was let in: a sign-in that succeeded, or something that only
// who is in can do.
func (a *Activity) GotIn() bool {
	return slices.ContainsFunc(a.Events, func(name string) bool {
		low := strings.ToLower(name)
		return !slices.Contains(attempts(), low) && !strings.Contains(low, "fail") && !strings.Contains(low, "denied")
	})
}
