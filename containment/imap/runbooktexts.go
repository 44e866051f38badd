package imap

import (
	"bufio"
	"bytes"
	"strconv"

	"github.com/mbaudit/mbaudit/containment"
)

// bufioReader reads a header that may end without an empty line.
func bufioReader(header []byte) *bufio.Reader {
	return bufio.NewReader(bytes.NewReader(append(bytes.Clone(header), "\r\n\r\n"...)))
}

// words are what the tasks of a runbook are made of. Names are quoted for a shell.
type words struct {
	account, domain, plan, reach string
	mode                         containment.Mode
	found                        Found
	doveadm                      bool // the plan ends sessions
	steps                        int  // of the plan
}

// both is a line that is the same in both languages: a command.
func both(command string) text { return text{EN: "$ " + command, FR: "$ " + command} }

// when gives lines where one of these programs was found, or nothing is known of any of its kind.
func (w words) when(lines []text, name string, kind ...string) []text {
	if w.found.is(name) || w.found.unknown(kind...) {
		return append([]text{{EN: name + ":", FR: name + " :"}}, lines...)
	}
	return nil
}

func (w words) imap(name string, lines ...text) []text {
	return w.when(lines, name, Dovecot, Cyrus, Courier)
}
func (w words) mta(name string, lines ...text) []text { return w.when(lines, name, Postfix, Exim) }

// panel gives the words of a control panel: where one was found, or where nothing tells that none is there, which no server does.
func (w words) panel(name string, lines ...text) []text {
	return w.when(lines, name, CPanel, Plesk)
}

