// The conformance guest in Go; tests/conformance/README.md says what each action does.
package main

import (
	"encoding/json"

	"weir"
)

func echo(ctx *weir.Context, payload any) error { return ctx.Output(payload) }

func raw(ctx *weir.Context, payload json.RawMessage) error { return ctx.Output(payload) }

func script(ctx *weir.Context, script struct{ Steps []step }) error {
	seen := []any{}
	if err := runAll(ctx, script.Steps, &seen); err != nil {
		return err
	}
	return ctx.Output(seen)
}

func init() {
	weir.Export(
		weir.Action("echo", weir.On("input", "echo"), echo),
		weir.Action("raw", weir.On("raw"), raw),
		weir.Action("script", weir.On("script", "next"), script),
		weir.Action("crash", weir.On("crash"), crash),
	)
}

func main() {}
