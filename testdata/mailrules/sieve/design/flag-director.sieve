# about: mail of the director is flagged
# class: benign
# expect: one-person
require ["imap4flags"];
if address :is "from" "dg@corp.example" { addflag "\\Flagged"; }
