package imap

import (
	"strings"

	"github.com/mbaudit/mbaudit/containment"
	"github.com/mbaudit/mbaudit/internal/imapwire"
	"github.com/mbaudit/mbaudit/internal/visible"
)

type text = containment.Text

// stepTexts are what a plan says of a step.
type stepTexts struct{ what, why, side text }

// shown is a folder's name for people, with the characters that it was given.
func shown(folder string) string {
	name, _ := imapwire.FolderName([]byte(folder))
	return `"` + visible.Cut(name, 200) + `"`
}

func textsOfCache() stepTexts {
	return stepTexts{text{EN: "have Dovecot forget the passwords that it remembers of the account", FR: "faire oublier à Dovecot les mots de passe qu'il garde du compte"},
		text{EN: "a password that was changed is taken from the cache for up to an hour more", FR: "un mot de passe changé reste accepté depuis le cache, jusqu'à une heure"},
		text{EN: "none", FR: "aucun"}}
}

func textsOfKick() stepTexts {
	return stepTexts{text{EN: "end all sessions of the account (IMAP, POP3, ManageSieve)", FR: "couper toutes les sessions du compte (IMAP, POP3, ManageSieve)"},
		text{EN: "a session that is open survives a new password", FR: "une session ouverte survit à un nouveau mot de passe"},
		text{EN: "the owner's programs connect again by themselves, and so does who has the password: change it first (runbook)",
			FR: "les logiciels du titulaire se reconnectent seuls, et qui a le mot de passe aussi : changez-le d'abord (fiche)"}}
}

func textsOfSieve(name string, verdict Judgement) stepTexts {
	why := text{EN: "it sorts, forwards or throws away what arrives, without anybody being connected", FR: "il trie, transfère ou jette ce qui arrive, sans que personne ne soit connecté"}
	const most = 5
	for i, does := range verdict.Does[:min(len(verdict.Does), most)] {
		if i == 0 {
			why = text{EN: "it does this: ", FR: "il fait ceci : "}
		} else {
			why.EN, why.FR = why.EN+"; ", why.FR+" ; "
		}
		why.EN, why.FR = why.EN+visible.Line(does.EN), why.FR+visible.Line(does.FR)
	}
	if len(verdict.Does) > most {
		why.EN, why.FR = why.EN+" …", why.FR+" …"
	}
	return stepTexts{text{EN: "deactivate the Sieve script " + name + " (it is kept)", FR: "désactiver le script Sieve " + name + " (il est conservé)"}, why,
		text{EN: "the owner's own rules in it rest too, an absence message among them", FR: "les règles du titulaire qui s'y trouvent s'arrêtent aussi, réponse d'absence comprise"}}
}

func textsOfACL(folder, identifier, rights string) stepTexts {
	who, where := Quoted(identifier), shown(folder)
	return stepTexts{text{EN: "take the rights of " + who + " in the folder " + where + " away (" + visible.Text(rights) + ")",
		FR: "retirer les droits de " + who + " sur le dossier " + where + " (" + visible.Text(rights) + ")"},
		text{EN: "these rights need no password of the account's", FR: "ces droits se passent du mot de passe du compte"},
		text{EN: who + " does not see the folder any more", FR: who + " ne voit plus le dossier"}}
}

func textsOfFolder(folder string) stepTexts {
	where := shown(folder)
	return stepTexts{text{EN: "create the folder " + where + ", not subscribed", FR: "créer le dossier " + where + ", sans abonnement"},
		text{EN: "messages are moved there, and deleted nowhere", FR: "les messages y sont déplacés, rien n'est supprimé"},
		text{EN: "an empty folder is left after an undo", FR: "un dossier vide reste après annulation"}}
}

