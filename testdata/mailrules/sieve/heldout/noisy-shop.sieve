# about: a shop that does not stop
# class: benign
# expect: bulk deletes skips-inbox
if address :is "from" "newsletter@shoes.example" { discard; }
