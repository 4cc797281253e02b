package weir

import (
	"fmt"
	"strings"

	"weir/internal/host"
)

// Memory is one of an action's two memories: a tree of objects whose leaves are JSON values, addressed by dotted paths
// (order.items.count). What an action sets, it reads back at once; others see it when the action has completed, and not
// at all if it fails.
//
// A leaf holds any value that encoding/json writes. Paths do not reach into a leaf; use a path for each part that changes
// by itself, so that a change costs no more than that part. The empty path is the root. A name from outside may hold
// dots: [Escape] it.
//
// [Get], [Lookup] and [Update] read it.
type Memory struct {
	host  host.Host
	scope host.Scope
}

// Get gives the value at the path, or the object there with all that is below it; T's zero value if nothing is there.
func Get[T any](memory Memory, path string) (T, error) {
	value, _, err := Lookup[T](memory, path)
	return value, err
}

// Lookup is as [Get], and says whether something is there.
func Lookup[T any](memory Memory, path string) (value T, found bool, err error) {
	text, found, refused := memory.host.MemoryGet(memory.scope, path)
	if refused != nil || !found {
		return value, false, memoryFailure(refused)
	}
	if err := decode(text, &value); err != nil {
		return value, true, Fatal("json", fmt.Sprintf("memory path `%s` holds another type: %v", path, err))
	}
	return value, true, nil
}

// Update sets the path to what change makes of the value there, or of T's zero value if nothing is there, and gives it.
func Update[T any](memory Memory, path string, change func(T) T) (T, error) {
	value, err := Get[T](memory, path)
	if err != nil {
		return value, err
	}
	value = change(value)
	return value, memory.Set(path, value)
}

// Set puts a leaf. Missing parents are made. Over an object, or below a leaf, it is a failure.
func (m Memory) Set(path string, value any) error {
	text, err := encode(value)
	if err != nil {
		return err
	}
	return memoryFailure(m.host.MemorySet(m.scope, path, text))
}

// Remove removes the value, or the object with all below it, and says whether something was there.
func (m Memory) Remove(path string) (bool, error) {
	was, refused := m.host.MemoryRemove(m.scope, path)
	return was && refused == nil, memoryFailure(refused)
}

// Exists says whether a value or an object is at the path.
func (m Memory) Exists(path string) (bool, error) {
	is, refused := m.host.MemoryExists(m.scope, path)
	return is && refused == nil, memoryFailure(refused)
}

// Fields gives the names of the fields of the object at the path, in the order of their UTF-8 bytes; nil if no object is
// there.
func (m Memory) Fields(path string) ([]string, error) {
	names, _, refused := m.host.MemoryFields(m.scope, path)
	return names, memoryFailure(refused)
}

// NewObject makes an empty object; nothing happens where one is.
func (m Memory) NewObject(path string) error {
	return memoryFailure(m.host.MemoryNewObject(m.scope, path))
}

// Escape gives a name for use in a path, its dots and backslashes escaped.
func Escape(name string) string {
	return strings.NewReplacer(`\`, `\\`, `.`, `\.`).Replace(name)
}

// memoryFailure passes the host's words on: they name the path.
func memoryFailure(refused *host.MemoryError) error {
	if refused == nil {
		return nil
	}
	kind := "memory/other"
	switch refused.Case {
	case host.InvalidPath:
		kind = "memory/invalid-path"
	case host.TypeMismatch:
		kind = "memory/type-mismatch"
	}
	return Fatal(kind, refused.Why)
}
