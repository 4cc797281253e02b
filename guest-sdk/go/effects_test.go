package weir_test

// What an action sees, remembers and emits.

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"weir"
	"weir/weirtest"
)

func init() {
	weir.Export(
		weir.Action("where", weir.On("input"), where),
		weir.Action("key", weir.On("input"), func(ctx *weir.Context, _ any) error {
			return ctx.Output([]any{ctx.Key(), ctx.KeyIsText(), utf8.ValidString(ctx.EventID())})
		}),
		weir.Action("chain", weir.On("input", "next"), chain),
		weir.Action("memory", weir.On("input"), memoryErrors),
		weir.Action("logs", weir.On("input"), logs),
		weir.Action("echo", weir.On("input"), func(ctx *weir.Context, payload json.RawMessage) error {
			return ctx.Output(payload)
		}),
		weir.Action("not-a-number", weir.On("input"), func(ctx *weir.Context, _ any) error {
			return ctx.Output(math.NaN())
		}),
	)
}

func where(ctx *weir.Context, _ any) error {
	at, dated := ctx.SourceTimestamp()
	tenant, hasTenant := ctx.Header("tenant")
	_, hasOther := ctx.Header("other")
	limit, err := ctx.RequiredConfig("limit")
	if err != nil {
		return err
	}
	return ctx.Output([]any{
		ctx.Key(), ctx.KeyIsText(), ctx.SequenceNumber(), ctx.EventKind(), at.UnixMilli(), dated, tenant, hasTenant,
		hasOther, limit, ctx.Now().UnixMilli(),
	})
}

func TestActionSeesWhereItStands(t *testing.T) {
	key := weirtest.NewKey(t, "ann")
	_, err := key.Run("where", nil)
	if failure := weir.AsFailure(err); failure.Kind != "config" || !strings.Contains(failure.Message, "config.limit") {
		t.Error(err)
	}
	key.SetConfig("limit", "10")
	key.SetHeader("tenant", "t")
	key.At(time.UnixMilli(5000))
	outputs(t, `["ann",true,1,"input",5000,true,"t",true,false,"10",5000]`)(key.Run("where", nil))
}

// [S19]
func TestKeyThatIsNoTextIsPercentEncoded(t *testing.T) {
	for name, expected := range map[string]string{
		"\xffa\x00 %-_.~Z9": `["%FFa%00%20%25-_.~Z9",false,true]`, "é%FF": `["é%FF",true,true]`, "": `["",true,true]`,
	} {
		outputs(t, expected)(weirtest.NewKey(t, name).Run("key", nil))
	}
}

func chain(ctx *weir.Context, n int) error {
	if _, err := weir.Update(ctx.Sensory(), "seen", func(seen int) int { return seen + n }); err != nil {
		return err
	}
	if n == 3 {
		seen, err := weir.Get[int](ctx.Sensory(), "seen")
		if err != nil {
			return err
		}
		return ctx.Output(seen)
	}
	first, err := ctx.EmitWithID("next", n+1)
	if err != nil {
		return err
	}
	second, err := ctx.EmitWithID("unheard", first)
	if err == nil && second == first {
		return weir.Fatal("same-id", first)
	}
	return err
}

func TestSensoryMemoryLivesForOneRun(t *testing.T) {
	key := weirtest.NewKey(t, "k")
	for range 2 {
		done, err := key.Run("chain", 1)
		for err == nil && len(done.Events()) > 0 {
			if payloads := weirtest.Payloads[string](done, "unheard"); len(payloads) != 1 {
				t.Error(payloads)
			}
			done, err = key.Follow("chain", done.Events()[0])
		}
		outputs(t, `6`)(done, err)
	}
}

func memoryErrors(ctx *weir.Context, path string) error {
	memory := ctx.Memory()
	if err := memory.Set("order.count", 1); err != nil {
		return err
	}
	if err := memory.NewObject("empty"); err != nil {
		return err
	}
	return memory.Set(path, 2)
}

