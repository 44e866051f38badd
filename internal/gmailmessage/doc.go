// Package gmailmessage reads what Gmail's API answers of a message: users.messages.get and users.drafts.get in the formats
// "metadata" and "raw". An answer is kept as it came; the message is taken out of it when somebody reads or exports it.
package gmailmessage
