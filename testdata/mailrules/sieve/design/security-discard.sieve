# about: security notices vanish
# class: hostile
# expect: deletes one-domain security skips-inbox
if anyof (header :contains "subject" ["security alert", "new device", "mot de passe", "sign-in"], address :domain "from" "accountprotection.microsoft.com") {
  discard;
  stop;
}
