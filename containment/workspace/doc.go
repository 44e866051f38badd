// Package workspace takes an account of a Google Workspace back: [Client.Plan] looks and proposes, the actions of
// [Client.Actions] are what package containment applies, verifies and undoes, and [Client.Signs] says who signed in since.
//
// It has credentials of its own, and asks for each access token the one scope that a call needs: a client that plans reads
// with read-only scopes, one that applies asks for the right to write when it first writes. All calls are JSON over one
// http.Client rather than Google's generated clients, because a pre-image must hold what Google said, whole: a generated
// type drops the fields that it does not know, and a setting could then not be put back.
//
// The order of the steps is in plan.go, with its reasons in docs/CONTAINMENT.md; one file per family of things says how each
// is looked at, taken and put back. What Google does not let anybody read or undo is said there, and in the plan.
//
// Nothing here knows a bundle or a terminal, and nothing is shared with what collects.
package workspace
