package seedmail

// A person is one correspondent.
type person struct{ name, address string }

func people() []person {
	return []person{
		{"Benoît Lefèvre", "benoit.lefevre@fournitures-leman.example"},
		{"Chloé Garnier", "chloe@garnier-conseil.example"},
		{"Bob Rousseau", "bob@example.test"},
		{"Carol Nguyên", "carol@example.test"},
		{"Service client", "service.client@banque-du-lac.example"},
		{"Hans Müller", "h.mueller@maschinenbau.example"},
		{"Jane O'Connor", "jane.oconnor@northwind-supplies.example"},
		{"山田 太郎", "yamada@kaisha.example"},
		{"Newsletter \"Le Jardin\"", "lettre@jardin.example"},
		{"noreply", "noreply@boutique.example"},
		{"Amina Diallo", "amina.diallo@transports-ouest.example"},
	}
}

func subjects() []string {
	return []string{
		"Compte rendu de la réunion du 12", "Facture n° 2026-0417", "Devis pour la rénovation de l'atelier", "Planning semaine 42",
		"Relance : règlement en attente", "Congés d'été", "Votre commande a été expédiée", "Meeting notes and next steps",
		"Quarterly figures", "Re-scheduling Thursday's call", "Purchase order 88123", "Invitation : pot de départ",
		"Contrat à signer avant vendredi", "Question about your invoice", "Mise à jour du dossier Dubois", "Rappel : visite médicale",
		"Your weekly digest", "Problème d'imprimante au 2e étage", "お見積りの件", "Angebot und Lieferzeiten",
	}
}

func sentences(french bool) []string {
	if french {
		return []string{
			"Je vous remercie pour votre retour rapide et vous confirme notre accord sur les conditions proposées.",
			"Pourriez-vous me renvoyer le document signé avant la fin de la semaine ?",
			"Vous trouverez ci-joint les éléments demandés lors de notre dernier échange téléphonique.",
			"La livraison est prévue mardi matin, entre 8 h et 10 h, à l'entrée côté cour.",
			"Le règlement de la facture précédente n'apparaît toujours pas sur notre compte ; avez-vous une date ?",
			"N'hésitez pas à me joindre au bureau, je suis présente jusqu'à dix-huit heures.",
			"L'équipe a déjà préparé une première version, à relire avant l'envoi au client.",
			"Bien à vous, et à très bientôt où que vous soyez — même à l'étranger.",
			"Comme convenu, le montant s'élève à 4 320,50 € hors taxes, payable à trente jours.",
			"Nous avons reçu le dossier complet, il est à l'étude depuis hier.",
		}
	}
	return []string{
		"Thank you for getting back to me so quickly, the terms look good on our side.",
		"Could you send the signed copy before the end of the week, please?",
		"The figures attached are provisional and will be confirmed by the auditors.",
		"Delivery is planned for Tuesday morning, between eight and ten, at the back gate.",
		"We have not seen the payment of the last invoice yet; do you have a date for it?",
		"Let me know if a short call tomorrow would help, I am free after eleven.",
		"The team has a first draft that still needs a second pair of eyes.",
		"As agreed, the total is 4,320.50 EUR before tax, due in thirty days.",
		"I have copied Jane, who will take over from Monday.",
		"Please find the minutes below; shout if I forgot anything.",
	}
}
