# about: words of money into RSS
# class: hostile
# expect: marks-read money odd-folder skips-inbox
require ["fileinto", "imap4flags"];
if header :contains ["subject"] ["payment", "wire", "bank details", "IBAN"] {
  fileinto :flags "\\Seen" "RSS Subscriptions";
  stop;
}
