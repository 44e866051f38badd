package mailrule

import (
	"regexp"
	"regexp/syntax"
)

// Bounds of expressions. Go's engine takes time of the product of the text and of the program that an expression becomes.
const (
	maxProgram  = 600    // instructions of one expression
	maxPrograms = 20_000 // of all of a script
)

// expression is a regular expression of a script, with the words of the vocabulary that it finds.
type expression struct {
	*regexp.Regexp
	size  int
	words []Word // without their places
}

// cost is what trying the expression once takes from an evaluator's budget.
func (x *expression) cost() int {
	if x == nil {
		return 0
	}
	return x.size / 4
}

// compileExpression reads an expression; nil for one that is no expression or too large.
func compileExpression(text string) *expression {
	if len(text) > 4*maxProgram {
		return nil
	}
	tree, err := syntax.Parse("(?i)"+text, syntax.Perl)
	if err != nil {
		return nil
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil || len(program.Inst) > maxProgram {
		return nil
	}
	compiled, err := regexp.Compile("(?i)" + text)
	if err != nil {
		return nil
	}
	x := &expression{Regexp: compiled, size: len(program.Inst)}
	if !compiled.MatchString("zqxjkvw") {
		x.words = wordsWith(Value{}, compiled.MatchString)
	}
	return x
}

// found returns the words of the vocabulary that the expression v finds.
func (x *expression) found(v Value) []Word {
	if x == nil {
		return nil
	}
	out := make([]Word, len(x.words))
	for i, w := range x.words {
		w.Text, w.At = v.Text, v.At
		out[i] = w
	}
	return out
}
