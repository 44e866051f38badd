package seedmail

import (
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"time"
)

// HiddenFolder is where the intruder of the demo's mailbox moves answers that its owner is not to see.
const HiddenFolder = "RSS Feeds"

// Addresses of the story: the owner works from officeIP, the intruder from intruderIP (RFC 5737).
const (
	officeIP   = "192.0.2.14"
	intruderIP = "203.0.113.77"
	realIBAN   = "FR76 3000 6000 0112 3456 7890 189"
	otherIBAN  = "LT12 1000 0111 0100 1000"
)

// WriteCompromised writes Compromised into the Maildir dir, as Write does.
func WriteCompromised(dir string) (Summary, error) {
	return Write(dir, []string{"INBOX", "Sent", "Drafts", "Trash", "Archive", HiddenFolder}, slices.Values(Compromised()))
}

// Compromised returns, oldest first, the mailbox of alice@example.test, bookkeeper of a joinery, whose account is taken
// over on 12 October 2026: she types her password into a phishing page; somebody signs in from another address, deletes
// the warnings, adds a forwarding rule, sends clients an invoice with another IBAN, has their answers moved to
// HiddenFolder, and writes to all contacts; then bounces, password resets at other services, and the first doubts.
func Compromised() []Message { return CompromisedLater(0) }

// CompromisedLater is the same story, so many weeks later. Its messages then have the dates, and the offset from UTC, of those days.
func CompromisedLater(weeks int) []Message {
	scenes := slices.Concat(everydayScenes(), takeoverScenes(), fraudScenes(), discoveryScenes())
	slices.SortStableFunc(scenes, func(a, b scene) int { return strings.Compare(a.at, b.at) })
	messages := make([]Message, len(scenes))
	for i, s := range scenes {
		messages[i] = s.later(weeks).message(i)
	}
	return messages
}

// A scene is one message of the story. Text in it is French, as the owner's.
type scene struct {
	at       string // "2006-01-02 15:04" in Europe/Paris, which is UTC+2 in the story
	folder   string
	flags    string // separated by spaces; "" is unread
	from, to person
	subject  string
	text     string
	html     bool   // text is HTML
	file     string // name of a PDF attached, whose text is pdf
	pdf      string
	bounce   string // the address that a delivery report says does not exist
	ip       string // where it was sent from; empty for servers
	answers  string // the subject whose thread it belongs to
}

func alice() person    { return person{"Alice Martin", "alice@example.test"} }
func bob() person      { return person{"Bob Rousseau", "bob@example.test"} }
func carol() person    { return person{"Carol Nguyên", "carol@example.test"} }
func supplier() person { return person{"Benoît Lefèvre", "benoit.lefevre@fournitures-leman.example"} }
func client() person   { return person{"Chloé Garnier", "compta@garnier-renovation.example"} }
func town() person     { return person{"Mairie de Valbourg – Finances", "finances@valbourg.example"} }
func webmail() person  { return person{"Messagerie Example", "no-reply@accounts.mailhost.example"} }
func bank() person     { return person{"Banque du Lac", "alertes@banque-du-lac.example"} }
func everybody() person {
	return person{"undisclosed-recipients", "contacts@example.test"}
}

