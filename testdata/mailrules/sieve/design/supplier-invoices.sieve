# about: invoices of one supplier vanish
# class: hostile
# expect: deletes money one-domain skips-inbox
if allof (address :domain "from" "stahlwerk-nord.example", header :contains "subject" ["invoice", "Rechnung"]) {
  discard;
}
