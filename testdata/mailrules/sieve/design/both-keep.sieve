# about: SOGo's forwarding inside, with a copy
# class: benign
# expect: everything forwards-internal
require ["copy"];
# Forward
redirect "alice@mobile.corp.example";
keep;
