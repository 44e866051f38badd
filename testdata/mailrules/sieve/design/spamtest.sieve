# about: by the score of the spam check
# class: benign
# expect: deletes junk skips-inbox spam-check
require ["spamtestplus", "fileinto", "relational", "comparator-i;ascii-numeric"];
if spamtest :value "ge" :comparator "i;ascii-numeric" :percent "95" { discard; stop; }
elsif spamtest :value "ge" :comparator "i;ascii-numeric" :percent "60" { fileinto "Spam"; }
