# about: somebody's mail is thrown away
# class: notable
# expect: deletes one-person skips-inbox
# Blacklisted addresses
if address :all :comparator "i;ascii-casemap" :is ["From", "Sender"] "jack.brown@mailfree.example" {
  discard;
  stop;
}
