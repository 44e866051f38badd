# about: Roundcube's own rules, newsletters and a list
# class: benign
# expect: bulk skips-inbox
require ["fileinto"];
# rule:[Newsletters]
if anyof (header :contains "from" "newsletter@gardening.example", header :contains "from" "news@museum.example")
{
	fileinto "Newsletters";
}
# rule:[dev list]
if header :contains "list-id" "dev.lists.example"
{
	fileinto "Lists/dev";
	stop;
}
