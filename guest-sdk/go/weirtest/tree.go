package weirtest

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"

	"weir/internal/host"
)

// tree is memory with the same rules as the host's: objects whose leaves are JSON values.
type tree struct {
	fields map[string]node
}

// node is an object, or a leaf as JSON text.
type node struct {
	object *tree
	leaf   string
}

func newTree() *tree { return &tree{map[string]node{}} }

func (t *tree) clone() *tree {
	other := newTree()
	for name, node := range t.fields {
		if node.object != nil {
			node.object = node.object.clone()
		}
		other.fields[name] = node
	}
	return other
}

func (t *tree) names() []string {
	names := make([]string, 0, len(t.fields))
	for name := range t.fields {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func (t *tree) json() string {
	var text strings.Builder
	for i, name := range t.names() {
		if i > 0 {
			text.WriteByte(',')
		}
		quoted, _ := json.Marshal(name)
		text.Write(quoted)
		text.WriteByte(':')
		text.WriteString(t.fields[name].json())
	}
	return "{" + text.String() + "}"
}

func (n node) json() string {
	if n.object != nil {
		return n.object.json()
	}
	return n.leaf
}

// find gives what stands at the path. To a read, nothing is below a value.
func (t *tree) find(path string) (node, bool, *host.MemoryError) {
	names, err := parse(path)
	if err != nil {
		return node{}, false, err
	}
	at := node{object: t}
	for _, name := range names {
		if at.object == nil {
			return node{}, false, nil
		}
		below, found := at.object.fields[name]
		if !found {
			return node{}, false, nil
		}
		at = below
	}
	return at, true, nil
}

func (t *tree) get(path string) (string, bool, *host.MemoryError) {
	at, found, err := t.find(path)
	if !found {
		return "", false, err
	}
	return at.json(), true, nil
}

func (t *tree) list(path string) ([]string, bool, *host.MemoryError) {
	at, found, err := t.find(path)
	if !found || at.object == nil {
		return nil, false, err
	}
	return at.object.names(), true, nil
}

func (t *tree) set(path, value string) *host.MemoryError {
	names, err := parse(path)
	if err != nil {
		return err
	}
	if at, found, _ := t.find(path); found && at.object != nil {
		return mismatch("set %q: an object stands there; remove it first", path)
	}
	parent, err := t.parent(names, path)
	if err != nil {
		return err
	}
	parent.fields[names[len(names)-1]] = node{leaf: value}
	return nil
}

func (t *tree) newObject(path string) *host.MemoryError {
	names, err := parse(path)
	if err != nil {
		return err
	}
	if at, found, _ := t.find(path); found {
		if at.object == nil {
			return mismatch("make object %q: a value stands there; remove it first", path)
		}
		return nil
	}
	parent, err := t.parent(names, path)
	if err != nil {
		return err
	}
	parent.fields[names[len(names)-1]] = node{object: newTree()}
	return nil
}

func (t *tree) remove(path string) (bool, *host.MemoryError) {
	names, err := parse(path)
	if err != nil {
		return false, err
	}
	if len(names) == 0 {
		had := len(t.fields) > 0
		clear(t.fields)
		return had, nil
	}
	if _, found, _ := t.find(path); !found {
		return false, nil
	}
	// The parent stays, though it may be empty now.
	parent, err := t.parent(names, path)
	if err != nil {
		return false, err
	}
	delete(parent.fields, names[len(names)-1])
	return true, nil
}

// parent gives the object that holds the last of the names, made where it is missing, if no value stands in the way.
func (t *tree) parent(names []string, path string) (*tree, *host.MemoryError) {
	at := t
	for _, name := range names[:len(names)-1] {
		below, found := at.fields[name]
		if !found {
			break
		}
		if below.object == nil {
			return nil, mismatch("change %q: a value stands at %q; paths do not reach into values", path, name)
		}
		at = below.object
	}
	at = t
	for _, name := range names[:len(names)-1] {
		below, found := at.fields[name]
		if !found {
			below = node{object: newTree()}
			at.fields[name] = below
		}
		at = below.object
	}
	return at, nil
}

func mismatch(format string, of ...any) *host.MemoryError {
	return &host.MemoryError{Case: host.TypeMismatch, Why: fmt.Sprintf(format, of...)}
}

// parse gives the names of a path: split at dots, `\.` and `\\` being a dot and a backslash in a name.
func parse(path string) ([]string, *host.MemoryError) {
	if path == "" {
		return nil, nil
	}
	invalid := func(why string) ([]string, *host.MemoryError) {
		return nil, &host.MemoryError{Case: host.InvalidPath, Why: fmt.Sprintf("path %q has %s", path, why)}
	}
	var names []string
	var name strings.Builder
	for i := 0; i <= len(path); i++ {
		switch {
		case i == len(path) || path[i] == '.':
			if name.Len() == 0 {
				return invalid("an empty name; write `\\.` for a dot in a name")
			}
			names = append(names, name.String())
			name.Reset()
		case path[i] == '\\':
			i++
			if i == len(path) || path[i] != '.' && path[i] != '\\' {
				return invalid("a backslash before neither a dot nor a backslash")
			}
			name.WriteByte(path[i])
		default:
			name.WriteByte(path[i])
		}
	}
	return names, nil
}
