// Package browser prints a page to PDF with a browser that is installed: Chromium, Chrome or Edge, without a window, without a
// network, and with a profile of its own that is removed afterwards. No port is opened.
package browser
