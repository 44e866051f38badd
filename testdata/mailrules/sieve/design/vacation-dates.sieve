# about: an absence message between two dates
# class: benign
# expect: everything replies
require ["date", "relational", "vacation"];
if allof (currentdate :value "ge" "date" "2026-12-20", currentdate :value "le" "date" "2027-01-04") {
  vacation :days 1 :subject "Out of office" "I am away until 4 January. My colleague Bob will help you: bob@corp.example.";
}
