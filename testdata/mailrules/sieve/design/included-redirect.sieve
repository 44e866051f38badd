# about: the redirection stands in another script
# class: hostile
# expect: everything forwards-external no-copy skips-inbox
require ["include"];
include :personal "work";
