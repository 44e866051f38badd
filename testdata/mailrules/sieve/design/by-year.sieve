# about: lists are filed by year
# class: benign
# expect: bulk skips-inbox
require ["date", "fileinto", "mailbox", "variables"];
if currentdate :matches "year" "*" { set "year" "${1}"; }
if exists "list-id" { fileinto :create "Lists/${year}"; }
