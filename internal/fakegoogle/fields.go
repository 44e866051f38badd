package fakegoogle

import "strings"

// mask keeps of an answer what the fields parameter asks for: names parted by commas, paths with slashes, and
// selections in parentheses, as in items(id,events/name),nextPageToken.
func mask(o object, fields string) (object, *apiError) {
	tree, rest, ok := parseMask(fields)
	if !ok || rest != "" {
		return nil, invalidParameter("fields", "Invalid field selection %s", fields)
	}
	kept, _ := tree.keep(o).(object)
	return kept, nil
}

// A maskTree maps a name to what is kept of it; an empty tree keeps all.
type maskTree map[string]maskTree

func parseMask(s string) (maskTree, string, bool) {
	tree := maskTree{}
	for {
		end := strings.IndexAny(s, ",/()")
		if end < 0 {
			end = len(s)
		}
		name := s[:end]
		if name == "" {
			return nil, s, false
		}
		node := tree
		for end < len(s) && s[end] == '/' {
			node = node.child(name)
			s = s[end+1:]
			if end = strings.IndexAny(s, ",/()"); end < 0 {
				end = len(s)
			}
			name = s[:end]
		}
		s = s[end:]
		leaf := node.child(name)
		if strings.HasPrefix(s, "(") {
			sub, rest, ok := parseMask(s[1:])
			if !ok || !strings.HasPrefix(rest, ")") {
				return nil, s, false
			}
			for k, v := range sub {
				leaf[k] = v
			}
			s = rest[1:]
		}
		if !strings.HasPrefix(s, ",") {
			return tree, s, true
		}
		s = s[1:]
	}
}

func (t maskTree) child(name string) maskTree {
	if t[name] == nil {
		t[name] = maskTree{}
	}
	return t[name]
}

func (t maskTree) keep(v any) any {
	if len(t) == 0 {
		return v
	}
	switch v := v.(type) {
	case object:
		kept := object{}
		for name, value := range v {
			sub, asked := t[name]
			if !asked {
				sub, asked = t["*"]
			}
			if asked {
				kept[name] = sub.keep(value)
			}
		}
		return kept
	case []any:
		kept := make([]any, len(v))
		for i, item := range v {
			kept[i] = t.keep(item)
		}
		return kept
	}
	return v
}
