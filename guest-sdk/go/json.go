package weir

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

// encode writes a value as JSON text, without the escapes that HTML wants.
func encode(value any) (string, error) {
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
	return json.Unmarshal([]byte(text), value)
}

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
