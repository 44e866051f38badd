# about: a program is run on mail about money
# class: notable
# expect: money runs-program
require ["vnd.dovecot.execute", "variables"];
if header :contains "subject" "virement" {
  execute :output "x" "lookup" "now";
}