// [S8]
func TestValueDoesNotGoOverAnObjectNorBelowAValue(t *testing.T) {
	for path, kind := range map[string]string{
		"": "memory/type-mismatch", "order": "memory/type-mismatch", "order.count.x": "memory/type-mismatch",
		"empty": "memory/type-mismatch", "a..b": "memory/invalid-path", `a\b`: "memory/invalid-path", "a.": "memory/invalid-path",
	} {
		key := weirtest.NewKey(t, "k")
		fails(t, kind, false)(key.Run("memory", path))
		if all := weirtest.Memory[map[string]any](key, ""); len(all) != 0 {
			t.Error(path, all)
		}
	}
	key := weirtest.NewKey(t, "k")
	if _, err := key.Run("memory", weir.Escape(`a.b\c`)); err != nil {
		t.Fatal(err)
	}
	all := weirtest.Memory[json.RawMessage](key, "")
	if string(all) != `{"a.b\\c":2,"empty":{},"order":{"count":1}}` {
		t.Error(string(all))
	}
}

func logs(ctx *weir.Context, _ any) error {
	logger := ctx.Log().With("order", 7).WithGroup("g")
	logger.Error("no quote", "shop", "a b")
	ctx.Log().Debug("plain")
	ctx.Log().Warn("water", "level", 3, "time", "noon", "msg", `level=INFO msg=""`)
	ctx.Log().With("level", 4).Info("", "time", 5)
	ctx.Log().WithGroup("g").Info("none")
	return nil
}

func TestLogLineHasMessageAndAttributes(t *testing.T) {
	key := weirtest.NewKey(t, "k")
	if _, err := key.Run("logs", nil); err != nil {
		t.Fatal(err)
	}
	expected := []weirtest.LogLine{
		{Level: "error", Message: `no quote order=7 g.shop="a b"`},
		{Level: "debug", Message: "plain"},
		{Level: "warn", Message: `water level=3 time=noon msg="level=INFO msg=\"\""`},
		{Level: "info", Message: "level=4 time=5"},
		{Level: "info", Message: "none"},
	}
	if lines := key.Logs(); !slices.Equal(lines, expected) {
		t.Error(lines)
	}
}

func TestJSONTextPassesAsItIs(t *testing.T) {
	for _, text := range []string{
		`12345678901234567890123`, `-0`, `1e308`, `"\ud800"`, `"<&>"`, `"\u0000"`, `{"b":1,"a":2}`, `null`, `"😀"`,
	} {
		outputs(t, text)(weirtest.NewKey(t, "k").Run("echo", json.RawMessage(text)))
	}
}

func TestWhatIsNoJSONIsAFailure(t *testing.T) {
	fails(t, "json", false)(weirtest.NewKey(t, "k").Run("not-a-number", nil))
}

func TestPayloadOfAnotherTypeIsAFailureThatSaysSo(t *testing.T) {
	_, err := weirtest.NewKey(t, "k").Run("chain", "five")
	failure := weir.AsFailure(err)
	if failure.Kind != "payload" || !strings.Contains(failure.Message, "the payload of this `input` event is no int") {
		t.Error(failure)
	}
}

func TestUnknownActionIsAFailure(t *testing.T) {
	fails(t, "unknown-action", false)(weirtest.NewKey(t, "k").Run("nobody", nil))
}

func TestTwoActionsOfOneNameAreRefused(t *testing.T) {
	for _, action := range []weir.Definition{
		weir.Action("echo", weir.On("input"), where), weir.Action("", weir.On("input"), where), weir.Action("deaf", weir.On(), where),
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			weir.Export(action)
		}()
	}
}

// Types that json has learnt are kept for all keys.
func TestKeysOfParallelTestsShareNothing(t *testing.T) {
	for _, name := range []string{"a", "b", "c", "d"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key := weirtest.NewKey(t, name)
			for range 100 {
				if _, err := key.Run("charge", Order{ID: name, Cents: 1}); err != nil {
					t.Error(err)
				}
			}
			if total := weirtest.Memory[int](key, "total"); total != 100 {
				t.Error(total)
			}
		})
	}
}