func textsOfMessage(folder, uid, id, to string) stepTexts {
	name := "UID " + uid + ", " + visible.Cut(id, 200)
	return stepTexts{text{EN: "move the message " + name + " from " + shown(folder) + " to " + shown(to), FR: "déplacer le message " + name + " de " + shown(folder) + " vers " + shown(to)},
		text{EN: "it was named by the review; its bytes are sealed first", FR: "désigné par l'examen ; ses octets sont scellés avant"},
		text{EN: "the folder is opened for writing: the mark \\Recent goes; after an undo the message has a new UID",
			FR: "le dossier est ouvert en écriture : la marque \\Recent disparaît ; après annulation le message a un nouvel UID"}}
}

func passwordWarning() containment.Warning {
	return containment.Warning{Kind: "password", Text: text{EN: "IMAP cannot change a password: who knows it comes back", FR: "IMAP ne change pas de mot de passe : qui le connaît revient"},
		Instead: text{EN: "do the first steps of the runbook before this plan is applied", FR: "faites les premières étapes de la fiche avant d'appliquer ce plan"}}
}

func suspendWarning() containment.Warning {
	return containment.Warning{Kind: "suspend", Text: text{EN: "IMAP cannot suspend an account", FR: "IMAP ne suspend pas un compte"},
		Instead: text{EN: "the runbook says how it is done on this server, last of all", FR: "la fiche dit comment le faire sur ce serveur, en dernier"}}
}

func noDoveadmWarning() containment.Warning {
	return containment.Warning{Kind: "no-doveadm", Text: text{EN: "sessions are not ended: doveadm's HTTP API was not named", FR: "les sessions ne sont pas coupées : l'API HTTP de doveadm n'est pas indiquée"},
		Instead: text{EN: "add --doveadm URL and MBAUDIT_DOVEADM_KEY, or do that step of the runbook", FR: "ajoutez --doveadm URL et MBAUDIT_DOVEADM_KEY, ou faites cette étape de la fiche"}}
}

func noSieveWarning(err error) containment.Warning {
	why := visible.Line(err.Error())
	return containment.Warning{Kind: "no-sieve", Text: text{EN: "no Sieve script is looked at: " + why, FR: "aucun script Sieve n'est examiné : " + why},
		Instead: text{EN: "name the server with --sieve, or look at filters in the webmail as the runbook says", FR: "nommez le serveur avec --sieve, ou regardez les filtres dans le webmail comme le dit la fiche"}}
}

func noACLWarning() containment.Warning {
	return containment.Warning{Kind: "no-acl", Text: text{EN: "the server does not offer ACL: who else reads the folders is not seen", FR: "le serveur n'offre pas ACL : on ne voit pas qui d'autre lit les dossiers"},
		Instead: text{EN: "look at shares where the mailbox is managed, as the runbook says", FR: "regardez les partages là où la boîte est gérée, comme le dit la fiche"}}
}

func noMoveWarning() containment.Warning {
	return containment.Warning{Kind: "no-move", Text: text{EN: "the server does not offer MOVE; messages are not copied and deleted instead", FR: "le serveur n'offre pas MOVE ; les messages ne sont pas copiés puis supprimés à la place"},
		Instead: text{EN: "have the owner move them", FR: "faites-les déplacer par le titulaire"}}
}

func notFoundWarning(id string) containment.Warning {
	name := Quoted(id)
	return containment.Warning{Kind: "message-not-found", Text: text{EN: "the message " + name + " is in none of the account's folders", FR: "le message " + name + " n'est dans aucun dossier du compte"},
		Instead: text{EN: "it may have been moved, or deleted: collect again", FR: "il a pu être déplacé ou supprimé : refaites une collecte"}}
}

func unreadWarning(what string, err error) containment.Warning {
	why := strings.TrimSpace(visible.Line(err.Error()))
	return containment.Warning{Kind: "unread", Text: text{EN: "not read, so not planned for: " + what + ": " + why, FR: "non lu, donc non prévu : " + what + " : " + why},
		Instead: text{EN: "see to it that it can be read, and plan again; it is not known to be empty", FR: "faites en sorte qu'il soit lisible et refaites un plan ; rien ne dit que ce soit vide"}}
}
