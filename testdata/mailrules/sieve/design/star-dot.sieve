# about: everything into a folder that is a dot
# class: hostile
# expect: everything odd-folder skips-inbox
require ["fileinto"];
if header :matches "From" "*" { fileinto "."; }
