# about: large mail is put aside
# class: benign
# expect: skips-inbox
require "fileinto";
if size :over 10M { fileinto "Volumineux"; }
