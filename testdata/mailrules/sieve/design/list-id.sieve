# about: a mailing list by its header
# class: benign
# expect: bulk skips-inbox
require ["fileinto", "mailbox"];
if header :is "List-Id" "<announce.choir.example>" { fileinto :create "INBOX.Choir"; }
