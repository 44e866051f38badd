// Package phrase says a sentence that the program wrote in one language again in another: it finds the values in the one and puts
// them into the other.
//
// A sentence is written as for fmt, with the same verbs in the same order in both languages: %d for a number, %s for what stays
// as it is, %v for what is the program's own words too. Apostrophes match in both their forms, and a space matches the narrow and
// the fixed ones of French typography. What is in no known form is nobody's sentence, and is left to the caller.
//
// Who adds a sentence to the report's catalogue or to the usage errors need not read on.
package phrase
