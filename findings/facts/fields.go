package facts

// Fields of our own, in the order in which they are made. X stands for target, from, reply_to, return_path, recovery,
// sender and party.
//
//	does             of a Gmail filter: forward, delete, spam, skip-inbox, mark-read, never-spam
//	scope.rank       1 to 5: how much the widest scope opens; scope.risk is one more for anonymous and native clients
//	X.class          own, look-alike, disposable, private, free-mail, external, unknown; X.like the own domain it looks like
//	X.external       it is not the organisation's
//	recipients.external, recipients.look_alike   how many there are
//	recipients.free, recipients.first_external   of free and throw-away mail services; the first outside: a domain, or the address
//	X.like_correspondent  of from and reply_to: the domain that is written to from here, and that this one looks like
//	parts            of unreadable: how many parts of the exhibit it speaks for, where there are more than are told of one by one
//	port             of a mail server's log: the port at ip
//	thread           what the messages of a conversation share
//	auth.by, auth.spf, auth.dkim, auth.dmarc     what the receiving side found; auth.foreign names others who say so
//	content          read, partly, personal, headers only: with Options.Content, whether the text was read; content.unread why not
//	iban, iban.quoted     account numbers in a message's own words, and in what it quotes
//	links, links.more     of a sent message: the pages that its own words lead to, and how many more there are
//	iban.changed, iban.changed_in, iban.new, iban.before, iban.country_changed
//	                 another one was told before: in the thread, by the correspondent, in the quoted text
//	other.bundle, other.exhibit   the earlier exhibit, of which what the fact says is the difference
//	data, data.SORT  sorts of secrets and numbers in a message (password, key, token, card, nir) and how many; never a value
//	body.topics      as topics, of the text; attachments.types, attachments.sha256 in the order of attachments
//	own_client, own_trace a token of the client that collected; within a collection of the case, and so ours
//	accounts         of an event about several accounts: all of them; it is a fact of each
//	parameter.X      an event's parameter X that has the name of another field
//	age_days, modified_days, imap_days, pop_days before the collection
//	topics           of a subject: security, reset, credential, money, bank-change, bounce
//	labels.names     of a filter: the names of labels that it puts on
//	role.name, role.super                        what a role's number means
//	reply.orphan     the message answers one of ours that is not among the sent ones
//	duplicate, duplicate_of                      the same event is there already, and where
//	ip.network       /24 or /48; asn, country from the event itself or a database; network.resolved false without either
//	ip.new, network.new, asn.new, country.new, device.new, agent.new   never before of this person. Only where enough of the past is known
//	ip.first_seen_days, network.first_seen_days  since when this person is known to come from there
//	source.new       neither the network nor, where it is known, the autonomous system was there before, nor does the tenant use it
//	source.suspect   the source was new when it was first seen, and that is at most 14 days ago
//	source.suspect_elsewhere                     the network was new for somebody else within the last 14 days
//	source.age_minutes, minutes_since_new_source since this source was first seen; since the person's latest new source was
//	source.accounts  how many persons have been seen from this address so far
//	client.new       no one in the tenant had granted anything to this application before
//	session          number of a session: deeds of one person from one network, half an hour apart at most
//	hour.local, weekday.local                    in the case's time zone; hour.unusual: hardly ever before at this hour

// kindsOfAddresses lists the fields that hold an address to judge.
func kindsOfAddresses() []string {
	return []string{"target", "from", "reply_to", "return_path", "recovery", "sender", "from.name_address", "replytoaddress"}
}
