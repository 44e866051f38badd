# about: a ticket system
# class: benign
# expect: skips-inbox
require ["fileinto"];
if header :matches "subject" "[Ticket#*" { fileinto "Tickets"; }
