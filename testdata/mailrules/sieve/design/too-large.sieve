# about: large messages are refused with an explanation
# class: benign
# expect: rejects skips-inbox
require ["reject"];
if size :over 25M { reject "This mailbox takes messages up to 25 MB. Please use the file exchange."; }
