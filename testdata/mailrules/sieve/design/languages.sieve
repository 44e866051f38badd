# about: German, Spanish, Italian
# class: hostile
# expect: deletes money skips-inbox
if header :contains ["subject", "thread-topic"] ["Überweisung", "transferencia", "bonifico"] { discard; }
