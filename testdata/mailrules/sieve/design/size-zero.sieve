# about: any size
# class: hostile
# expect: deletes everything skips-inbox
if size :over 0 { discard; }
