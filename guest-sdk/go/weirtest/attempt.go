package weirtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"weir"
	"weir/internal/host"
)

// setting is what a test sets for its key.
type setting struct {
	key               string // As actions see it.
	keyIsText         bool
	sourceTimestampMS *uint64
	startMS           uint64
	headers, config   map[string]string
}

// callResult is one that outlives the attempt.
type callResult struct {
	functionID, arguments string
	// Nil while it is pending.
	outcome *host.Outcome
}

// asked is a call of this attempt.
type asked struct {
	functionID, arguments string
	reconcilable, open    bool
	// Tells calls with the same function id and arguments apart.
	ordinal int
	// Its outcome was a retryable failure: a repetition has the same id.
	mayRepeat bool
}

// ended is why an attempt ended from within a host function: a panic that only the test key catches.
type ended struct{ failure *weir.Failure }

func (e *ended) Error() string { return e.failure.Error() }

func end(failure *weir.Failure) { panic(&ended{failure}) }

// attempt is the host of one attempt. Nothing of what it has done counts until the action has completed, but for call
// results.
type attempt struct {
	setting            setting
	sequenceNumber     uint64
	eventID            string
	sensory, shortTerm *tree
	responder          func(*Request) Response
	crashIn            string
	events             []Event
	logs               []LogLine
	calls              []Call
	requests           []*Request
	callResults        map[int]callResult
	asked              []asked
	unrecorded         map[int]callResult // Retryable outcomes: recorded only if the action goes on to another call.
	clockUS            uint64
	drawnSince, drawn  [2]int // Random numbers drawn since so many calls had begun; those of bodies apart.
}

func (a *attempt) openCall() *asked {
	for i := range a.asked {
		if a.asked[i].open {
			return &a.asked[i]
		}
	}
	return nil
}

func (a *attempt) Key() string            { return a.setting.key }
func (a *attempt) KeyIsText() bool        { return a.setting.keyIsText }
func (a *attempt) SequenceNumber() uint64 { return a.sequenceNumber }

func (a *attempt) SourceTimestampMS() (uint64, bool) {
	if a.setting.sourceTimestampMS == nil {
		return 0, false
	}
	return *a.setting.sourceTimestampMS, true
}

func (a *attempt) Header(name string) (string, bool) {
	value, ok := a.setting.headers[name]
	return value, ok
}

func (a *attempt) Config(name string) (string, bool) {
	value, ok := a.setting.config[name]
	return value, ok
}

func (a *attempt) NowMS() uint64 {
	if a.openCall() == nil { // A body's readings move nothing, for a replay skips them.
		a.clockUS++
	}
	return a.setting.startMS + a.clockUS/1000
}

// RandomU32 is SplitMix64 over the task, the number of calls begun, and the number of draws since.
func (a *attempt) RandomU32() uint32 {
	stream := 0
	if a.openCall() != nil {
		stream = 1
	}
	if a.drawnSince[stream] != len(a.asked) {
		a.drawnSince[stream], a.drawn[stream] = len(a.asked), 0
	}
	a.drawn[stream]++
	z := fold(fmt.Sprintf("%s %d %d", a.eventID, len(a.asked), stream), uint64(a.drawn[stream]))
	return uint32(mix(z) >> 32)
}

func (a *attempt) Log(level host.Level, message string) {
	names := []string{"trace", "debug", "info", "warn", "error"}
	a.logs = append(a.logs, LogLine{names[level], message})
}

func (a *attempt) Emit(kind, payload string) string {
	a.refuseWhileOpen("emit")
	a.refuseLength("emit an event: its kind", kind, 128)
	id := fmt.Sprintf("%s/%d", a.eventID, len(a.events))
	a.events = append(a.events, Event{kind, json.RawMessage(payload)})
	return id
}

func (a *attempt) memory(scope host.Scope) *tree {
	if scope == host.Sensory {
		return a.sensory
	}
	return a.shortTerm
}

func (a *attempt) change(scope host.Scope, what string) *tree {
	a.refuseWhileOpen(what)
	return a.memory(scope)
}

func (a *attempt) refuseWhileOpen(what string) {
	if call := a.openCall(); call != nil {
		a.Trap(fmt.Sprintf("%s while the durable call `%s` is open: a replay would skip it", what, call.functionID))
	}
}

// refuseLength traps, as the host does, on a name that is empty or longer than it takes.
func (a *attempt) refuseLength(what, name string, bytesMax int) {
	if name == "" || len(name) > bytesMax {
		a.Trap(fmt.Sprintf("%s must be 1 to %d bytes, not %d", what, bytesMax, len(name)))
	}
}

func (a *attempt) MemoryGet(scope host.Scope, path string) (string, bool, *host.MemoryError) {
	return a.memory(scope).get(path)
}

func (a *attempt) MemorySet(scope host.Scope, path, value string) *host.MemoryError {
	return a.change(scope, "memory.set").set(path, value)
}

func (a *attempt) MemoryNewObject(scope host.Scope, path string) *host.MemoryError {
	return a.change(scope, "memory.new-object").newObject(path)
}

func (a *attempt) MemoryFields(scope host.Scope, path string) ([]string, bool, *host.MemoryError) {
	return a.memory(scope).list(path)
}

func (a *attempt) MemoryExists(scope host.Scope, path string) (bool, *host.MemoryError) {
	_, found, err := a.memory(scope).find(path)
	return found, err
}

