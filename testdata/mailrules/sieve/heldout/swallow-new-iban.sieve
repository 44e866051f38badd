# about: one client is told a new account
# class: hostile
# expect: one-domain replies reply-money
require ["vacation"];
if address :domain :is "from" "client-c.example" {
  vacation :days 30 :from "alice@corp.example" :subject "RIB" "Bonjour, merci de régler désormais par virement sur notre nouveau RIB.";
}
