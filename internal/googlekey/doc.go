// Package googlekey reads the key of a Google service account, and says to whom its assertions may be sent: to Google, or to what
// stands for it on this machine in a test. What collects and what contains have keys of their own, and read them alike.
package googlekey
