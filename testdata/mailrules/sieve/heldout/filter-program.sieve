# about: each message goes through a program
# class: hostile
# expect: everything runs-program
require ["vnd.dovecot.filter"];
filter "normalise" ["-q"];
