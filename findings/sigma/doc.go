// Package sigma reads Sigma rules (SigmaHQ specification 2.1) and evaluates them over events: detections and, of the
// correlations, event_count, value_count, temporal and temporal_ordered. Who writes rules reads findings/rules; who only
// evaluates findings need not read on.
//
// # What is understood
//
// Selections (maps, lists of maps, keywords), wildcards with their escapes, null, and the modifiers contains, startswith,
// endswith, all, re with i, m and s, cased, exists, neq, gt, gte, lt, lte, cidr, fieldref, base64, base64offset. Names of
// fields are compared without regard to case: a stock rule with protoPayload.Servicename would otherwise load, never
// fire, and raise no error. A field with several values matches where one of them does.
//
// A rule that asks for anything else (expand with its placeholders, an aggregation behind a "|", another type of
// correlation) is refused with an error that says what, and never evaluated in part.
//
// # Bounds
//
// A file has at most 1 MiB and 500 documents; a rule at most 200 selections, 20,000 values and conditions nested 50 deep.
// Regular expressions are RE2's, in linear time. Correlations remember at most 100,000 groups each, of a group no more than the
// condition needs.
//
// # Why not a library
//
// bradleyjkemp/sigma-go v0.6.6 is the one that can be had. It has had no release since 2024-09, is missing keywords, null,
// wildcards in plain values, fieldref and correlations, compares the names of fields exactly, and brings four modules. Others
// are not to be had from the module proxy.
package sigma
