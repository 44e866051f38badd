# about: one conversation goes to the trash
# class: hostile
# expect: skips-inbox thread trash
require ["fileinto"];
if header :contains "References" "<20260911.4471@granit-export.example>" { fileinto "Trash"; }
