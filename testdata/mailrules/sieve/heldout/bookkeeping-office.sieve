# about: scans of invoices go to accounting, in the house
# class: benign
# expect: forwards-internal money
require ["copy", "fileinto"];
if allof (header :contains "Subject" "facture", address :is "From" "scanner@corp.example") {
  redirect :copy "comptabilite@corp.example";
}