func everydayScenes() []scene {
	invoice := "%PDF facture FA-2026-0388\nMenuiserie Dulac\nMontant : 18 450,00 EUR TTC\nIBAN : " + realIBAN + "\n"
	return []scene{
		{at: "2026-09-02 09:14", folder: "Archive", flags: `\Seen`, from: supplier(), to: alice(), subject: "Tarifs chêne massif septembre",
			text: "Bonjour Alice,\n\nVoici nos nouveaux tarifs, valables jusqu'à fin octobre.\n\nBien à vous,\nBenoît", ip: "198.51.100.8"},
		{at: "2026-09-04 16:30", folder: "Sent", flags: `\Seen`, from: alice(), to: supplier(), subject: "Re: Tarifs chêne massif septembre",
			text: "Bonjour Benoît,\n\nMerci, je transmets à l'atelier.\n\nAlice", ip: officeIP, answers: "Tarifs chêne massif septembre"},
		{at: "2026-09-15 10:02", folder: "Sent", flags: `\Seen`, from: alice(), to: client(), subject: "Facture FA-2026-0388",
			text: "Madame,\n\nVeuillez trouver ci-joint notre facture, payable à trente jours.\n\nAlice Martin\nMenuiserie Dulac", ip: officeIP,
			file: "FA-2026-0388.pdf", pdf: invoice},
		{at: "2026-09-15 14:47", folder: "INBOX", flags: `\Answered \Seen`, from: client(), to: alice(), subject: "Re: Facture FA-2026-0388",
			text: "Bien reçue, règlement prévu mi-octobre.\n\nChloé Garnier", ip: "198.51.100.40", answers: "Facture FA-2026-0388"},
		{at: "2026-09-22 08:55", folder: "INBOX", flags: `\Seen`, from: carol(), to: alice(), subject: "Congés d'automne",
			text: "Coucou Alice,\n\nJe pose la semaine 44, ça te va ?\n\nCarol", ip: officeIP},
		{at: "2026-09-22 09:20", folder: "Sent", flags: `\Seen`, from: alice(), to: carol(), subject: "Re: Congés d'automne",
			text: "Parfait pour moi.\n\nAlice", ip: officeIP, answers: "Congés d'automne"},
		{at: "2026-09-29 11:00", folder: "INBOX", flags: `\Flagged \Seen`, from: town(), to: alice(), subject: "Marché 2026-17 : service fait",
			text: "Bonjour,\n\nLe service fait est constaté. Merci de déposer votre facture.\n\nMairie de Valbourg", ip: "198.51.100.61"},
		{at: "2026-10-01 17:05", folder: "Sent", flags: `\Seen`, from: alice(), to: town(), subject: "Re: Marché 2026-17 : service fait",
			text: "Bonjour,\n\nLa facture FA-2026-0401 (42 300,00 EUR) est déposée. Notre RIB reste inchangé : " + realIBAN + ".\n\nAlice Martin",
			ip:   officeIP, answers: "Marché 2026-17 : service fait"},
		{at: "2026-10-06 08:12", folder: "INBOX", flags: `\Seen`, from: bob(), to: alice(), subject: "Planning atelier semaine 42",
			text: "Salut,\n\nPose chez Garnier lundi et mardi, livraison chêne mercredi.\n\nBob", ip: officeIP},
		{at: "2026-10-08 07:30", folder: "INBOX", flags: "", from: person{"Lettre du bois", "lettre@bois-info.example"}, to: alice(),
			subject: "Les cours du chêne en octobre", html: true,
			text: "<h1>Les cours du chêne</h1><p>Hausse de 3 % sur un mois.</p><p><a href=\"https://bois-info.example/desabonnement\">Se désabonner</a></p>"},
	}
}

func takeoverScenes() []scene {
	return []scene{
		{at: "2026-10-12 08:41", folder: "INBOX", flags: `\Seen`, from: person{"Support Messagerie", "support@mai1host.example"}, to: alice(),
			subject: "Action requise : votre mot de passe expire aujourd'hui", html: true, ip: "203.0.113.201",
			text: "<p>Bonjour,</p><p>Votre mot de passe expire dans <b>2 heures</b>. Conservez votre accès :</p>" +
				"<p><a href=\"https://login.mai1host.example/renouveler?u=alice%40example.test\">Garder mon mot de passe actuel</a></p><p>Le support</p>"},
		{at: "2026-10-12 09:03", folder: "Trash", flags: `\Deleted \Seen`, from: webmail(), to: alice(), subject: "Nouvelle connexion à votre compte",
			text: "Une connexion à votre compte alice@example.test vient d'avoir lieu.\n\nAppareil : inconnu (IMAP)\nAdresse IP : " + intruderIP +
				"\nHeure : 12 octobre 2026, 09:03\n\nSi ce n'était pas vous, changez votre mot de passe."},
		{at: "2026-10-12 09:09", folder: "Trash", flags: `\Deleted \Seen`, from: webmail(), to: alice(), subject: "Une adresse de récupération a été ajoutée",
			text: "L'adresse a.martin.compta@webfree.example peut désormais servir à récupérer votre compte.\n\nAdresse IP : " + intruderIP},
		{at: "2026-10-12 09:11", folder: "Trash", flags: `\Deleted \Seen`, from: webmail(), to: alice(), subject: "Un transfert automatique a été activé",
			text: "Les messages qui contiennent « facture », « virement » ou « RIB » sont désormais transférés à a.martin.compta@webfree.example " +
				"et déplacés dans le dossier " + HiddenFolder + "."},
		{at: "2026-10-12 09:26", folder: "Trash", flags: `\Deleted \Seen`, from: webmail(), to: alice(), subject: "Mot de passe d'application créé",
			text: "Un mot de passe d'application nommé « Outlook Mobile » a été créé depuis " + intruderIP + "."},
		{at: "2026-10-12 11:32", folder: "Trash", flags: `\Seen`, from: person{"Boutique Bureau+", "noreply@bureauplus.example"}, to: alice(),
			subject: "Réinitialisation de votre mot de passe", text: "Cliquez ici pour choisir un nouveau mot de passe : https://bureauplus.example/reset/8f3a"},
		{at: "2026-10-12 11:35", folder: "Trash", flags: `\Seen`, from: person{"Portail fournisseurs", "noreply@portail-achats.example"}, to: alice(),
			subject: "Code de vérification : 481 920", text: "Votre code est 481 920. Il expire dans dix minutes."},
		{at: "2026-10-12 11:41", folder: "Trash", flags: `\Seen`, from: bank(), to: alice(), subject: "Demande de réinitialisation de vos accès",
			text: "Une demande de réinitialisation de vos accès en ligne a été reçue. Si elle ne vient pas de vous, appelez votre conseiller."},
		{at: "2026-10-12 11:52", folder: "Trash", flags: `\Seen`, from: person{"Réseau Pro", "security@reseaupro.example"}, to: alice(),
			subject: "Your password was changed", text: "Hi Alice,\n\nThe password of your account was changed on 12 October 2026.\n\nThe security team"},
	}
}

