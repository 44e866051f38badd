# about: a rule that was switched off in the webmail
# class: benign
# expect: deletes inactive skips-inbox
require ["fileinto"];
# rule:[old project]
if false # header :contains "subject" "atlas"
{
	discard;
}
