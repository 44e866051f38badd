# about: orders go to the shop's team
# class: benign
# expect: forwards-internal no-copy skips-inbox
if address :is "to" "orders@corp.example" { redirect "shop-team@corp.example"; }
