package weir_test

// Durable calls: recorded, replayed, reconciled; what an action does around them.

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"weir"
	"weir/weirtest"
)

// Of each test, counted by execute.
var (
	executed int
	ids      []string
	found    *weir.Failure
	foundAs  int
)

func execute(call weir.Call) int {
	executed++
	ids = append(ids, call.ID)
	return executed
}

func newKey(t *testing.T) *weirtest.Key {
	executed, ids, found, foundAs = 0, nil, nil, 0
	return weirtest.NewKey(t, "k")
}

func counted(call weir.Call) (int, error) { return execute(call), nil }

func init() {
	weir.Export(
		weir.Action("double-charge", weir.On("input"), doubleCharge),
		weir.Action("declined", weir.On("input"), declined),
		weir.Action("try-three-times", weir.On("input"), tryThreeTimes),
		weir.Action("fails-once", weir.On("input"), failsOnce),
		weir.Action("nothing", weir.On("input"), nothing),
		weir.Action("half-kept", weir.On("input"), halfKept),
		weir.Action("reconciled", weir.On("input"), reconciled),
		weir.Action("reconciled-to-any", weir.On("input"), reconciledToAny),
		weir.Action("changes-its-mind", weir.On("input"), changesItsMind),
		weir.Action("inside", weir.On("input"), inside),
		weir.Action("unwritable", weir.On("input"), unwritable),
		weir.Action("calls-by-name", weir.On("input"), callsByName),
		weir.Action("emits-by-kind", weir.On("input"), emitsByKind),
		weir.Action("draws-in-a-body", weir.On("input"), drawsInABody),
	)
}

func doubleCharge(ctx *weir.Context, order struct{ Busy bool }) error {
	first, err := weir.Durable(ctx, "charge", order, counted)
	if err != nil {
		return err
	}
	second, err := weir.Durable(ctx, "charge", order, counted)
	if err != nil {
		return err
	}
	if err := ctx.Memory().Set("charged", []int{first, second}); err != nil {
		return err
	}
	if order.Busy {
		return weir.Retryable("busy", "later")
	}
	return ctx.Output([]int{first, second})
}

func TestNextAttemptReplaysTheRecordedCalls(t *testing.T) {
	key := newKey(t)
	fails(t, "busy", true)(key.Run("double-charge", map[string]bool{"busy": true}))
	if memory := weirtest.Memory[map[string]any](key, ""); len(memory) != 0 {
		t.Error("a failed attempt left memory", memory)
	}
	fails(t, "busy", true)(key.Again())
	calls := key.Calls()
	if executed != 2 || len(calls) != 2 || !calls[0].Replayed || !calls[1].Replayed || calls[1].JSON != "2" {
		t.Error(executed, calls)
	}
}

func TestCompletedActionRunAgainDoesTheSameAndExecutesNothing(t *testing.T) {
	key := newKey(t)
	outputs(t, `[1,2]`)(key.Run("double-charge", struct{}{}))
	outputs(t, `[1,2]`)(key.Again())
	if executed != 2 {
		t.Error(executed)
	}
}

// [S12]
func TestCallsWithEqualArgumentsHaveIDsOfTheirOwn(t *testing.T) {
	outputs(t, `[1,2]`)(newKey(t).Run("double-charge", struct{}{}))
	if ids[0] == ids[1] {
		t.Error(ids)
	}
}

func declined(ctx *weir.Context, order any) error {
	_, err := weir.Durable(ctx, "charge", order, func(call weir.Call) (any, error) {
		execute(call)
		return nil, fmt.Errorf("card 7: %w", weir.Fatal("card-declined", "no funds").WithDetails(7))
	})
	var failure *weir.Failure
	if !errors.As(err, &failure) {
		return errors.New("no failure")
	}
	return ctx.Output([]any{failure.Kind, failure.Message, failure.Details})
}

// [S15]
func TestFailedOutcomeIsReplayedWithKindMessageAndDetails(t *testing.T) {
	key := newKey(t)
	const expected = `["card-declined","card 7: card-declined: no funds",7]`
	outputs(t, expected)(key.Run("declined", 1))
	outputs(t, expected)(key.Again())
	if executed != 1 {
		t.Error(executed)
	}
}

