# about: each list goes to its own folder
# class: benign
# expect: bulk skips-inbox
require ["fileinto", "mailbox", "variables"];
if header :matches "List-Id" "*<*.*" {
  set :lower "list" "${2}";
  fileinto :create "Lists/${list}";
  stop;
}
