package weir

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"sync"
	"unicode/utf8"

	"weir/internal/host"
)

// encode writes a value as JSON text, without the escapes that HTML wants.
func encode(value any) (string, error) {
	defer host.Settle()
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return "", failureOf(err)
	}
	text := strings.TrimSuffix(buffer.String(), "\n")
	if !utf8.ValidString(text) { // of a json.RawMessage
		text = strings.ToValidUTF8(text, "\uFFFD")
	}
	return text, nil
}

// decode reads JSON text into what value points to.
func decode(text string, value any) error {
	learn(reflect.TypeOf(value))
	host.Settle()
	defer host.Settle()
	return json.Unmarshal([]byte(text), value)
}

// learnt holds types; tests may run at once.
var learnt sync.Map

// learn lets encoding/json learn a type before it reads one, so that the seeds of the maps that it reads, and with them
// their order, are the same whether it did so before, perhaps in a body that a replay skips.
func learn(of reflect.Type) {
	if _, again := learnt.LoadOrStore(of, true); again {
		return
	}
	switch of.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		learn(of.Elem())
	case reflect.Struct:
		if readsItself := reflect.PointerTo(of); readsItself.Implements(unmarshaler) || readsItself.Implements(textUnmarshaler) {
			return
		}
		_ = json.Unmarshal([]byte("{}"), reflect.New(of).Interface())
		for i := range of.NumField() {
			learn(of.Field(i).Type)
		}
	}
}

var (
	unmarshaler     = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// isJSONError says whether an error is encoding/json's.
func isJSONError(err error) bool {
	var syntax *json.SyntaxError
	var mismatch *json.UnmarshalTypeError
	var target *json.InvalidUnmarshalError
	var value *json.UnsupportedValueError
	var kind *json.UnsupportedTypeError
	var marshaler *json.MarshalerError
	return errors.As(err, &syntax) || errors.As(err, &mismatch) || errors.As(err, &target) ||
		errors.As(err, &value) || errors.As(err, &kind) || errors.As(err, &marshaler)
}