func tryThreeTimes(ctx *weir.Context, _ any) error {
	for range 3 {
		n, err := weir.Durable(ctx, "charge", "a", func(call weir.Call) (int, error) {
			if n := execute(call); n > 2 {
				return n, nil
			}
			return 0, weir.Retryable("busy", "later")
		})
		if err == nil {
			return ctx.Output(n)
		}
	}
	return weir.Fatal("gave-up", "")
}

// [S12] [S15]
func TestLoopThatTriesAgainSendsTheSameIDAndReplaysItsWay(t *testing.T) {
	key := newKey(t)
	outputs(t, `3`)(key.Run("try-three-times", nil))
	if len(ids) != 3 || ids[0] != ids[1] || ids[1] != ids[2] {
		t.Error(ids)
	}
	outputs(t, `3`)(key.Again())
	if executed != 3 {
		t.Error(executed)
	}
}

func failsOnce(ctx *weir.Context, _ any) error {
	n, err := weir.Durable(ctx, "charge", "a", func(call weir.Call) (int, error) {
		if execute(call) == 1 {
			return 0, weir.Retryable("busy", "later")
		}
		return 2, nil
	})
	if err != nil {
		return err
	}
	return ctx.Output(n)
}

// [S15]
func TestRetryableFailureThatEndsTheAttemptIsNotRecorded(t *testing.T) {
	key := newKey(t)
	fails(t, "busy", true)(key.Run("fails-once", nil))
	outputs(t, `2`)(key.Again())
}

func nothing(ctx *weir.Context, _ any) error {
	nothing, err := weir.Durable(ctx, "find", nil, func(call weir.Call) (*int, error) {
		execute(call)
		return nil, nil
	})
	if err != nil {
		return err
	}
	return ctx.Output(nothing)
}

// [S17]
func TestEmptyResultReplaysAsOne(t *testing.T) {
	key := newKey(t)
	outputs(t, `null`)(key.Run("nothing", nil))
	outputs(t, `null`)(key.Again())
	if executed != 1 {
		t.Error(executed)
	}
}

func halfKept(ctx *weir.Context, _ any) error {
	type half struct {
		Kept int
		Lost int `json:"-"`
	}
	value, err := weir.Durable(ctx, "half", nil, func(weir.Call) (half, error) { return half{1, 2}, nil })
	if err != nil {
		return err
	}
	return ctx.Output([]int{value.Kept, value.Lost})
}

func TestExecutedCallGivesNoMoreThanItsReplay(t *testing.T) {
	key := newKey(t)
	outputs(t, `[1,0]`)(key.Run("half-kept", nil))
	outputs(t, `[1,0]`)(key.Again())
}

func reconciled(ctx *weir.Context, order any) error {
	find := func(weir.Call) (int, bool, error) {
		if found != nil {
			return 0, false, found
		}
		return foundAs, foundAs != 0, nil
	}
	charge, err := weir.Reconcilable(ctx, "charge", order, find, counted)
	if err != nil {
		return err
	}
	return ctx.Output(charge)
}

// cutOff gives the key after a crash between the effect and the record of reconciled.
func cutOff(t *testing.T) *weirtest.Key {
	key := newKey(t)
	key.CrashIn("charge")
	fails(t, "crash", true)(key.Run("reconciled", 1))
	return key
}

// [S13]
func TestReconcilerThatFindsTheEffectSparesTheCall(t *testing.T) {
	key := cutOff(t)
	foundAs = 77
	outputs(t, `77`)(key.Again())
	foundAs = 0
	outputs(t, `77`)(key.Again())
	if executed != 1 {
		t.Error(executed)
	}
}

// [S13]
func TestCallThatNeverHappenedIsExecutedWithTheSameID(t *testing.T) {
	outputs(t, `2`)(cutOff(t).Again())
	if ids[0] != ids[1] {
		t.Error(ids)
	}
}

// [S13]
func TestReconcilerThatDoesNotKnowIsAskedAgainAndOneThatFailsDecides(t *testing.T) {
	key := cutOff(t)
	found = weir.Retryable("provider-down", "")
	fails(t, "provider-down", true)(key.Again())
	found = weir.Fatal("refused", "")
	fails(t, "refused", false)(key.Again())
	found = nil
	fails(t, "refused", false)(key.Again())
	if executed != 1 {
		t.Error(executed)
	}
}

