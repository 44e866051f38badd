// Package export renders a journal for people and for other tools: CSV for spreadsheets, Markdown, an HTML page to print
// and a paper form to write on, JSON Lines for Timesketch and CSV for DFIR-IRIS.
//
// Everything that came from a stranger passes through internal/visible, and then through what the format needs: no
// rendering can run a formula, a script or an escape sequence, load anything, or change which way text runs. All
// renderings are derived; the journal itself is what counts, and each names its head, so that a print-out can be held
// against it.
//
// Who only writes a journal need not read on.
package export
