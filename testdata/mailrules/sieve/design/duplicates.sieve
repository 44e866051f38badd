# about: second copies of one message are dropped
# class: benign
# expect: deletes skips-inbox
require ["duplicate"];
if duplicate :seconds 3600 { discard; stop; }
