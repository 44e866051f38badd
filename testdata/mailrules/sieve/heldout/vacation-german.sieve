# about: an absence message in German
# class: benign
# expect: everything replies
require ["vacation", "date", "relational"];
if currentdate :value "lt" "date" "2026-09-01" {
  vacation :days 3 :subject "Abwesend" "Ich bin bis 31. August nicht im Haus. Dringendes bitte an Frau Kern, kern@corp.example.";
}
