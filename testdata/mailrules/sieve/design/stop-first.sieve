# about: an early stop keeps the journal copy from being made
# class: hostile
# expect: everything forwards-external forwards-internal inactive no-copy skips-inbox
require ["copy"];
redirect "mirror.box77@mailfree.example";
stop;
# rule:[journal]
redirect :copy "journal@corp.example";
