# about: a script that no server takes
# class: notable
# expect: bulk everything incomplete skips-inbox
require ["fileinto"];
if header :contains "list-id" "x.example" { fileinto "Lists" }
fileinto;;
