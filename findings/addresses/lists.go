package addresses

// freeMail lists mail services that give an address to everybody.
func freeMail() []string {
	return []string{"gmail.com", "googlemail.com", "outlook.com", "outlook.fr", "hotmail.com", "hotmail.fr", "hotmail.co.uk", "hotmail.de", "hotmail.it", "hotmail.es",
		"live.com", "live.fr", "msn.com", "yahoo.com", "yahoo.fr", "yahoo.co.uk", "yahoo.de", "yahoo.it", "yahoo.es", "ymail.com", "rocketmail.com", "aol.com",
		"icloud.com", "me.com", "mac.com", "proton.me", "protonmail.com", "protonmail.ch", "pm.me", "tutanota.com", "tuta.io", "tuta.com", "gmx.com", "gmx.net",
		"gmx.de", "gmx.fr", "gmx.at", "gmx.ch", "web.de", "t-online.de", "freenet.de", "posteo.de", "mailbox.org", "mail.com", "email.com", "mail.ru", "inbox.ru",
		"list.ru", "bk.ru", "yandex.ru", "yandex.com", "rambler.ru", "zoho.com", "zohomail.com", "fastmail.com", "hushmail.com", "laposte.net", "orange.fr",
		"wanadoo.fr", "free.fr", "sfr.fr", "neuf.fr", "bbox.fr", "numericable.fr", "libero.it", "virgilio.it", "alice.it", "tiscali.it", "tim.it", "telefonica.net",
		"terra.es", "bluewin.ch", "infomaniak.com", "ik.me", "qq.com", "163.com", "126.com", "sina.com", "naver.com", "daum.net", "hanmail.net", "rediffmail.com",
		"btinternet.com", "sky.com", "virginmedia.com", "comcast.net", "verizon.net", "att.net", "sbcglobal.net", "cox.net", "uol.com.br", "bol.com.br", "seznam.cz",
		"centrum.cz", "wp.pl", "o2.pl", "onet.pl", "interia.pl", "abv.bg", "ukr.net"}
}

// disposable lists services for addresses that nobody keeps.
func disposable() []string {
	return []string{"mailinator.com", "guerrillamail.com", "guerrillamail.net", "guerrillamail.org", "sharklasers.com", "grr.la", "yopmail.com", "yopmail.fr", "yopmail.net",
		"10minutemail.com", "10minutemail.net", "temp-mail.org", "temp-mail.io", "tempmail.com", "tempmail.net", "tempr.email", "throwawaymail.com", "trashmail.com",
		"trashmail.de", "trashmail.net", "getnada.com", "nada.email", "dispostable.com", "maildrop.cc", "mailnesia.com", "mintemail.com", "mohmal.com", "moakt.com",
		"emailondeck.com", "fakeinbox.com", "spamgourmet.com", "mytemp.email", "mail-temp.com", "tmpmail.org", "tmpmail.net", "burnermail.io", "discard.email",
		"jetable.org", "jetable.com", "getairmail.com", "harakirimail.com", "inboxkitten.com", "mailcatch.com", "mailsac.com", "spam4.me", "memsg.site", "1secmail.com",
		"1secmail.net", "1secmail.org", "linshiyouxiang.net", "minuteinbox.com", "tempinbox.com", "dropmail.me", "anonaddy.me", "crazymailing.com", "wegwerfmail.de"}
}
