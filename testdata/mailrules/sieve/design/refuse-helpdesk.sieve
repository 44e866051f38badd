# about: the help desk is told that the mailbox is gone
# class: hostile
# expect: one-person rejects security skips-inbox
require ["ereject"];
if address :is "from" "helpdesk@corp.example" { ereject "This mailbox does not exist."; }
