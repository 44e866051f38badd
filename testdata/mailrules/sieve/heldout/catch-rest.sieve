# about: whatever is not from the house skips the inbox
# class: notable
# expect: nearly-everything skips-inbox
require ["fileinto"];
if not address :domain "from" "corp.example" { fileinto "Extern"; }
