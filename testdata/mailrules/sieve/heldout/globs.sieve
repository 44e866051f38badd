# about: patterns for words of money
# class: hostile
# expect: deletes money skips-inbox
if header :matches "subject" ["*v?rement*", "*pa?ment*", "*Kontoverb*"] { discard; }
