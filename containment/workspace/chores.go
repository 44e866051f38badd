package workspace

import (
	"fmt"
	"slices"
	"time"

	"github.com/mbaudit/mbaudit/containment"
)

// What a person has to look at. Where mbaudit attach has a slot for what he saw, it has the same name.
const (
	choreRouting  = "mail-routing"
	choreClients  = "delegated-clients"
	choreMonitors = "mail-monitors"
	choreApps     = "app-access"
	choreKeys     = "security-keys"
	choreScripts  = "script-triggers"
)

// mostSeen is how many lines of the log a chore shows.
const mostSeen = 20

// choreOf says which chore a change of the administrators' log belongs to; "" is none.
func choreOf(event string) string {
	return map[string]string{
		"CREATE_GMAIL_SETTING": choreRouting, "CHANGE_GMAIL_SETTING": choreRouting, "DELETE_GMAIL_SETTING": choreRouting,
		"AUTHORIZE_API_CLIENT_ACCESS": choreClients, "REMOVE_API_CLIENT_ACCESS": choreClients,
		"CREATE_EMAIL_MONITOR": choreMonitors, "DELETE_EMAIL_MONITOR": choreMonitors,
		"ADD_TO_TRUSTED_OAUTH2_APPS": choreApps, "REMOVE_FROM_BLOCKED_OAUTH2_APPS": choreApps, "ADD_TO_WHITELISTED_OAUTH2_APPS": choreApps,
	}[event]
}

// chores are what is left to a person once the steps are taken. As a precaution there are none but the keys.
func (b *builder) chores() []containment.Chore {
	if b.o.Part == AccessOnly {
		return nil
	}
	all := allChores(b.account)
	if b.o.Mode == containment.Precaution {
		all = slices.DeleteFunc(all, func(c containment.Chore) bool { return c.Kind != choreKeys })
	}
	for i, c := range all {
		lines := b.granted.domain[c.Kind]
		slices.SortFunc(lines, func(x, y seen) int { return x.at.Compare(y.at) })
		for _, line := range lines[:min(len(lines), mostSeen)] {
			all[i].Seen = append(all[i].Seen, fmt.Sprintf("%s %s %s", line.at.UTC().Format(time.RFC3339), line.name, line.actor))
		}
		if more := len(lines) - mostSeen; more > 0 {
			all[i].Seen = append(all[i].Seen, fmt.Sprintf("+ %d", more))
		}
	}
	return all
}

func allChores(account string) []containment.Chore {
	return []containment.Chore{
		{Kind: choreKeys, Link: "https://admin.google.com/ac/users",
			What: pairOf{EN: "remove security keys, passkeys and telephone numbers of " + account + " that the owner does not know (Users, the user, Security)",
				FR: "retirer les clés de sécurité, clés d'accès et numéros de " + account + " que le titulaire ne connaît pas (Utilisateurs, l'utilisateur, Sécurité)"},
			Why: pairOf{EN: "a passkey of the intruder's signs in without any password, and no API shows it", FR: "une clé d'accès de l'intrus se connecte sans mot de passe, et aucune API ne la montre"}},
		{Kind: choreRouting, Link: "https://admin.google.com/ac/apps/gmail/routing",
			What: pairOf{EN: "read the rules of the whole domain: routing, default routing, compliance, inbound gateway (Apps, Gmail)",
				FR: "relire les règles de tout le domaine : routage, routage par défaut, conformité, passerelle (Applications, Gmail)"},
			Why: pairOf{EN: "a rule copies or diverts mail before it reaches any mailbox, and survives everything done here", FR: "une règle copie ou détourne le courrier avant toute boîte, et survit à tout ce qui est fait ici"}},
		{Kind: choreClients, Link: "https://admin.google.com/ac/owl/domainwidedelegation",
			What: pairOf{EN: "remove clients with domain-wide delegation that nobody knows", FR: "retirer les clients à délégation sur tout le domaine que personne ne connaît"},
			Why:  pairOf{EN: "such a client reads every mailbox, without a password and without a trace in the account", FR: "un tel client lit toutes les boîtes, sans mot de passe ni trace dans le compte"}},
		{Kind: choreApps, Link: "https://admin.google.com/ac/owl/list",
			What: pairOf{EN: "block the intruder's application for the whole organisation (Security, API controls, App access control)",
				FR: "bloquer l'application de l'intrus pour toute l'organisation (Sécurité, Commandes des API, Contrôle d'accès des applications)"},
			Why: pairOf{EN: "another account would grant it access again", FR: "un autre compte lui redonnerait l'accès"}},
		{Kind: choreMonitors,
			What: pairOf{EN: "ask for mail monitors of " + account + ": gam audit monitor list", FR: "demander les surveillances de messagerie de " + account + " : gam audit monitor list"},
			Why:  pairOf{EN: "a monitor copies all mail to another account; the console does not show it", FR: "une surveillance copie tout le courrier vers un autre compte ; la console ne la montre pas"}},
		{Kind: choreScripts, Link: "https://script.google.com/home/triggers",
			What: pairOf{EN: "as the user, with his consent: delete Apps Script triggers, planned Takeouts and \"check mail from other accounts\"",
				FR: "avec le titulaire : supprimer les déclencheurs Apps Script, Takeout planifiés et « consulter d'autres comptes »"},
			Why: pairOf{EN: "a script goes on after a new password and a sign-out", FR: "un script continue de tourner malgré le nouveau mot de passe et la déconnexion"}},
	}
}
