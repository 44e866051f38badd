# about: an assistant gets a copy of one client's mail
# class: benign
# expect: forwards-internal one-domain
require ["copy"];
if address :domain "from" "client-a.example" { redirect :copy "assistant@corp.example"; }
