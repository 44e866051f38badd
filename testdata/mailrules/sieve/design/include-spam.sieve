# about: the server's script is included first
# class: benign
# expect: bulk junk skips-inbox spam-check
require ["include", "fileinto"];
include :global "spam";
if header :contains "list-id" "staff.corp.example" { keep; }
