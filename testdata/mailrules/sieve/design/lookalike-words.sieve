# about: letters of other scripts
# class: hostile
# expect: deletes disguised money skips-inbox
if header :contains "subject" ["fаcture", "раyment"] { discard; }
