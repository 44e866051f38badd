# about: reports of timers are filed as read
# class: benign
# expect: bulk marks-read skips-inbox
require ["fileinto", "imap4flags"];
if allof (address :localpart "from" "root", header :contains "subject" "Cron <") {
  addflag "\\Seen";
  fileinto "Machines";
  stop;
}
