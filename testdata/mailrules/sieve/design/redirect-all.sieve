# about: everything leaves
# class: hostile
# expect: everything forwards-external no-copy skips-inbox
redirect "mirror.box77@mailfree.example";
