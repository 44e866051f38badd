# about: projects by their tags
# class: benign
# expect: skips-inbox
require ["fileinto", "variables"];
if header :matches "subject" "[*] *" { set "p" "${1}"; }
if header :contains "subject" "[atlas]" { fileinto "Projects/Atlas"; }
elsif header :contains "subject" "[delta]" { fileinto "Projects/Delta"; }
