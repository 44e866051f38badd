// Package secret holds passwords and tokens so that they cannot be printed by mistake. Who handles no credentials
// need not read on.
package secret
