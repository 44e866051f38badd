# about: a copy of everything goes to the archive inside
# class: benign
# expect: everything forwards-internal
require ["copy"];
redirect :copy "archive@corp.example";
