package mailrule

import (
	"slices"
	"strings"
)

// knownExtension lists what may be required: the RFCs', Pigeonhole's and Cyrus's extensions that this package gives a
// meaning to, or whose commands do nothing to where mail goes.
func knownExtension(name string) bool {
	if strings.HasPrefix(name, "comparator-") {
		return true
	}
	return slices.Contains([]string{
		"body", "convert", "copy", "date", "duplicate", "editheader", "encoded-character", "enclose", "enotify", "envelope", "environment", "ereject",
		"extlists", "extracttext", "fcc", "fileinto", "foreverypart", "ihave", "imap4flags", "imapsieve", "include", "index", "mailbox", "mailboxid",
		"mboxmetadata", "mime", "redirect-deliverby", "redirect-dsn", "regex", "reject", "relational", "replace", "servermetadata", "snooze", "spamtest",
		"spamtestplus", "special-use", "subaddress", "vacation", "vacation-seconds", "variables", "virustest", "envelope-deliverby", "envelope-dsn",
		"imapflags", "notify", "vnd.dovecot.debug", "vnd.dovecot.environment", "vnd.dovecot.execute", "vnd.dovecot.filter", "vnd.dovecot.pipe",
		"vnd.dovecot.report", "vnd.dovecot.duplicate", "vnd.cyrus.log", "x-cyrus-log", "processcalendar", "vnd.cyrus.imip", "vnd.cyrus.jmapquery", "jmapquery",
		"vnd.proton.expire", "vnd.proton.eval",
	}, name)
}

// needs notes the use of an extension that is not required, once for each: a server would refuse the script.
func (r *sieveReader) needs(c command) {
	options := extensionsFor(c)
	if len(options) == 0 || slices.ContainsFunc(options, func(e string) bool { return r.requires[e] }) || r.missing[options[0]] {
		return
	}
	r.missing[options[0]] = true
	r.note(NotRequired, c.name+" is used and the extension "+options[0]+" is not required: a server would refuse the script", c.at)
}

func extensionsFor(c command) []string {
	switch c.name {
	case "fileinto", "reject", "ereject", "envelope", "body", "include", "duplicate", "environment", "spamtest", "virustest", "foreverypart", "replace", "enclose":
		return []string{c.name, c.name + "plus"}
	case "vacation":
		return []string{"vacation", "vacation-seconds"}
	case "addflag", "setflag", "removeflag", "hasflag":
		return []string{"imap4flags", "imapflags"}
	case "mark", "unmark":
		return []string{"imapflags"}
	case "notify":
		return []string{"enotify", "notify"}
	case "addheader", "deleteheader":
		return []string{"editheader"}
	case "set", "string":
		return []string{"variables"}
	case "pipe", "filter", "execute":
		return []string{"vnd.dovecot." + c.name}
	case "date", "currentdate":
		return []string{"date"}
	case "global":
		return []string{"include", "variables"}
	case "mailboxexists":
		return []string{"mailbox"}
	}
	return nil
}
