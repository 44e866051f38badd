package main

import (
	"context"
	"errors"
	"strings"

	"github.com/mbaudit/mbaudit/containment"
	"github.com/mbaudit/mbaudit/containment/workspace"
)

// A saidError says an error in another language, and is that error.
type saidError struct {
	text string
	err  error
}

func (e saidError) Error() string { return e.text }
func (e saidError) Unwrap() error { return e.err }

// said gives an error of containment in the case's language. What Google writes stays as it is, and so does what nobody has put
// into words.
func (c *openCase) said(err error) error {
	if c.words("en", "fr") == "en" || err == nil {
		return err
	}
	text := err.Error()
	for _, known := range frenchErrors() {
		if errors.Is(err, known.err) {
			text = strings.ReplaceAll(text, known.err.Error(), known.french)
		}
	}
	for _, part := range frenchParts() {
		text = strings.ReplaceAll(text, part[0], part[1])
	}
	return saidError{text, err}
}

// A frenchError is a known error with its French words.
type frenchError struct {
	err    error
	french string
}

func frenchErrors() []frenchError {
	return []frenchError{
		{containment.ErrPlan, "ce plan ne peut servir"},
		{containment.ErrLedger, "le registre ne va pas avec ce plan"},
		{containment.ErrStopped, "l'endiguement a été arrêté"},
		{containment.ErrIrreversible, "irréversible"},
		{containment.ErrKind, "personne ne connaît ce genre d'étape"},
		{workspace.ErrApproval, "un second administrateur doit d'abord accepter : qu'il ouvre la console, Sécurité, Approbation multipartite ; puis réappliquez le plan, " +
			"qui ne fait que ce qui reste"},
		{workspace.ErrDelegation, "le compte de service ne peut demander ce droit"},
		{workspace.ErrReadOnly, "ce client ne fait que lire"},
		{workspace.ErrEnforced, "les seconds facteurs restent tant qu'ils sont imposés ; déplacez le compte dans une unité où ils ne le sont pas"},
		{workspace.ErrAdvancedProtection, "les seconds facteurs restent : le compte est en Protection Avancée ou a été suspendu ; retirez ses clés dans la console"},
		{workspace.ErrLabelInUse, "le libellé reste : d'autres messages y sont rangés"},
		{context.Canceled, "interrompu"},
	}
}

// frenchParts are what is said around an error: what was being done.
func frenchParts() [][2]string {
	return [][2]string{
		{"the account has changed since the plan was made: steps ", "le compte a changé depuis le plan : étapes "},
		{"sealing what is about to be changed: ", "scellement de ce qui va être changé : "},
		{"before anything is changed: ", "avant tout changement : "},
		{"looking at step ", "examen de l'étape "},
		{"reading ", "lecture de "}, {"removing ", "suppression de "}, {"changing ", "modification de "},
		{"the line broke, or the answer is none", "la ligne a été coupée, ou la réponse n'en est pas une"},
		{"asking for an access token", "demande d'un jeton d'accès"},
	}
}
