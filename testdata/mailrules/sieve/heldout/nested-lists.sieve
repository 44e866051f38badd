# about: lists within lists
# class: benign
# expect: bulk skips-inbox
require ["fileinto"];
if exists ["List-Id", "List-Post"] {
  if header :contains "List-Id" "kernel" { fileinto "Lists.Kernel"; }
  elsif header :contains "List-Id" "debian" { fileinto "Lists.Debian"; }
  stop;
}
