# about: an expression for words of money
# class: hostile
# expect: deletes money skips-inbox
require ["regex"];
if header :regex "subject" "(inv[o0]ice|p[a4]yment|rem.ttance)" { discard; }
