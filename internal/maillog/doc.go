// Package maillog reads the logs of mail servers: one line in, at most one typed event out. It knows Dovecot 2.0 to 2.4,
// Postfix, Exim, Cyrus, Courier, Exchange, Zimbra, Roundcube, SOGo, Stalwart and what cPanel and Plesk add to these. All
// that it can read is listed by Formats, one entry for each kind of line; testdata has examples of each and says what
// they give.
//
// What stands in a log was partly written by strangers: the name that somebody tried to log in with, a Message-ID, a
// folder's name, the other server's answer. A line is therefore read from the ends that the server wrote, and what is in
// between is taken whole. Where a line can be read in two ways because a stranger's text looks like the server's, the
// event says Ambiguous and leaves the user and the addresses out, rather than believe one of the two.
//
// A line is read up to MaxLine bytes; a longer one gives an event of the kind Unparsed, and memory stays flat whatever
// comes. Times keep the zone that the line has. A line without a zone or without a year says so in Inferred.
//
// Secrets finds clear passwords in lines, for those who keep the lines. Events are made of lines from which these were
// taken out already: the parser itself copies what it is given.
//
// The package opens no file and knows no evidence; who wants to keep logs wants collectors/authlog.
package maillog
