# about: a comment that ends early
# class: hostile
# expect: deletes everything skips-inbox
/* rule:[Spam] if header :contains "x-spam" "yes" */ discard; /* nothing here */
