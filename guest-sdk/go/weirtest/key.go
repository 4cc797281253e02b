// Package weirtest is for unit tests of actions: in the process of go test, without a host.
//
// A [Key] is one key with its memory. Run actions on it, then look at what they emitted and remember. What the host
// promises holds here too: an action that fails leaves nothing behind, durable calls are recorded and replayed, changes
// inside a durable call's body are refused. Time and chance are the contract's through weir.Context only: time.Now and
// math/rand are the machine's in a test.
package weirtest

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"weir"
	"weir/internal/host"
)

// Key is one key with its memory, and a host for the actions that a test runs on it.
type Key struct {
	t                  testing.TB
	setting            setting
	runs               int
	sensory, shortTerm *tree
	task               *task
	responder          func(*Request) Response
	crashIn            string
	last               *attempt
	requests           []*Request
}

// task is the last one, as it was given, and its call results.
type task struct {
	action, kind, payload string
	// Its place in its run.
	ordinal            int
	sensory, shortTerm *tree
	callResults        map[int]callResult
}

// NewKey makes a key whose memory is empty. Its clock shows 2023-11-14 22:13:20 UTC. As in the host, actions see a key that
// is not UTF-8 percent-encoded.
func NewKey(t testing.TB, key string) *Key {
	isText := utf8.ValidString(key)
	if !isText {
		key = percentEncode(key)
	}
	return &Key{
		t: t,
		setting: setting{
			key: key, keyIsText: isText, startMS: 1_700_000_000_000, headers: map[string]string{}, config: map[string]string{},
		},
		sensory: newTree(), shortTerm: newTree(), last: &attempt{},
	}
}

// percentEncode writes every byte but letters, digits and -_.~ as %XX.
func percentEncode(key string) string {
	var text strings.Builder
	for _, b := range []byte(key) {
		switch {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', strings.IndexByte("-_.~", b) >= 0:
			text.WriteByte(b)
		default:
			fmt.Fprintf(&text, "%%%02X", b)
		}
	}
	return text.String()
}

// Run runs an exported action, by its name, for a new input event with this payload: sensory memory is empty at the
// start. On failure nothing of what it did is seen, as in the host.
func (k *Key) Run(action string, payload any) (*Completed, error) {
	k.t.Helper()
	k.sensory = newTree()
	k.runs++
	return k.start(action, "input", payload, 0)
}

// Follow runs an action as a further one of the same run, for an event that one before it emitted: sensory memory stays.
func (k *Key) Follow(action string, event Event) (*Completed, error) {
	k.t.Helper()
	if k.task == nil {
		k.t.Fatal("weirtest: a run begins with Key.Run")
	}
	return k.start(action, event.Kind, event.Payload, k.task.ordinal+1)
}

// Again runs the action again for the same event, from the memory before it, with the calls recorded so far: its next
// attempt if it failed, or, if it completed, as after a crash just before its completion was durable.
func (k *Key) Again() (*Completed, error) {
	k.t.Helper()
	if k.task == nil {
		k.t.Fatal("weirtest: what runs again was run before with Key.Run")
	}
	k.sensory, k.shortTerm = k.task.sensory.clone(), k.task.shortTerm.clone()
	return k.attempt()
}

// CrashIn lets the process die in the next attempt, after the effect of this durable call and before its outcome is
// recorded; that attempt gives a failure of kind crash. A request's function id is METHOD origin/path.
func (k *Key) CrashIn(functionID string) { k.crashIn = functionID }

// OnRequest answers the requests of the actions.
func (k *Key) OnRequest(responder func(*Request) Response) { k.responder = responder }

// At sets the source timestamp of the next runs, and with it their clock.
func (k *Key) At(sourceTimestamp time.Time) {
	ms := uint64(sourceTimestamp.UnixMilli())
	k.setting.sourceTimestampMS, k.setting.startMS = &ms, ms
}

// SetConfig gives the component a setting.
func (k *Key) SetConfig(name, value string) { k.setting.config[name] = value }

// SetHeader gives the next runs' input events a header.
func (k *Key) SetHeader(name, value string) { k.setting.headers[name] = value }

// SetMemory puts a leaf into short-term memory, before the actions to be tested.
func (k *Key) SetMemory(path string, value any) {
	k.t.Helper()
	if refused := k.shortTerm.set(path, written(value)); refused != nil {
		k.t.Fatalf("weirtest: %s", refused.Why)
	}
}

// Memory gives the value in short-term memory as a type, or its zero value if nothing is there. It panics if the value is
// of another type.
func Memory[T any](key *Key, path string) T { return remembered[T](key.shortTerm, path) }

// Sensory gives the value in sensory memory, as the last action left it.
func Sensory[T any](key *Key, path string) T { return remembered[T](key.sensory, path) }

func remembered[T any](memory *tree, path string) (value T) {
	text, found, refused := memory.get(path)
	if refused != nil {
		panic("weirtest: " + refused.Why)
	}
	if !found {
		return value
	}
	return readAs[T](text, "memory path "+path)
}

// Calls gives the durable calls and requests of the last attempt, in the order in which their outcomes came.
func (k *Key) Calls() []Call { return k.last.calls }

// Logs gives what the last attempt logged by Context.Log.
func (k *Key) Logs() []LogLine { return k.last.logs }

// Requests gives all requests that were sent since the key was made.
func (k *Key) Requests() []*Request { return k.requests }

func (k *Key) start(action, kind string, payload any, ordinal int) (*Completed, error) {
	k.task = &task{
		action: action, kind: kind, payload: written(payload), ordinal: ordinal,
		sensory: k.sensory.clone(), shortTerm: k.shortTerm.clone(), callResults: map[int]callResult{},
	}
	return k.attempt()
}

func (k *Key) attempt() (*Completed, error) {
	event := host.Event{
		ID:   fmt.Sprintf("%s/%d/%d", k.setting.key, k.runs-1, k.task.ordinal),
		Kind: k.task.kind, Payload: k.task.payload,
	}
	running := &attempt{
		setting: k.setting, sequenceNumber: uint64(k.runs - 1), eventID: event.ID,
		sensory: k.sensory.clone(), shortTerm: k.shortTerm.clone(),
		responder: k.responder, crashIn: k.crashIn,
		callResults: maps.Clone(k.task.callResults), unrecorded: map[int]callResult{},
	}
	k.crashIn = ""
	failure := invoke(running, k.task.action, event)
	if failure == nil {
		failure = running.mistake()
	}
	k.last = running
	k.requests = append(k.requests, running.requests...)
	k.task.callResults = running.callResults
	if failure != nil {
		return nil, failure
	}
	k.sensory, k.shortTerm = running.sensory, running.shortTerm
	return &Completed{running.events}, nil
}

// invoke runs an action, and gives how it ended from within a host function, too. A panic of the action fails the test.
func invoke(running *attempt, action string, event host.Event) (failure *weir.Failure) {
	defer func() {
		switch reason := recover().(type) {
		case nil:
		case *ended:
			failure = reason.failure
		default:
			panic(reason)
		}
	}()
	return weir.AsFailure(host.Lift(host.Invoke(running, action, event)))
}