// reconciledToAny may find what is no JSON.
func reconciledToAny(ctx *weir.Context, order any) error {
	find := func(weir.Call) (any, bool, error) {
		if foundAs == 0 {
			return func() {}, true, nil
		}
		return foundAs, true, nil
	}
	charge, err := weir.Reconcilable(ctx, "charge", order, find, func(call weir.Call) (any, error) { return execute(call), nil })
	if err != nil {
		return err
	}
	return ctx.Output(charge)
}

// [S13]
func TestReconcilerWhoseValueIsNoJSONIsAskedAgain(t *testing.T) {
	key := newKey(t)
	key.CrashIn("charge")
	fails(t, "crash", true)(key.Run("reconciled-to-any", 1))
	fails(t, "json", false)(key.Again())
	if len(key.Calls()) != 0 {
		t.Error(key.Calls())
	}
	foundAs = 77
	outputs(t, `77`)(key.Again())
	if executed != 1 {
		t.Error(executed)
	}
}

// what changesItsMind does.
var mind string

func changesItsMind(ctx *weir.Context, order any) (err error) {
	switch mind {
	case "plain":
		_, err = weir.Durable(ctx, "charge", order, counted)
	case "reconcilable":
		_, err = weir.Reconcilable(ctx, "charge", order, func(weir.Call) (int, bool, error) { return 0, false, nil }, counted)
	case "other":
		_, err = weir.Durable(ctx, "charge", "other", counted)
	}
	return err
}

func TestPlainCallCutOffIsExecutedAgainWithTheSameID(t *testing.T) {
	key := newKey(t)
	mind = "plain"
	key.CrashIn("charge")
	fails(t, "crash", true)(key.Run("changes-its-mind", 1))
	if _, err := key.Again(); err != nil || len(ids) != 2 || ids[0] != ids[1] {
		t.Error(err, ids)
	}
}

func TestCallThatLostItsReconcilerIsNotExecuted(t *testing.T) {
	key := newKey(t)
	mind = "reconcilable"
	key.CrashIn("charge")
	fails(t, "crash", true)(key.Run("changes-its-mind", 1))
	mind = "plain"
	fails(t, "divergence", false)(key.Again())
	if executed != 1 {
		t.Error(executed)
	}
}

// [S14]
func TestCallThatDiffersFromTheRecordedOneIsADivergence(t *testing.T) {
	key := newKey(t)
	mind = "plain"
	if _, err := key.Run("changes-its-mind", 1); err != nil {
		t.Fatal(err)
	}
	for _, mind = range []string{"other", "none"} {
		fails(t, "divergence", false)(key.Again())
	}
	if executed != 1 {
		t.Error(executed)
	}
}

func inside(ctx *weir.Context, what string) error {
	inner := func() (int, error) { return weir.Durable(ctx, "inner", 1, counted) }
	body := func(weir.Call) (int, error) {
		switch what {
		case "set":
			return 0, ctx.Memory().Set("a", 1)
		case "emit":
			return 0, ctx.Emit("a", 1)
		case "all":
			call := weir.NewCall("inner", 1, weir.NewRequest("GET", "https://a.example/"), weir.ReadJSON[int])
			_, err := weir.DurableAll(ctx, call)
			return 0, err
		case "reconciler":
			return 0, nil
		}
		return inner()
	}
	find := func(weir.Call) (int, bool, error) {
		n, err := inner()
		return n, true, err
	}
	_, err := weir.Reconcilable(ctx, "outer", 1, find, body)
	return err
}

// [S12]
func TestWhatAReplayWouldSkipIsRefusedInABody(t *testing.T) {
	for _, what := range []string{"set", "emit", "call", "all", "reconciler"} {
		key := newKey(t)
		if what == "reconciler" {
			key.CrashIn("outer")
			fails(t, "crash", true)(key.Run("inside", what))
			fails(t, "trap", false)(key.Again())
		} else {
			fails(t, "trap", false)(key.Run("inside", what))
		}
		if memory := weirtest.Memory[map[string]any](key, ""); len(memory) != 0 || executed != 0 {
			t.Error(what, memory, executed)
		}
	}
}

