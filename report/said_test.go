package report

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// TestSaid: each sentence that the program itself writes into the journal has its line said.N in the catalogue, so that a report
// in the other language says it again. The sentences are read out of the source: what begin, note and the function that begin
// gives are called with, and the entries marked Auto. A value that is known only when the program runs stands as 7.
func TestSaid(t *testing.T) {
	words, err := loadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	pages := map[string]*page{} // by the language that a sentence is in
	for language, other := range map[string]string{"en": "fr", "fr": "en"} {
		pages[language] = &page{m: &Model{}, language: other, words: words, forms: forms(words, other)}
	}
	found, dark := 0, map[string]bool{}
	for _, dir := range []string{"../cmd/mbaudit", "../findings/decision"} {
		src := readSource(t, dir)
		for _, s := range src.journalled() {
			if s.text == hole {
				dark[s.where] = true
				continue
			}
			found++
			whole := strings.ReplaceAll(s.text, hole, "7")
			if _, ok := pages[s.language].known(whole, maxShown); ok {
				continue
			}
			for part := range strings.SplitSeq(whole, "; ") {
				part = strings.TrimSpace(part)
				if _, ok := pages[s.language].known(part, maxShown); !ok && strings.IndexFunc(part, unicode.IsLetter) >= 0 {
					t.Errorf("%s: the catalogue has no said line for %q (%s)", s.where, part, s.language)
				}
			}
		}
	}
	if found < 60 {
		t.Errorf("%d sentences were found in the source: the test does not see what it is to see", found)
	}
	if got := slices.Sorted(maps.Keys(dark)); !slices.Equal(got, unseen()) {
		t.Errorf("the test cannot see what is written at\n%s\nknown are\n%s", strings.Join(got, "\n"), strings.Join(unseen(), "\n"))
	}
}

// unseen lists where a text is written that is not the program's own.
func unseen() []string {
	return []string{
		"timestamps.go: journalledStamps", // what the command, looked at where it is made, asks for
	}
}

// hole stands for what is known only at run time.
const hole = "\x00"

// A sentence is one that the program writes, in a language.
type sentence struct{ text, language, where string }

// A source is the declarations of a package.
type source struct {
	t     *testing.T
	files map[string]*ast.File
	funcs map[string][]*ast.FuncDecl
	set   *token.FileSet
}

func readSource(t *testing.T, dir string) *source {
	t.Helper()
	s := &source{t: t, files: map[string]*ast.File{}, funcs: map[string][]*ast.FuncDecl{}, set: token.NewFileSet()}
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: %d files, %v", dir, len(names), err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(s.set, name, data, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		s.files[filepath.Base(name)] = file
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil {
				s.funcs[f.Name.Name] = append(s.funcs[f.Name.Name], f)
			}
		}
	}
	return s
}

// journalled lists what goes into the journal.
func (s *source) journalled() []sentence {
	var all []sentence
	for _, name := range slices.Sorted(maps.Keys(s.files)) {
		for _, d := range s.files[name].Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil || f.Recv != nil && (f.Name.Name == "begin" || f.Name.Name == "note") && name == "root.go" {
				continue // what these are called with is looked at where they are called
			}
			finish := map[string]bool{}
			ast.Inspect(f.Body, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.AssignStmt:
					if len(n.Rhs) == 1 && called(n.Rhs[0]) == "begin" && len(n.Lhs) == 2 {
						if id, ok := n.Lhs[0].(*ast.Ident); ok {
							finish[id.Name] = true
						}
					}
				case *ast.CallExpr:
					id, bare := n.Fun.(*ast.Ident)
					switch {
					case (called(n) == "begin" || called(n) == "note") && len(n.Args) == 3 && !bare:
						all = append(all, s.sentences(name, f, n.Args[1])...)
					case bare && finish[id.Name] && len(n.Args) == 2:
						all = append(all, s.sentences(name, f, n.Args[0])...)
					}
				case *ast.CompositeLit:
					all = append(all, s.entry(name, f, n)...)
				}
				return true
			})
		}
	}
	return all
}

// entry looks at an entry that is marked Auto.
func (s *source) entry(name string, f *ast.FuncDecl, lit *ast.CompositeLit) []sentence {
	if sel, ok := lit.Type.(*ast.SelectorExpr); !ok || sel.Sel.Name != "Entry" {
		return nil
	}
	fields := map[string]ast.Expr{}
	for _, e := range lit.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if id, ok := kv.Key.(*ast.Ident); ok {
				fields[id.Name] = kv.Value
			}
		}
	}
	if id, ok := fields["Auto"].(*ast.Ident); !ok || id.Name != "true" {
		return nil
	}
	var all []sentence
	for _, field := range []string{"Description", "Result"} {
		if fields[field] != nil {
			all = append(all, s.sentences(name, f, fields[field])...)
		}
	}
	return all
}

