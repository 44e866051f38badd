// Package ahead lets what makes a sequence work while its elements are used, and several goroutines make its elements.
package ahead
