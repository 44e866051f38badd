# about: an accountant files invoices
# class: benign
# expect: money skips-inbox
require ["fileinto"];
if allof (header :contains "subject" ["facture", "avoir"], header :contains "to" "factures@corp.example") {
  fileinto "Comptabilite/Factures recues";
}
