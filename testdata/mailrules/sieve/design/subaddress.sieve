# about: plus addresses go to their folders
# class: benign
# expect: skips-inbox
require ["fileinto", "envelope", "subaddress"];
if envelope :detail "to" "shopping" { fileinto "Shopping"; }
elsif envelope :detail "to" "travel" { fileinto "Travel"; }
