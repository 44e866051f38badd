# about: own copies are read already
# class: benign
# expect: marks-read
require ["imap4flags"];
if address :is "from" "alice@corp.example" { setflag "\\Seen"; }