func join(parts ...[]text) []text {
	var all []text
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// tasks are the steps, in the order in which they work. docs/CONTAINMENT.md has the reasons.
func (w words) tasks() []Task {
	tasks := []Task{w.logs(), w.password(), w.appPasswords(), w.secondFactor(), w.plannedSteps(), w.sessions(), w.forward(), w.aliases(), w.transport(), w.senders(),
		w.serverRules(), w.webmail(), w.shares(), w.queue()}
	if w.mode == containment.Suspend {
		tasks = append(tasks, w.suspend())
	}
	return append(tasks, w.lookAgain())
}

func (w words) logs() Task {
	return Task{Kind: "logs", What: text{EN: "Copy the logs of the mail server and of the webmail, before they rotate.", FR: "Copier les journaux du serveur de courrier et du webmail, avant leur rotation."},
		Why: text{EN: "they alone tell who signed in, from where, and what was sent; most servers keep them for days", FR: "eux seuls disent qui s'est connecté, d'où, et ce qui a été envoyé ; la plupart des serveurs les gardent quelques jours"},
		Lines: join(
			w.imap(Dovecot, both("doveadm log find"), both("mkdir -m 700 /root/mail-logs && cp -a /var/log/mail.log* /var/log/maillog* /root/mail-logs/"), both("journalctl -u dovecot -u postfix --since -30d -o short-iso > /root/mail-logs/journal.txt")),
			w.imap(Cyrus, both("mkdir -m 700 /root/mail-logs && cp -a /var/log/mail.log* /var/log/maillog* /var/log/imapd.log* /root/mail-logs/")),
			w.imap(Courier, both("mkdir -m 700 /root/mail-logs && cp -a /var/log/mail.log* /var/log/maillog* /root/mail-logs/")),
			w.panel(CPanel, both("cp -a /var/log/maillog* /var/log/exim_mainlog* /usr/local/cpanel/logs/access_log /usr/local/cpanel/logs/login_log /root/mail-logs/")),
			w.panel(Plesk, both("cp -a /var/log/maillog* /var/log/plesk/panel.log* /var/log/plesk-roundcube /root/mail-logs/")),
			[]text{{EN: "Then keep them as evidence, on the machine of the case:", FR: "Puis les conserver comme preuve, sur la machine du dossier :"}, both("mbaudit collect --account " + w.account + " --import authlog=mail-logs/")})}
}

func (w words) password() Task {
	return Task{Kind: "password", What: text{EN: "Set a new password for " + code(w.account) + ", one that nobody knows yet.", FR: "Poser un nouveau mot de passe pour " + code(w.account) + ", que personne ne connaît encore."},
		Why: text{EN: "IMAP cannot; and who is thrown out comes back at once with the old one", FR: "IMAP ne le peut pas ; et qui est coupé revient aussitôt avec l'ancien"},
		Lines: join(
			w.imap(Dovecot, text{EN: "Find where passwords are kept (file, SQL, LDAP, PAM), and make the new hash; it asks, nothing is on the command line:", FR: "Trouver où sont les mots de passe (fichier, SQL, LDAP, PAM), et calculer le nouveau condensat ; il est demandé, rien sur la ligne de commande :"}, both("doveconf -n passdb userdb"), both("doveadm pw -s BLF-CRYPT")),
			w.imap(Cyrus, text{EN: "With saslauthd: change it in PAM or LDAP. With sasldb:", FR: "Avec saslauthd : le changer dans PAM ou LDAP. Avec sasldb :"}, both("saslpasswd2 -u "+w.domain+" "+w.account)),
			w.imap(Courier, text{EN: "Find where passwords are kept (userdb, SQL, LDAP):", FR: "Trouver où sont les mots de passe (userdb, SQL, LDAP) :"}, both("grep ^authmodulelist /etc/courier/authdaemonrc")),
			w.panel(CPanel, text{EN: "Email Accounts, Manage, New Password. Change the password of the cPanel user too: it opens every mailbox of the domain.", FR: "Comptes de messagerie, Gérer, Nouveau mot de passe. Changer aussi celui de l'utilisateur cPanel : il ouvre toutes les boîtes du domaine."}),
			w.panel(Plesk, text{EN: "Mail, the address, General, Password. Change the password of the subscription's user too.", FR: "Messagerie, l'adresse, Général, Mot de passe. Changer aussi celui de l'utilisateur de l'abonnement."}),
			[]text{{EN: "Say it by telephone or on paper, never by mail.", FR: "Le dire par téléphone ou sur papier, jamais par courriel."}})}
}

func (w words) appPasswords() Task {
	return Task{Kind: "app-passwords", What: text{EN: "Revoke app passwords, device passwords and tokens of the account.", FR: "Révoquer mots de passe d'application, d'appareil et jetons du compte."},
		Why: text{EN: "they open the mailbox without the new password", FR: "ils ouvrent la boîte sans le nouveau mot de passe"},
		Lines: join(
			w.imap(Dovecot, text{EN: "More than one passdb, a master user or an OAuth 2 server:", FR: "Plusieurs passdb, un utilisateur maître ou un serveur OAuth 2 :"}, both("doveconf -n passdb auth_mechanisms auth_master_user_separator")),
			w.imap(Cyrus, text{EN: "Who may act for everybody:", FR: "Qui peut agir pour tous :"}, both("grep -E '^(admins|proxyservers|allowusermoves)' /etc/imapd.conf")),
			w.panel(CPanel, text{EN: "Security, Manage API Tokens; Email, Calendar Delegation.", FR: "Sécurité, Gérer les jetons API ; Courriel, Délégation d'agenda."}),
			[]text{{EN: "Where people sign in through an identity provider, revoke its sessions and grants there.", FR: "Si la connexion passe par un fournisseur d'identité, y révoquer sessions et accès accordés."}})}
}

func (w words) secondFactor() Task {
	return Task{Kind: "second-factor", What: text{EN: "Look which second factors are registered, remove those that the owner does not know.", FR: "Regarder les seconds facteurs enregistrés, retirer ceux que le titulaire ne connaît pas."},
		Why:   text{EN: "one that the intruder registered survives a new password", FR: "celui de l'intrus survit au nouveau mot de passe"},
		Lines: []text{{EN: "Webmail, control panel, VPN and identity provider each have their own. The owner registers his again in presence.", FR: "Webmail, panneau, VPN et fournisseur d'identité ont chacun les leurs. Le titulaire réenregistre les siens, en présence."}}}
}

func (w words) plannedSteps() Task {
	n := strconv.Itoa(w.steps)
	return Task{Kind: "plan", What: text{EN: "Now, and not before, apply the plan (" + n + " steps).", FR: "Maintenant, et pas avant, appliquer le plan (" + n + " étapes)."},
		Why:   text{EN: "with the old password the intruder would undo it", FR: "avec l'ancien mot de passe l'intrus le déferait"},
		Lines: []text{both("mbaudit contain --apply " + w.plan + " " + w.reach)}}
}

func (w words) sessions() Task {
	t := Task{Kind: "sessions", What: text{EN: "End all sessions: IMAP, POP3, SMTP, and those of the webmail.", FR: "Couper toutes les sessions : IMAP, POP3, SMTP, et celles du webmail."},
		Why: text{EN: "a session that is open survives the new password", FR: "une session ouverte survit au nouveau mot de passe"}}
	dovecot := w.imap(Dovecot, both("doveadm auth cache flush "+w.account), both("doveadm who "+w.account), both("doveadm kick "+w.account))
	if w.doveadm {
		dovecot = []text{{EN: "The plan does this for IMAP and POP3, through doveadm. The webmail is left:", FR: "Le plan le fait pour IMAP et POP3, par doveadm. Reste le webmail :"}}
	}
	t.Lines = join(dovecot,
		w.imap(Cyrus, text{EN: "End each process of the account by its number:", FR: "Terminer chaque processus du compte par son numéro :"}, both("cyr_info proc | grep -F "+w.account), both("kill PID")),
		w.imap(Courier, both("ps -eo pid,user,args | grep -F imapd"), both("kill PID")),
		[]text{{EN: "Roundcube, SOGo, Horde: delete the account's rows of the table of sessions, or restart what keeps them (PHP-FPM, memcached, Redis).",
			FR: "Roundcube, SOGo, Horde : supprimer les lignes du compte dans la table des sessions, ou redémarrer ce qui les garde (PHP-FPM, memcached, Redis)."}})
	return t
}

func (w words) forward() Task {
	return Task{Kind: "forward", What: text{EN: "Look for ~/.forward and files like it; keep a copy, then rename them.", FR: "Chercher ~/.forward et fichiers semblables ; en garder copie, puis les renommer."},
		Why: text{EN: "the delivery program obeys them, and IMAP does not show them", FR: "le programme de distribution y obéit, et IMAP ne les montre pas"},
		Lines: join(
			[]text{{EN: "In the home directory of the account's system user:", FR: "Dans le répertoire de l'utilisateur système du compte :"}, both("ls -la ~USER/.forward ~USER/.procmailrc ~USER/.mailfilter ~USER/.qmail* ~USER/.vacation* ~USER/.dovecot.sieve"), both("cp -a ~USER/.forward /root/forward.saved && mv ~USER/.forward ~USER/.forward.disabled")},
			w.panel(CPanel, both("ls -la ~CPUSER/etc/"+w.domain+"/ /etc/vfilters/"+w.domain)))}
}

func (w words) aliases() Task {
	return Task{Kind: "aliases", What: text{EN: "Look at aliases and copies: virtual aliases, forwarders, bcc maps.", FR: "Regarder alias et copies : alias virtuels, redirections, tables bcc."},
		Why: text{EN: "a line there sends all mail to somebody else, whatever the mailbox is like", FR: "une ligne y envoie tout le courrier ailleurs, quelle que soit la boîte"},
		Lines: join(
			w.mta(Postfix, both("postconf virtual_alias_maps alias_maps recipient_bcc_maps sender_bcc_maps always_bcc recipient_canonical_maps"), both("for map in $(postconf -h virtual_alias_maps | tr , ' '); do postmap -q "+w.account+" $map; done")),
			w.mta(Exim, both("exim -bt "+w.account), both("cat /etc/aliases /etc/valiases/"+w.domain)),
			w.panel(CPanel, text{EN: "Email, Forwarders, and Default Address.", FR: "Courriel, Redirections, et Adresse par défaut."}),
			w.panel(Plesk, text{EN: "Mail, the address, Forwarding and Email Aliases.", FR: "Messagerie, l'adresse, Transfert et Alias."}))}
}

func (w words) transport() Task {
	return Task{Kind: "transport", What: text{EN: "Look at transport maps and relays of the domain.", FR: "Regarder tables de transport et relais du domaine."},
		Why: text{EN: "they lead the mail of a whole domain past its mailboxes", FR: "ils mènent le courrier de tout un domaine à côté de ses boîtes"},
		Lines: join(
			w.mta(Postfix, both("postconf transport_maps relayhost sender_dependent_relayhost_maps content_filter"), both("for map in $(postconf -h transport_maps | tr , ' '); do postmap -q "+w.domain+" $map; done")),
			w.mta(Exim, both("exim -bP routers transports"), both("exim -bt "+w.account)),
			w.panel(CPanel, text{EN: "Email, Email Routing, and Global Email Filters.", FR: "Courriel, Routage, et Filtres globaux."}))}
}

func (w words) senders() Task {
	return Task{Kind: "senders", What: text{EN: "Look who may send in the name of the account: sender maps.", FR: "Regarder qui peut envoyer au nom du compte : tables d'expéditeurs."},
		Why: text{EN: "another login may write as this address", FR: "un autre identifiant peut écrire sous cette adresse"},
		Lines: join(
			w.mta(Postfix, both("postconf smtpd_sender_login_maps sender_canonical_maps smtp_generic_maps smtpd_sender_restrictions"), both("for map in $(postconf -h smtpd_sender_login_maps | tr , ' '); do postmap -q "+w.account+" $map; done")),
			w.mta(Exim, both("exim -bP authenticators"), both("grep -rn local_sender /etc/exim*")))}
}

func (w words) serverRules() Task {
	return Task{Kind: "server-rules", What: text{EN: "Look at rules that ManageSieve does not list: those of the server, and of a panel.", FR: "Regarder les règles que ManageSieve ne liste pas : celles du serveur, et d'un panneau."},
		Why: text{EN: "they run for all, before or after the account's own script", FR: "elles valent pour tous, avant ou après le script du compte"},
		Lines: join(
			w.imap(Dovecot, both("doveconf -n | grep -i sieve"), both("doveadm sieve list -u "+w.account)),
			w.imap(Cyrus, both("grep -E '^(sieve|autocreate_sieve)' /etc/imapd.conf")),
			w.imap(Courier, both("ls -la /etc/courier/maildroprc")),
			w.panel(CPanel, text{EN: "Email, Email Filters, Global Email Filters, Autoresponders, BoxTrapper.", FR: "Courriel, Filtres, Filtres globaux, Répondeurs, BoxTrapper."}),
			w.panel(Plesk, text{EN: "Mail, the address, Auto-Reply and Spam Filter.", FR: "Messagerie, l'adresse, Réponse automatique et Filtre antispam."}))}
}

func (w words) webmail() Task {
	return Task{Kind: "webmail", What: text{EN: "In the webmail look at filters, identities, signatures, reply-to, and accounts that it fetches from.", FR: "Dans le webmail, regarder filtres, identités, signatures, adresses de réponse, et comptes relevés."},
		Why:   text{EN: "a reply-to of the intruder's has answers go to him; filters may be kept there and not in Sieve", FR: "une adresse de réponse de l'intrus lui amène les réponses ; des filtres peuvent être là et non dans Sieve"},
		Lines: []text{{EN: "Take a picture of each page first; attach it: mbaudit attach FILE --as other:webmail.", FR: "Photographier d'abord chaque page ; la joindre : mbaudit attach FICHIER --as other:webmail."}}}
}

func (w words) shares() Task {
	return Task{Kind: "shares", What: text{EN: "Look who else may open the mailbox: rights of folders, master users, delegates.", FR: "Regarder qui d'autre peut ouvrir la boîte : droits des dossiers, utilisateurs maîtres, délégués."},
		Why: text{EN: "these need no password of the account's; the plan has those that IMAP shows", FR: "ils se passent du mot de passe du compte ; le plan a ceux qu'IMAP montre"},
		Lines: join(
			w.imap(Dovecot, both("doveadm mailbox list -u "+w.account+" | while read -r folder; do echo \"$folder\"; doveadm acl get -u "+w.account+" \"$folder\"; done")),
			w.imap(Cyrus, both("echo 'lam *' | cyradm --user cyrus localhost")),
			w.panel(Plesk, text{EN: "Users, roles: who has access to the address.", FR: "Utilisateurs, rôles : qui a accès à l'adresse."}))}
}

func (w words) queue() Task {
	return Task{Kind: "queue", What: text{EN: "Hold what the intruder sent and still waits in the queue; delete nothing.", FR: "Retenir ce que l'intrus a envoyé et qui attend encore en file ; ne rien supprimer."},
		Why: text{EN: "it can still be kept from leaving", FR: "on peut encore l'empêcher de partir"},
		Lines: join(
			w.mta(Postfix, both("postqueue -p | grep -F "+w.account), both("postsuper -h QUEUE-ID")),
			w.mta(Exim, both("exiqgrep -f "+w.account), both("exim -Mf MESSAGE-ID")))}
}

func (w words) suspend() Task {
	return Task{Kind: "suspend", What: text{EN: "Suspend the sign-in of the account, last of all.", FR: "Suspendre la connexion du compte, en tout dernier."},
		Why: text{EN: "a suspended account can be neither read nor cleaned by its own login; see that mail goes on being received", FR: "un compte suspendu ne se lit ni ne se nettoie par son identifiant ; veiller à ce que le courrier continue d'arriver"},
		Lines: join(
			w.imap(Dovecot, text{EN: "Give the passdb's row nologin=y, or use a deny passdb; then:", FR: "Donner nologin=y à la ligne du passdb, ou un passdb deny ; puis :"}, both("doveadm auth cache flush "+w.account)),
			w.imap(Cyrus, text{EN: "Lock the login in SASL, PAM or LDAP.", FR: "Verrouiller l'identifiant dans SASL, PAM ou LDAP."}),
			w.panel(CPanel, text{EN: "Email Accounts, Manage, Suspend Login; leave incoming mail allowed.", FR: "Comptes de messagerie, Gérer, Suspendre la connexion ; laisser arriver le courrier."}),
			w.panel(Plesk, text{EN: "Mail, the address: switch the user's access off, leave the mailbox on.", FR: "Messagerie, l'adresse : couper l'accès de l'utilisateur, laisser la boîte active."}))}
}

func (w words) lookAgain() Task {
	return Task{Kind: "look-again", What: text{EN: "Look again, at once and after 1, 15 and 60 minutes and a day.", FR: "Revoir, tout de suite puis après 1, 15 et 60 minutes et un jour."},
		Why: text{EN: "what comes back shows that somebody is still in", FR: "ce qui revient montre que quelqu'un est encore là"}, Lines: []text{both("mbaudit contain verify --wait " + w.reach)}}
}

// code writes a name that is quoted for a shell as code in Markdown.
func code(quoted string) string {
	fence := "`"
	for bytes.Contains([]byte(quoted), []byte(fence)) {
		fence += "`"
	}
	if fence == "`" {
		return fence + quoted + fence
	}
	return fence + " " + quoted + " " + fence
}