func fraudScenes() []scene {
	changed := "%PDF facture FA-2026-0388-B\nMenuiserie Dulac\nMontant : 18 450,00 EUR TTC\nIBAN : " + otherIBAN + "\n"
	scenes := []scene{
		{at: "2026-10-13 10:17", folder: "Sent", flags: `\Seen`, from: alice(), to: client(), subject: "Facture FA-2026-0388 - changement de coordonnées bancaires",
			text: "Madame,\n\nSuite à un audit, notre compte change. Merci d'annuler la facture précédente et de régler celle-ci sur le nouveau compte :\n\n" +
				"IBAN : " + otherIBAN + "\n\nMerci de ne pas appeler, nous déménageons les bureaux ; répondez à ce message.\n\nAlice Martin",
			ip: intruderIP, file: "FA-2026-0388-B.pdf", pdf: changed},
		{at: "2026-10-13 11:02", folder: HiddenFolder, flags: `\Answered \Seen`, from: client(), to: alice(),
			subject: "Re: Facture FA-2026-0388 - changement de coordonnées bancaires", ip: "198.51.100.40",
			text:    "Bonjour,\n\nUn compte en Lituanie ? Pouvez-vous confirmer ce virement ?\n\nChloé Garnier",
			answers: "Facture FA-2026-0388 - changement de coordonnées bancaires"},
		{at: "2026-10-13 11:09", folder: "Sent", flags: `\Seen`, from: alice(), to: client(),
			subject: "Re: Facture FA-2026-0388 - changement de coordonnées bancaires", ip: intruderIP,
			text:    "Oui, c'est notre nouvelle banque en ligne. Je vous confirme. Merci de faire vite.\n\nAlice Martin",
			answers: "Facture FA-2026-0388 - changement de coordonnées bancaires"},
		{at: "2026-10-13 15:44", folder: HiddenFolder, flags: `\Seen`, from: client(), to: alice(),
			subject: "Re: Facture FA-2026-0388 - changement de coordonnées bancaires", ip: "198.51.100.40",
			text:    "Virement de 18 450,00 EUR émis ce jour.\n\nChloé Garnier",
			answers: "Facture FA-2026-0388 - changement de coordonnées bancaires"},
		{at: "2026-10-14 08:31", folder: "Sent", flags: `\Seen`, from: alice(), to: town(), subject: "Marché 2026-17 : nouveau RIB", ip: intruderIP,
			text: "Bonjour,\n\nPour la facture FA-2026-0401, merci d'utiliser désormais l'IBAN " + otherIBAN + ".\n\nAlice Martin"},
		{at: "2026-10-14 14:20", folder: HiddenFolder, flags: "", from: town(), to: alice(), subject: "Re: Marché 2026-17 : nouveau RIB", ip: "198.51.100.61",
			text:    "Bonjour,\n\nTout changement de RIB doit nous parvenir par courrier signé. Le paiement est suspendu.\n\nMairie de Valbourg",
			answers: "Marché 2026-17 : nouveau RIB"},
		{at: "2026-10-14 21:58", folder: "Sent", flags: `\Seen`, from: alice(), to: everybody(), subject: "Document partagé : Appel d'offres 2027.pdf", ip: intruderIP, html: true,
			text: "<p>Alice Martin a partagé un document avec vous.</p><p><a href=\"https://partage.mai1host.example/d/appel-offres\">Ouvrir le document</a></p>"},
	}
	for i, gone := range []string{"j.petit@ancien-client.example", "devis@batimax.example", "stage2024@lycee-pro.example", "sav@outillage-nord.example", "m.roy@archi-roy.example"} {
		scenes = append(scenes, scene{at: fmt.Sprintf("2026-10-14 21:%02d", 59-i%2), folder: "Trash", flags: `\Seen`, bounce: gone, to: alice(),
			from: person{"Mail Delivery System", "MAILER-DAEMON@mx1.example.test"}, subject: "Undelivered Mail Returned to Sender"})
	}
	for i, away := range []person{{"Amina Diallo", "amina.diallo@transports-ouest.example"}, {"Hans Müller", "h.mueller@maschinenbau.example"}} {
		scenes = append(scenes, scene{at: fmt.Sprintf("2026-10-14 22:0%d", i), folder: "Trash", flags: `\Seen`, from: away, to: alice(),
			subject: "Réponse automatique : Document partagé : Appel d'offres 2027.pdf", answers: "Document partagé : Appel d'offres 2027.pdf", text: "Je suis absent(e) jusqu'au 19 octobre.\n\n" + away.name})
	}
	return scenes
}

