# about: the telephone bill
# class: benign
# expect: bulk money skips-inbox
require ["fileinto"];
if allof (address :is "from" "noreply@telephone.example", header :contains "subject" "Rechnung") { fileinto "Haushalt/Telefon"; }