func called(e ast.Expr) string {
	if call, ok := e.(*ast.CallExpr); ok {
		switch fun := call.Fun.(type) {
		case *ast.SelectorExpr:
			return fun.Sel.Name
		case *ast.Ident:
			return fun.Name
		}
	}
	return ""
}

func (s *source) sentences(file string, f *ast.FuncDecl, e ast.Expr) []sentence {
	var all []sentence
	for _, x := range s.values(f, e, 0) {
		for strings.Contains(x.text, hole+hole) {
			x.text = strings.ReplaceAll(x.text, hole+hole, hole)
		}
		if x.text == "" {
			continue
		}
		if x.language == "" {
			x.language = "en"
		}
		x.where = file + ": " + f.Name.Name
		if !slices.Contains(all, x) {
			all = append(all, x)
		}
	}
	return all
}

// values are the texts that an expression can have.
func (s *source) values(f *ast.FuncDecl, e ast.Expr, depth int) []sentence {
	if depth > 8 {
		return []sentence{{text: hole}}
	}
	switch e := e.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil && e.Kind == token.STRING {
			return []sentence{{text: text}}
		}
	case *ast.ParenExpr:
		return s.values(f, e.X, depth)
	case *ast.BinaryExpr:
		return joinedValues(s.values(f, e.X, depth+1), s.values(f, e.Y, depth+1))
	case *ast.Ident:
		return s.variable(f, e.Name, depth)
	case *ast.CallExpr:
		return s.call(f, e, depth)
	case *ast.SelectorExpr:
		return s.field(e.Sel.Name)
	case *ast.IndexExpr:
		if lit, ok := e.X.(*ast.CompositeLit); ok { // a word chosen from a few
			var all []sentence
			for _, x := range lit.Elts {
				if kv, ok := x.(*ast.KeyValueExpr); ok {
					all = append(all, s.values(f, kv.Value, depth+1)...)
				}
			}
			return seen(all)
		}
	}
	return []sentence{{text: hole}}
}

// seen leaves of texts of which none is in the source a hole: what is declared empty and then read from somewhere.
func seen(all []sentence) []sentence {
	if !slices.ContainsFunc(all, func(x sentence) bool { return x.text != "" && x.text != hole }) {
		return []sentence{{text: hole}}
	}
	return all
}

// field are the texts that the package gives to a field of that name.
func (s *source) field(name string) []sentence {
	var all []sentence
	for n := range s.inFunctions() {
		switch n := n.(type) {
		case *ast.KeyValueExpr:
			if id, ok := n.Key.(*ast.Ident); ok && id.Name == name {
				all = append(all, s.written(n.Value)...)
			}
		case *ast.AssignStmt:
			for i, left := range n.Lhs {
				if sel, ok := left.(*ast.SelectorExpr); ok && sel.Sel.Name == name && len(n.Lhs) == len(n.Rhs) {
					all = append(all, s.written(n.Rhs[i])...)
				}
			}
		}
	}
	return seen(all)
}

// inFunctions goes through all that functions of the package hold.
func (s *source) inFunctions() iter.Seq[ast.Node] {
	return func(yield func(ast.Node) bool) {
		for _, name := range slices.Sorted(maps.Keys(s.funcs)) {
			for _, f := range s.funcs[name] {
				for n := range ast.Preorder(f) {
					if !yield(n) {
						return
					}
				}
			}
		}
	}
}

// written is what stands in an expression itself: variables and calls are holes.
func (s *source) written(e ast.Expr) []sentence {
	switch e := e.(type) {
	case *ast.BasicLit:
		return s.values(nil, e, 0)
	case *ast.BinaryExpr:
		return joinedValues(s.written(e.X), s.written(e.Y))
	}
	return []sentence{{text: hole}}
}

// parameter are the texts that a function of the package is called with.
func (s *source) parameter(f *ast.FuncDecl, name string) []sentence {
	at := -1
	i := 0
	for _, field := range f.Type.Params.List {
		for _, id := range field.Names {
			if id.Name == name {
				at = i
			}
			i++
		}
	}
	var all []sentence
	if at >= 0 && len(s.funcs[f.Name.Name]) == 1 {
		for n := range s.inFunctions() {
			if call, ok := n.(*ast.CallExpr); ok && called(call) == f.Name.Name && at < len(call.Args) {
				all = append(all, s.written(call.Args[at])...)
			}
		}
	}
	return seen(all)
}