func discoveryScenes() []scene {
	return []scene{
		{at: "2026-10-15 07:48", folder: HiddenFolder, flags: "", from: bob(), to: alice(), subject: "Ton document partagé, c'est bien toi ?", ip: officeIP,
			text: "Alice,\n\nJ'ai reçu un lien de ta part hier à 22 h. J'ai cliqué et il demande mon mot de passe, c'est normal ? Il parle d'une facture.\n\nBob"},
		{at: "2026-10-15 08:05", folder: "INBOX", flags: "", from: person{"Jane O'Connor", "jane.oconnor@northwind-supplies.example"}, to: alice(),
			subject: "Strange link from your address", ip: "198.51.100.90",
			text: "Hi Alice,\n\nOur filter blocked a link you sent last night. You may want to have your account checked.\n\nJane"},
		{at: "2026-10-15 08:40", folder: "INBOX", flags: "", from: bank(), to: alice(), subject: "Appel de votre conseiller",
			text: "Nous avons cherché à vous joindre au sujet d'une opération signalée par la banque d'un de vos clients. Merci de nous rappeler."},
		{at: "2026-10-15 09:15", folder: "INBOX", flags: "", from: carol(), to: alice(), subject: "Appelle-moi", ip: officeIP,
			text: "Alice,\n\nChloé Garnier vient d'appeler, elle dit avoir payé sur un compte en Lituanie. Appelle-moi tout de suite, ne réponds pas par mail.\n\nCarol"},
	}
}

// time is when a scene is, with the offset of Paris on that day: that of summer until the last Sunday of October, as in the story.
func (s scene) time() time.Time {
	at, err := time.Parse("2006-01-02 15:04 -0700", s.at+" +0200")
	if err != nil {
		panic("seedmail: a scene with a time that is none: " + s.at)
	}
	if paris, err := time.LoadLocation("Europe/Paris"); err == nil {
		_, offset := at.In(paris).Zone()
		at = at.In(time.FixedZone("", offset))
	}
	return at
}

// later moves a scene, and the dates that its text tells, by weeks.
func (s scene) later(weeks int) scene {
	if weeks == 0 {
		return s
	}
	date := func(at time.Time, months []string) string {
		return fmt.Sprintf("%d %s %d", at.Day(), months[at.Month()-1], at.Year())
	}
	dates := func(at time.Time) []string {
		return []string{date(at, frenchMonths()) + ", " + at.Format("15:04"), date(at, frenchMonths()), at.Format("2 January 2006")}
	}
	before := dates(s.time())
	s.at = s.time().UTC().AddDate(0, 0, 7*weeks).In(time.FixedZone("", 2*60*60)).Format("2006-01-02 15:04")
	var told []string
	for i, date := range dates(s.time()) {
		told = append(told, before[i], date)
	}
	s.text = strings.NewReplacer(told...).Replace(s.text)
	return s
}

