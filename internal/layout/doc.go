// Package layout holds the map of the packages, and a test that keeps the code to it.
package layout
