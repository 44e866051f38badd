# about: a script that requires what nobody knows
# class: notable
# expect: everything incomplete
require ["vnd.acme.teleport"];
teleport "somewhere";
