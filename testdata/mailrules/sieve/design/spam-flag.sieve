# about: what the server's spam check found goes to Junk
# class: benign
# expect: junk skips-inbox spam-check
require "fileinto";
if header :contains "X-Spam-Flag" "YES" {
  fileinto "Junk";
  stop;
}
