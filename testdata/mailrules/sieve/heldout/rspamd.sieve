# about: Rspamd's mark
# class: benign
# expect: junk marks-read skips-inbox spam-check
require ["fileinto", "imap4flags", "mailbox"];
if header :is "X-Rspamd-Action" "add header" {
  setflag ["\\Seen", "$Junk"];
  fileinto :create "Junk";
}
