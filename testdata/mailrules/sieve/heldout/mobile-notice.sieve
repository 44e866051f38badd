# about: a notice when the director writes
# class: benign
# expect: notifies-internal one-person
require ["enotify", "variables"];
if header :matches "from" "*directrice@corp.example*" {
  notify :message "mail" "mailto:alice.mobile@corp.example";
}
