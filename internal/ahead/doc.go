// Package ahead lets what makes a sequence work while its elements are used.
package ahead
