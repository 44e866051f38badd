# about: whoever warns is not heard
# class: hostile
# expect: deletes security skips-inbox
if anyof (header :contains "subject" ["phishing", "compromis", "piraté", "hacked account"],
          address :contains "from" ["helpdesk", "rssi", "csirt"]) {
  discard;
  stop;
}