func joinedValues(left, right []sentence) []sentence {
	var all []sentence
	for _, x := range left {
		for _, y := range right {
			if x.language == y.language || x.language == "" || y.language == "" {
				all = append(all, sentence{text: x.text + y.text, language: max(x.language, y.language)})
			}
		}
	}
	return all
}

var verbs = regexp.MustCompile(`%[+#]?[a-zA-Z]`)

func (s *source) call(f *ast.FuncDecl, e *ast.CallExpr, depth int) []sentence {
	switch name := called(e); {
	case name == "Sprintf":
		var all []sentence
		for _, form := range s.values(f, e.Args[0], depth+1) {
			made := []sentence{{language: form.language}}
			for i, piece := range verbs.Split(form.text, -1) {
				if i > 0 && i < len(e.Args) {
					made = joinedValues(made, s.values(f, e.Args[i], depth+1))
				}
				made = joinedValues(made, []sentence{{text: piece}})
			}
			all = append(all, made...)
		}
		return all
	case name == "words" && len(e.Args) == 2:
		english, french := s.values(f, e.Args[0], depth+1), s.values(f, e.Args[1], depth+1)
		for i := range english {
			english[i].language = "en"
		}
		for i := range french {
			french[i].language = "fr"
		}
		return append(english, french...)
	case name == "plural" && len(e.Args) == 2:
		one := s.values(f, e.Args[1], depth+1)
		var all []sentence
		for _, x := range one {
			all = append(all, sentence{text: hole + " " + x.text, language: x.language}, sentence{text: hole + " " + x.text + "s", language: x.language})
		}
		return all
	case name == "plural2" && len(e.Args) == 3:
		return joinedValues([]sentence{{text: hole + " "}}, append(s.values(f, e.Args[1], depth+1), s.values(f, e.Args[2], depth+1)...))
	case name == "short": // what a stranger wrote, bounded
		return s.values(f, e.Args[0], depth+1)
	case len(s.funcs[name]) == 1:
		return s.returned(s.funcs[name][0], 0, depth+1)
	}
	return []sentence{{text: hole}}
}

// returned are the texts that a function of the package gives as result number n.
func (s *source) returned(f *ast.FuncDecl, n, depth int) []sentence {
	if f.Type.Results == nil || n >= len(f.Type.Results.List) || fmt.Sprint(f.Type.Results.List[n].Type) != "string" {
		return []sentence{{text: hole}}
	}
	var all []sentence
	ast.Inspect(f.Body, func(x ast.Node) bool {
		switch x := x.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt:
			if n < len(x.Results) {
				all = append(all, s.values(f, x.Results[n], depth)...)
			}
		}
		return true
	})
	return all
}

// variable are the texts that a variable of a function is given. What is added to it is there or not.
func (s *source) variable(f *ast.FuncDecl, name string, depth int) []sentence {
	var all []sentence
	give := func(right []sentence, adds bool) {
		if !adds {
			all = append(all, right...)
			return
		}
		all = append(all, joinedValues(all, right)...)
	}
	ast.Inspect(f, func(x ast.Node) bool {
		switch x := x.(type) {
		case *ast.AssignStmt:
			for i, left := range x.Lhs {
				if id, ok := left.(*ast.Ident); !ok || id.Name != name {
					continue
				}
				adds := x.Tok == token.ADD_ASSIGN
				if len(x.Rhs) == len(x.Lhs) {
					if sum, ok := x.Rhs[i].(*ast.BinaryExpr); ok { // what = what + more
						if id, ok := sum.X.(*ast.Ident); ok && id.Name == name {
							give(s.values(f, sum.Y, depth+1), true)
							continue
						}
					}
					give(s.values(f, x.Rhs[i], depth+1), adds)
				} else if own := s.funcs[called(x.Rhs[0])]; len(own) == 1 {
					give(s.returned(own[0], i, depth+1), adds)
				} else {
					give([]sentence{{text: hole}}, adds)
				}
			}
		case *ast.ValueSpec:
			for i, id := range x.Names {
				if id.Name == name && i < len(x.Values) {
					give(s.values(f, x.Values[i], depth+1), false)
				}
			}
		}
		return true
	})
	if len(all) == 0 {
		return s.parameter(f, name)
	}
	return seen(all)
}