func frenchMonths() []string {
	return []string{"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"}
}

// message writes a scene as the server keeps it.
func (s scene) message(number int) Message {
	at := s.time()
	return Message{Folder: s.folder, Flags: strings.Fields(s.flags), InternalDate: at.UTC(), Kind: s.kind(), Raw: s.raw(number, at)}
}

func (s scene) kind() Kind {
	switch {
	case s.file != "" || s.bounce != "":
		return Attachment
	case s.html:
		return HTML
	}
	return Plain
}

// id is the scene's Message-ID. The one that begins a thread is made from the subject alone, so that answers know it.
func (s scene) id() string {
	if s.answers == "" && s.bounce == "" {
		return threadID(s.subject)
	}
	at := strings.NewReplacer("-", "", " ", "", ":", "").Replace(s.at)
	return fmt.Sprintf("<%s.%08x@mail.example.test>", at, crc32.ChecksumIEEE([]byte(s.subject+s.bounce)))
}

func threadID(subject string) string {
	return fmt.Sprintf("<%08x@mail.example.test>", crc32.ChecksumIEEE([]byte(subject)))
}

func (s scene) raw(number int, at time.Time) []byte {
	spec := Spec{Seed: 2026, Owner: alice().address}
	l := &letter{dice: spec.dice(number, forContent), spec: spec, number: number}
	if s.folder == "Sent" {
		l.line("Received: from [%s] (client.example [%s])\r\n\tby smtp.example.test (Postfix) with ESMTPSA id %08X\r\n\tfor <%s>; %s",
			s.ip, s.ip, uint32(l.pcg.Uint64()), s.to.address, at.Format(mailDate))
	} else {
		l.line("Return-Path: <%s>", s.from.address)
		l.line("Delivered-To: %s", alice().address)
		l.received(at, s.from)
		l.dkim(at, s.from)
		if s.ip != "" {
			l.line("X-Originating-IP: [%s]", s.ip)
		}
	}
	l.line("From: %s\r\nTo: %s\r\nSubject: %s", s.from.field(), s.to.field(), encodedWords(s.subject))
	l.line("Date: %s\r\nMessage-ID: %s", at.Add(-8*time.Second).Format(mailDate), s.id())
	if s.answers != "" {
		l.line("In-Reply-To: %s\r\nReferences: %s", threadID(s.answers), threadID(s.answers))
	}
	l.line("MIME-Version: 1.0")
	switch {
	case s.bounce != "":
		l.report(s)
	case s.file != "":
		b := l.boundary()
		l.line("Content-Type: multipart/mixed; boundary=\"%s\"\r\n\r\n--%s", b, b)
		l.content(s)
		l.line("\r\n--%s\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"%s\"\r\nContent-Transfer-Encoding: base64\r\n", b, s.file)
		l.base64([]byte(s.pdf))
		l.line("--%s--", b)
	default:
		l.content(s)
	}
	return l.buf.Bytes()
}

// content writes a scene's text.
func (l *letter) content(s scene) {
	subtype := "plain"
	if s.html {
		subtype = "html"
	}
	l.line("Content-Type: text/%s; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n", subtype)
	l.line("%s", strings.ReplaceAll(s.text, "\n", "\r\n"))
}

// report writes a delivery status notification (RFC 3464).
func (l *letter) report(s scene) {
	b := l.boundary()
	l.line("Auto-Submitted: auto-replied")
	l.line("Content-Type: multipart/report; report-type=delivery-status; boundary=\"%s\"\r\n\r\n--%s", b, b)
	l.line("Content-Type: text/plain; charset=us-ascii\r\n\r\n<%s>: 550 5.1.1 user unknown\r\n\r\n--%s", s.bounce, b)
	l.line("Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx1.example.test\r\n\r\nFinal-Recipient: rfc822; %s\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--%s", s.bounce, b)
	l.line("Content-Type: message/rfc822\r\n\r\nFrom: %s\r\nTo: <%s>\r\nSubject: %s\r\nX-Originating-IP: [%s]\r\n\r\n--%s--",
		alice().field(), s.bounce, encodedWords("Document partagé : Appel d'offres 2027.pdf"), intruderIP, b)
}
