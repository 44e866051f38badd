// Package report says what a case holds to those who must decide, prove and act: the crisis cell, the police, the authority
// for data protection, the insurer, a partner. It reads nothing itself and decides nothing.
//
// Build makes one Model of what is known: the case, its journal, its sealed bundles, the facts, findings and decision. A
// part that is missing is said to be missing. For gives the Model that an audience may have: what an audience gets is one
// table, Audiences. HTML, Markdown and JSON render a Model; the PDF is the HTML page, printed by report/browser.
//
// Everything that came out of a mailbox or a log is hostile. It passes through internal/visible, URLs and IP addresses are
// defanged, and then the format's own escaping is put on. The page runs no script and loads nothing, and its policy says so.
// Only JSON, which is for programs, has strings as they were.
//
// All words are in catalogue.yaml, French and English side by side.
package report
