package workspace

import (
	"strings"

	"github.com/mbaudit/mbaudit/containment"
)

// stepTexts are what a plan says of a step.
type stepTexts struct{ what, why, side containment.Text }

type pairOf = containment.Text

// textsOf gives the texts of a kind; %s in them is the target.
func textsOf(kind, target string) stepTexts {
	t := allTexts()[kind]
	for _, text := range []*string{&t.what.EN, &t.what.FR} {
		*text = insert(*text, target)
	}
	return t
}

func insert(text, target string) string { return strings.ReplaceAll(text, "%s", target) }

func allTexts() map[string]stepTexts {
	none := pairOf{EN: "none", FR: "aucun"}
	return map[string]stepTexts{
		kindSSOAssignment: {pairOf{EN: "end the sign-in by another identity provider: %s", FR: "mettre fin à la connexion par un autre fournisseur d'identité : %s"},
			pairOf{EN: "who controls that provider signs in without any password", FR: "qui tient ce fournisseur se connecte sans mot de passe"},
			pairOf{EN: "everybody in that unit signs in with a Google password", FR: "toute l'unité se connecte avec un mot de passe Google"}},
		kindSSOProfile: {pairOf{EN: "delete the identity provider %s", FR: "supprimer le fournisseur d'identité %s"},
			pairOf{EN: "it could be assigned again", FR: "il pourrait être attribué de nouveau"},
			pairOf{EN: "its certificates must be set up anew if it was yours", FR: "ses certificats sont à refaire s'il était à vous"}},
		kindPassword: {pairOf{EN: "set a random password and clear recovery address and number", FR: "définir un mot de passe aléatoire et effacer l'adresse et le numéro de secours"},
			pairOf{EN: "in one call: with the recovery data the account is had again at once", FR: "en un seul appel : avec les données de secours le compte est repris aussitôt"},
			pairOf{EN: "the owner cannot sign in until the account is handed back", FR: "le titulaire ne peut plus se connecter jusqu'à la remise du compte"}},
		kindSignOut: {pairOf{EN: "end all sessions on the web", FR: "fermer toutes les sessions web"},
			pairOf{EN: "a session outlives the password, and grants new access", FR: "une session survit au mot de passe et redonne des accès"},
			pairOf{EN: "up to an hour until every Gmail tab is out", FR: "jusqu'à une heure pour chaque onglet Gmail"}},
		kindAppPassword: {pairOf{EN: "delete app password %s", FR: "supprimer le mot de passe d'application %s"},
			pairOf{EN: "it reads all mail without a second factor, and may outlive the password", FR: "il lit tout le courrier sans second facteur et peut survivre au mot de passe"},
			pairOf{EN: "the program that uses it must be set up anew", FR: "le programme qui s'en sert est à reconfigurer"}},
		kindToken: {pairOf{EN: "delete the grant of application %s", FR: "supprimer l'accès accordé à l'application %s"},
			pairOf{EN: "a grant needs neither password nor session", FR: "un accès accordé n'a besoin ni de mot de passe ni de session"},
			pairOf{EN: "the application asks again", FR: "l'application redemandera l'accès"}},
		kindCodes: {pairOf{EN: "invalidate the backup codes", FR: "invalider les codes de secours"},
			pairOf{EN: "who copied them passes the second factor", FR: "qui les a copiés passe le second facteur"}, none},
		kindTwoSteps: {pairOf{EN: "remove all second factors", FR: "retirer tous les seconds facteurs"},
			pairOf{EN: "one that the intruder registered survives a new password", FR: "celui de l'intrus survit au nouveau mot de passe"},
			pairOf{EN: "the owner registers his own again, in presence", FR: "le titulaire réenregistre les siens, en présence"}},
		kindTokensAgain: {pairOf{EN: "list the grants again and delete new ones", FR: "lister de nouveau les accès accordés et supprimer ceux qui sont apparus"},
			pairOf{EN: "a session that was still alive may have consented again", FR: "une session encore ouverte a pu consentir de nouveau"}, none},
		kindFilter: {pairOf{EN: "delete filter %s", FR: "supprimer le filtre %s"},
			pairOf{EN: "a filter forwards, hides or deletes mail, also when forwarding is off", FR: "un filtre transfère, cache ou supprime, même une fois le transfert désactivé"},
			pairOf{EN: "mail that it sorted stays in the Inbox", FR: "le courrier qu'il triait reste dans la boîte"}},
		kindAutoForwarding: {pairOf{EN: "switch the forwarding of all mail off", FR: "désactiver le transfert de tout le courrier"},
			pairOf{EN: "a copy of each message leaves the organisation", FR: "une copie de chaque message sort de l'organisation"},
			pairOf{EN: "who was meant to have the copies has them no more", FR: "le destinataire des copies ne les reçoit plus"}},
		kindForwardingAddress: {pairOf{EN: "remove the forwarding address %s", FR: "retirer l'adresse de transfert %s"},
			pairOf{EN: "forwarding to it can be switched on again by one click", FR: "le transfert se réactive d'un clic"},
			pairOf{EN: "put back, an address outside must be confirmed by its owner", FR: "une fois rétablie, une adresse externe doit être confirmée par son titulaire"}},
		kindDelegate: {pairOf{EN: "remove the delegate %s", FR: "retirer le délégué %s"},
			pairOf{EN: "a delegate reads and sends without this account's password", FR: "un délégué lit et envoie sans le mot de passe du compte"},
			pairOf{EN: "an assistant who needs the mailbox loses it", FR: "un assistant qui en a besoin la perd"}},
		kindSendAs: {pairOf{EN: "remove the sender address %s", FR: "retirer l'adresse d'expédition %s"},
			pairOf{EN: "mail leaves the account under another name", FR: "du courrier part du compte sous un autre nom"},
			pairOf{EN: "the password of its server cannot be put back", FR: "le mot de passe de son serveur ne peut être rétabli"}},
		kindReplyTo: {pairOf{EN: "clear the reply-to address of %s", FR: "effacer l'adresse de réponse de %s"},
			pairOf{EN: "answers go to somebody else", FR: "les réponses vont à quelqu'un d'autre"}, none},
		kindSMIME: {pairOf{EN: "delete the S/MIME key %s", FR: "supprimer la clé S/MIME %s"},
			pairOf{EN: "an intruder's key would sign in the owner's name", FR: "la clé d'un intrus signerait au nom du titulaire"},
			pairOf{EN: "the private key cannot be read, nor put back", FR: "la clé privée n'est pas lisible et ne peut être rétablie"}},
		kindVacation: {pairOf{EN: "switch the automatic answer off", FR: "désactiver la réponse automatique"},
			pairOf{EN: "its text may send people to the intruder", FR: "son texte peut envoyer les gens chez l'intrus"},
			pairOf{EN: "who writes hears nothing of an absence", FR: "les expéditeurs n'apprennent pas l'absence"}},
		kindIMAP: {pairOf{EN: "switch IMAP off", FR: "désactiver IMAP"}, pairOf{EN: "programs read all mail by it", FR: "des programmes lisent tout le courrier par ce biais"},
			pairOf{EN: "the owner's mail program stops", FR: "le logiciel de messagerie du titulaire ne relève plus rien"}},
		kindPOP: {pairOf{EN: "switch POP off", FR: "désactiver POP"}, pairOf{EN: "programs take all mail by it", FR: "des programmes relèvent tout le courrier par ce biais"},
			pairOf{EN: "the owner's mail program stops", FR: "le logiciel de messagerie du titulaire ne relève plus rien"}},
		kindMobile: {pairOf{EN: "block the device %s", FR: "bloquer l'appareil %s"}, pairOf{EN: "a registered device goes on synchronising mail", FR: "un appareil enregistré continue de synchroniser"},
			pairOf{EN: "the device gets no more mail; nothing on it is wiped", FR: "l'appareil ne reçoit plus de courrier ; rien n'y est effacé"}},
		kindRole: {pairOf{EN: "remove the administrator's role %s", FR: "retirer le rôle d'administration %s"},
			pairOf{EN: "with it other accounts can be taken", FR: "ce rôle permet de prendre d'autres comptes"}, pairOf{EN: "the owner cannot administer", FR: "le titulaire ne peut plus administrer"}},
		kindSuper: {pairOf{EN: "make the account no super administrator any more", FR: "retirer au compte la super-administration"},
			pairOf{EN: "with it everything can be taken", FR: "ce droit permet de tout prendre"}, pairOf{EN: "the owner cannot administer", FR: "le titulaire ne peut plus administrer"}},
		kindMember: {pairOf{EN: "remove the group's member %s", FR: "retirer le membre du groupe %s"},
			pairOf{EN: "members get the group's mail and what is shared with it", FR: "les membres reçoivent le courrier du groupe et ses partages"},
			pairOf{EN: "a partner who belongs there gets no more mail of it", FR: "un partenaire légitime n'en reçoit plus le courrier"}},
		kindShare: {pairOf{EN: "end the share of the file %s", FR: "mettre fin au partage du fichier %s"},
			pairOf{EN: "somebody outside opens the file without the account", FR: "quelqu'un d'extérieur ouvre le fichier sans le compte"},
			pairOf{EN: "who was meant to read it loses it", FR: "un lecteur légitime le perd"}},
		kindCalendar: {pairOf{EN: "remove the calendar right of %s", FR: "retirer le droit d'agenda de %s"},
			pairOf{EN: "somebody outside reads where the owner is, and with whom", FR: "quelqu'un d'extérieur lit où est le titulaire, et avec qui"},
			pairOf{EN: "who was meant to see it sees it no more", FR: "un lecteur légitime ne le voit plus"}},
		kindChrome: {pairOf{EN: "disable the Chromebook %s", FR: "désactiver le Chromebook %s"},
			pairOf{EN: "somebody signed in on it has the account's sessions and files", FR: "qui y est connecté a les sessions et les fichiers du compte"},
			pairOf{EN: "nobody can use it, colleagues included; nothing on it is wiped; enabling it again may take a licence",
				FR: "personne ne peut l'utiliser, collègues compris ; rien n'y est effacé ; le réactiver peut consommer une licence"}},
		kindEndpoint: {pairOf{EN: "block the account on the device %s", FR: "bloquer le compte sur l'appareil %s"},
			pairOf{EN: "a registered computer goes on synchronising", FR: "un ordinateur enregistré continue de synchroniser"},
			pairOf{EN: "the account's data is not synchronised to it any more; nothing is wiped", FR: "les données du compte n'y sont plus synchronisées ; rien n'est effacé"}},
		kindAlias: {pairOf{EN: "remove the alias %s", FR: "retirer l'alias %s"},
			pairOf{EN: "given in the time of the incident: mail to it comes into this mailbox", FR: "donné pendant l'incident : son courrier arrive dans cette boîte"},
			pairOf{EN: "mail to it bounces, and its sender address goes with it", FR: "son courrier est refusé, et l'adresse d'expédition disparaît avec lui"}},
		kindCreated: {pairOf{EN: "suspend the account %s, which was made as this one", FR: "suspendre le compte %s, créé depuis celui-ci"},
			pairOf{EN: "an intruder makes himself an account that outlives this one", FR: "un intrus se crée un compte qui survit à celui-ci"},
			pairOf{EN: "nothing is deleted; a new colleague cannot work until it is undone", FR: "rien n'est supprimé ; un nouveau collègue ne peut travailler avant l'annulation"}},
		kindLabel: {pairOf{EN: "create the label %s", FR: "créer le libellé %s"},
			pairOf{EN: "messages in quarantine lie under it", FR: "les messages en quarantaine y sont rangés"},
			pairOf{EN: "the label can be found by whoever looks for it", FR: "le libellé se trouve si on le cherche"}},
		kindMessage: {pairOf{EN: "put into quarantine: %s", FR: "mettre en quarantaine : %s"},
			pairOf{EN: "nobody opens by mistake what was found to be the intruder's", FR: "personne n'ouvre par erreur ce qui vient de l'intrus"},
			pairOf{EN: "the message is out of the inbox and can be found under the label; it is not deleted", FR: "le message quitte la boîte de réception et reste sous le libellé ; il n'est pas supprimé"}},
		kindSuspend: {pairOf{EN: "suspend the account", FR: "suspendre le compte"}, pairOf{EN: "asked for; nothing needs it once the steps above stand", FR: "demandé ; inutile si les étapes ci-dessus tiennent"},
			pairOf{EN: "new mail bounces, and nothing more can be read or cleaned in it", FR: "le courrier est refusé, et plus rien n'y est lisible ni nettoyable"}},
	}
}

