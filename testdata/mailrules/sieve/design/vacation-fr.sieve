# about: an absence message
# class: benign
# expect: everything replies
require ["vacation"];
vacation :days 7 :addresses ["alice@corp.example", "a.martin@corp.example"] :subject "Absence" text:
Bonjour,

je suis absente jusqu'au 4 janvier. En cas d'urgence, appelez le standard.
..
Alice Martin
.
;
