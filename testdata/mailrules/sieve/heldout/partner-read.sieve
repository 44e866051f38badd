# about: one person's mail is filed as read
# class: notable
# expect: marks-read one-person skips-inbox
require ["fileinto", "imap4flags"];
if address :is "from" "martin.keller@partner.example" { fileinto :flags "\\Seen" "Archiv"; }
