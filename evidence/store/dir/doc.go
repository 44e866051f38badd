// Package dir is a store in a directory. It is write-once by the way it works, not by force: whoever may write to the
// directory can remove what is there, and the evidence has not left the machine. For that, use a store with locks.
//
// # Life of an object
//
// Create writes the bytes to a hidden file ".mbaudit-*.tmp" beside the name, hashing them; checks size and SHA-256;
// takes away the right to write (mode 0444); fsyncs the file; makes the name a hard link to it, which the system
// refuses when the name is taken, so that of several writers one wins; removes the hidden name; and fsyncs the
// directory, and every directory that it had to make. A crash leaves either the whole object under its name or none,
// and perhaps a hidden file, which is never an object and may be removed by hand. On file systems without hard links
// (exFAT on a memory stick) it renames without replacing instead, where the system can (Linux: renameat2).
//
// Nothing is followed out of the directory, and no symbolic link inside it: what was put there by someone else is
// an error, not evidence.
package dir
