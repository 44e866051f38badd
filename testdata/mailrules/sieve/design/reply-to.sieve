# about: answers go elsewhere
# class: notable
# expect: edits-headers everything
require ["editheader"];
deleteheader "Reply-To";
addheader "Reply-To" "alice.martin@c0rp.example";
