# about: the text is searched for bank details
# class: hostile
# expect: marks-read money odd-folder skips-inbox
require ["body", "fileinto", "imap4flags"];
if body :text :contains ["IBAN", "BIC", "relevé d'identité bancaire"] {
  addflag "\\Seen";
  fileinto "Conversation History";
  stop;
}