func (a *attempt) MemoryRemove(scope host.Scope, path string) (bool, *host.MemoryError) {
	return a.change(scope, "memory.remove").remove(path)
}

func (a *attempt) Begin(functionID, arguments string, reconcilable bool) host.Begun {
	a.refuseLength("begin a durable call: its function id", functionID, 1024)
	arguments = canonical(arguments)
	for _, call := range a.asked {
		if call.open && call.functionID == functionID && call.arguments == arguments {
			a.Trap(fmt.Sprintf("begin durable call %q: one with the same arguments is open; complete it first", functionID))
		}
	}
	return a.begin(functionID, arguments, reconcilable, len(a.asked)+1)
}

// begin opens a call; those from batchFrom on began together with it.
func (a *attempt) begin(functionID, arguments string, reconcilable bool, batchFrom int) host.Begun {
	maps.Copy(a.callResults, a.unrecorded)
	clear(a.unrecorded)
	position := len(a.asked)
	ordinal := a.freeOrdinal(functionID, arguments, batchFrom)
	begun := host.Begun{
		Position: uint32(position),
		ID:       fmt.Sprintf("%s/%s/%016x/%d", a.setting.key, functionID, fold(arguments, 0x9e3779b97f4a7c15), ordinal),
	}
	call := asked{functionID: functionID, arguments: arguments, reconcilable: reconcilable, open: true, ordinal: ordinal}
	recorded, found := a.callResults[position]
	switch {
	case !found:
		begun.Step = host.Execute
		if reconcilable {
			a.callResults[position] = callResult{functionID, arguments, nil}
		}
	case recorded.functionID != functionID || recorded.arguments != arguments:
		end(weir.Fatal("divergence", fmt.Sprintf("call %d was `%s` %s, now it is `%s` %s",
			position, recorded.functionID, recorded.arguments, functionID, arguments)))
	case recorded.outcome != nil:
		begun.Step, begun.Outcome = host.Replay, *recorded.outcome
		call.open, call.mayRepeat = false, retryable(*recorded.outcome)
		a.calls = append(a.calls, callOf(functionID, true, *recorded.outcome))
	case !reconcilable:
		end(weir.Fatal("divergence", fmt.Sprintf("call %d is pending, and has no reconciler any more", position)))
	default:
		begun.Step = host.Reconcile
	}
	a.asked = append(a.asked, call)
	return begun
}

// freeOrdinal is the lowest that no call with this function id and these arguments holds. One whose outcome was a
// retryable failure gives its ordinal back, but not to those that began together with it.
func (a *attempt) freeOrdinal(functionID, arguments string, batchFrom int) int {
	for ordinal := 0; ; ordinal++ {
		held := false
		for position, call := range a.asked {
			same := call.functionID == functionID && call.arguments == arguments
			held = held || same && call.ordinal == ordinal && (!call.mayRepeat || position >= batchFrom)
		}
		if !held {
			return ordinal
		}
	}
}

func (a *attempt) Complete(position uint32, outcome host.Outcome) host.Outcome {
	if int(position) >= len(a.asked) || !a.asked[position].open {
		a.Trap(fmt.Sprintf("no call is open at position %d", position))
	}
	call := &a.asked[position]
	if a.crashIn == call.functionID {
		end(weir.Retryable("crash",
			fmt.Sprintf("the process died before the outcome of `%s` was recorded", call.functionID)))
	}
	call.open, call.mayRepeat = false, retryable(outcome)
	a.calls = append(a.calls, callOf(call.functionID, false, outcome))
	result := callResult{call.functionID, call.arguments, &outcome}
	if call.mayRepeat {
		a.unrecorded[int(position)] = result
	} else {
		a.callResults[int(position)] = result
	}
	return outcome
}

// EnterBody and its like: in a test, time and chance of the process are the machine's.
func (a *attempt) EnterBody() {}
func (a *attempt) LeaveBody() {}
func (a *attempt) PassTime()  {}

func (a *attempt) Trap(why string) { end(weir.Fatal("trap", why)) }

// mistake is why the attempt can't complete, though the action returned.
func (a *attempt) mistake() *weir.Failure {
	if call := a.openCall(); call != nil {
		kind := "durable"
		if call.reconcilable {
			kind = "reconcilable durable"
		}
		return weir.Fatal("trap", fmt.Sprintf("the action returned while the %s call `%s` is open", kind, call.functionID))
	}
	unasked := -1
	for position := range a.callResults {
		if position >= len(a.asked) && (unasked < 0 || position < unasked) {
			unasked = position
		}
	}
	if unasked < 0 {
		return nil
	}
	return weir.Fatal("divergence",
		fmt.Sprintf("call %d was `%s`, and the action completed without it", unasked, a.callResults[unasked].functionID))
}

func retryable(outcome host.Outcome) bool { return outcome.Failure != nil && outcome.Failure.Retryable }

// canonical gives JSON with its fields sorted, so that equal arguments are equal text.
func canonical(text string) string {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		panic(fmt.Sprintf("%q is no JSON: %v", text, err)) // The SDK writes JSON.
	}
	return written(value)
}

func written(value any) string {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(buffer.String(), "\n")
}

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	return (z ^ z>>27) * 0x94d049bb133111eb
}

func fold(text string, z uint64) uint64 {
	for i := range len(text) {
		z = mix(z ^ uint64(text[i]))
	}
	return z
}
