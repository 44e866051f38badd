# about: a partner's mail goes to Archive as read
# class: hostile
# expect: marks-read one-domain skips-inbox
require ["fileinto", "imap4flags"];
if address :domain :is "from" "partner-legal.example" {
  addflag "\\Seen";
  fileinto "Archive";
  stop;
}