// warningTexts are what a plan says of something that will not work as it stands.
func warningTexts(kind, detail string) containment.Warning {
	w := map[string]containment.Warning{
		"third-party-sso": {Text: pairOf{EN: "the account signs in by another identity provider (%s): a Google password shuts nobody out", FR: "le compte se connecte par un autre fournisseur d'identité (%s) : un mot de passe Google n'arrête personne"},
			Instead: pairOf{EN: "lock the account at that provider first; if the provider is not yours, decide to remove it in the first steps", FR: "verrouillez d'abord le compte chez ce fournisseur ; s'il n'est pas à vous, décidez de le retirer aux premières étapes"}},
		"own-account": {Text: pairOf{EN: "%s is the administrator in whose name this plan would be applied", FR: "%s est l'administrateur au nom de qui ce plan serait appliqué"},
			Instead: pairOf{EN: "apply it in the name of another super administrator: --google-admin", FR: "appliquez-le au nom d'un autre super-administrateur : --google-admin"}},
		"super-admin-target": {Text: pairOf{EN: "the account is a super administrator, and %s is none: Google will refuse every change", FR: "le compte est super-administrateur et %s ne l'est pas : Google refusera tout"},
			Instead: pairOf{EN: "name a super administrator: --google-admin", FR: "indiquez un super-administrateur : --google-admin"}},
		"last-super-admin": {Text: pairOf{EN: "%s is the last super administrator who is not suspended: suspended, nobody could undo it", FR: "%s est le dernier super-administrateur actif : suspendu, personne ne pourrait l'annuler"},
			Instead: pairOf{EN: "make another super administrator first, or plan with --mode lock", FR: "nommez d'abord un autre super-administrateur, ou planifiez avec --mode lock"}},
		"enforced-2sv": {Text: pairOf{EN: "two-step verification is enforced for %s: Google will not remove the intruder's second factor", FR: "la validation en deux étapes est imposée à %s : Google ne retirera pas le second facteur de l'intrus"},
			Instead: pairOf{EN: "move the account to a unit where it is not enforced and plan again, or remove the factors in the admin console", FR: "déplacez le compte dans une unité où elle n'est pas imposée et refaites le plan, ou retirez les facteurs dans la console"}},
		"advanced-protection": {Text: pairOf{EN: "no API tells whether %s is in Advanced Protection, or which passkeys it has: if it is, the second factors cannot be removed by this plan", FR: "aucune API ne dit si %s est en Protection Avancée, ni ses clés d'accès : si oui, ce plan ne peut retirer les seconds facteurs"},
			Instead: pairOf{EN: "look in the admin console, Users, Security; remove keys there if that step fails", FR: "regardez dans la console, Utilisateurs, Sécurité ; retirez-y les clés si cette étape échoue"}},
		"multi-party-approval": {Text: pairOf{EN: "%s has administrator's rights: where multi-party approval is on, a second administrator must agree to what changes it", FR: "%s a des droits d'administration : avec l'approbation multipartite, un second administrateur doit accepter les changements"},
			Instead: pairOf{EN: "have one ready at the admin console, Security, Multi-party approval", FR: "prévoyez-le devant la console, Sécurité, Approbation multipartite"}},
		"suspended": {Text: pairOf{EN: "the account is suspended (%s): sessions, codes, second factors and the mailbox can be neither read nor cleaned", FR: "le compte est suspendu (%s) : sessions, codes, seconds facteurs et boîte ne sont ni lisibles ni nettoyables"},
			Instead: pairOf{EN: "end the suspension and plan again at once; what Google suspended for abuse, Google must give back", FR: "levez la suspension et refaites le plan aussitôt ; seul Google peut rétablir ce qu'il a suspendu pour abus"}},
	}[kind]
	for _, text := range []*string{&w.Text.EN, &w.Text.FR} {
		*text = insert(*text, detail)
	}
	return w
}
