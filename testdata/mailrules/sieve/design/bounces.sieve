# about: bounces vanish
# class: hostile
# expect: bounces bulk deletes skips-inbox
if anyof (address :localpart "from" ["mailer-daemon", "postmaster"], header :contains "subject" "undeliver") { discard; }
