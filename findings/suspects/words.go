package suspects

import (
	"time"

	"github.com/mbaudit/mbaudit/findings/decision"
)

func wordOwn() decision.Text {
	return decision.Text{FR: "adresse de l'organisation", EN: "an address of the organisation"}
}

func wordRecognised() decision.Text {
	return decision.Text{FR: "la personne le reconnaît", EN: "the person recognises it"}
}

func wordNotPlain() decision.Text {
	return decision.Text{FR: "ce n'est pas une adresse ou un identifiant simple : un outil tiers pourrait le lire autrement ; voir la pièce",
		EN: "it is no plain address or identifier: another tool might read it in another way; see the exhibit"}
}

func wordNotRouted() decision.Text {
	return decision.Text{FR: "adresse privée ou réservée, qu'Internet n'achemine pas", EN: "a private or reserved address, which the Internet does not route"}
}

func wordUsedBefore(since time.Time) decision.Text {
	day := since.UTC().Format(time.DateOnly)
	return decision.Text{FR: "l'organisation utilisait ce réseau avant le premier acte suspect (depuis le " + day + " au moins)",
		EN: "the organisation used this network before the first suspect deed (since " + day + " at least)"}
}

func wordShared(whose string) decision.Text {
	return decision.Text{FR: "adresse de " + whose + ", que beaucoup partagent : à lire avec l'heure et le compte, sans alarme ni blocage",
		EN: "an address of " + whose + ", which many share: read it with hour and account, without alarm or block"}
}

func wordExercise() decision.Text {
	return decision.Text{FR: "adresse réservée aux exemples (RFC 5737, RFC 3849) : exercice ou démonstration", EN: "an address for examples (RFC 5737, RFC 3849): an exercise or a demonstration"}
}

func wordContradiction() decision.Text {
	return decision.Text{FR: "la personne en reconnaît un constat, un autre dit le contraire : à lui redemander", EN: "the person recognises one finding about it, and another says otherwise: ask again"}
}

func wordPrivate() decision.Text {
	return decision.Text{FR: "l'adresse porte le nom de la personne : ce peut être la sienne ; à lui demander", EN: "the address holds the person's name: it may be theirs; ask"}
}

func wordWrittenTo() decision.Text {
	return decision.Text{FR: "un message frauduleux lui a été envoyé : ce peut être une victime, dont la réponse le cite ; à vérifier par téléphone",
		EN: "a fraudulent message was sent to it: it may be a victim, whose answer quotes it; check by telephone"}
}

func wordProgram() decision.Text {
	return decision.Text{FR: "un programme que beaucoup utilisent : c'est l'autorisation donnée qui est suspecte, pas le programme",
		EN: "a program that many use: what is suspect is the grant, not the program"}
}

func wordFraudulent() decision.Text {
	return decision.Text{FR: "Message envoyé depuis une origine suspecte", EN: "A message sent from a suspect source"}
}

// In gives a status for people.
func (s Status) In(language string) string {
	if language != "fr" {
		return string(s)
	}
	return map[Status]string{Confirmed: "confirmé", Possible: "possible"}[s]
}