func unwritable(ctx *weir.Context, _ any) error {
	_, err := weir.Durable(ctx, "charge", func() {}, counted)
	return err
}

func TestArgumentsThatAreNoJSONOpenNoCall(t *testing.T) {
	key := newKey(t)
	fails(t, "json", false)(key.Run("unwritable", nil))
	if executed != 0 || len(key.Calls()) != 0 {
		t.Error(executed, key.Calls())
	}
}

func drawsInABody(ctx *weir.Context, _ any) error {
	type drawn struct{ Number, Time int64 }
	body, err := weir.Durable(ctx, "draw", 1, func(weir.Call) (drawn, error) {
		for range 2_500 {
			ctx.Now()
		}
		return drawn{int64(ctx.RandomU32()), ctx.Now().UnixMilli()}, nil
	})
	if err != nil {
		return err
	}
	outside := []int64{int64(ctx.RandomU32()), int64(ctx.RandomU32()), ctx.Now().UnixMilli()}
	return ctx.Output([]any{body.Number, outside})
}

// [S10]
func TestWhatABodyDrawsAndReadsChangesNothingAfterIt(t *testing.T) {
	key := newKey(t)
	first, err := key.Run("draws-in-a-body", nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := key.Again()
	if err != nil || !slices.Equal(first.Outputs(), again.Outputs()) {
		t.Error(err, first.Outputs(), again.Outputs())
	}
	var drawn []any
	if err := json.Unmarshal([]byte(first.Outputs()[0]), &drawn); err != nil {
		t.Fatal(err)
	}
	outside := drawn[1].([]any)
	if drawn[0] == outside[0] || outside[0] == outside[1] {
		t.Error(drawn)
	}
}

func TestFailureKeepsWhatItIsWhenItIsWrapped(t *testing.T) {
	wrapped := fmt.Errorf("order 7: %w", weir.Retryable("busy", "later"))
	failure := weir.AsFailure(wrapped)
	if !failure.Retryable || failure.Kind != "busy" || failure.Message != "order 7: busy: later" {
		t.Error(failure)
	}
	if plain := weir.AsFailure(errors.New("no")); !reflect.DeepEqual(plain, weir.Fatal("error", "no")) {
		t.Error(plain)
	}
	if weir.AsFailure(nil) != nil {
		t.Error("nothing is no failure")
	}
	details := weir.Fatal("x", "").WithDetails(func() {}).Details
	if !strings.Contains(string(details), "details are no JSON") {
		t.Error(string(details))
	}
}

func callsByName(ctx *weir.Context, name string) error {
	_, _ = weir.Durable(ctx, name, nil, counted) // Even if the action goes on, the attempt is over.
	return nil
}

func emitsByKind(ctx *weir.Context, kind string) error { return ctx.Emit(kind, 1) }

func TestNameThatTheHostDoesNotTakeEndsTheAttempt(t *testing.T) {
	key := newKey(t)
	for _, c := range []struct{ action, name, message string }{
		{"calls-by-name", "", "begin a durable call: its function id must be 1 to 1024 bytes, not 0"},
		{"calls-by-name", "n", ""},
		{"calls-by-name", strings.Repeat("n", 1024), ""},
		{"calls-by-name", strings.Repeat("n", 1025), "begin a durable call: its function id must be 1 to 1024 bytes, not 1025"},
		{"calls-by-name", strings.Repeat("é", 513), "begin a durable call: its function id must be 1 to 1024 bytes, not 1026"},
		{"emits-by-kind", "", "emit an event: its kind must be 1 to 128 bytes, not 0"},
		{"emits-by-kind", "k", ""},
		{"emits-by-kind", strings.Repeat("k", 128), ""},
		{"emits-by-kind", strings.Repeat("k", 129), "emit an event: its kind must be 1 to 128 bytes, not 129"},
	} {
		_, err := key.Run(c.action, c.name)
		failure := weir.AsFailure(err)
		if c.message == "" && err != nil || c.message != "" && (failure == nil || failure.Kind != "trap" || failure.Message != c.message) {
			t.Errorf("%s %d: %v", c.action, len(c.name), err)
		}
	}
	if executed != 2 {
		t.Errorf("%d bodies ran, not 2", executed)
	}
}
