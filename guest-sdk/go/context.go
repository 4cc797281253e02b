package weir

import (
	"fmt"
	"time"

	"weir/internal/host"
)

// Context is what an action has at hand: its event, its key's memory, and the host's functions.
//
// Everything here is the same again when the action is run again after a crash, so an action that takes time, randomness
// and the outside world from here does what it did before. time.Now, math/rand, crypto/rand and the order of a map are
// served from here, too.
type Context struct {
	host  host.Host
	event host.Event
	// How many bodies of durable calls are running, or their reconcilers.
	bodies int
}

// Memory is short-term memory: it lives with the key.
func (c *Context) Memory() Memory { return Memory{c.host, host.ShortTerm} }

// Sensory is sensory memory: it lives for one run, from the input event to the last action it caused.
func (c *Context) Sensory() Memory { return Memory{c.host, host.Sensory} }

// Emit emits an event, for the actions that listen to its kind, to take effect when this action completes.
func (c *Context) Emit(kind string, payload any) error {
	_, err := c.EmitWithID(kind, payload)
	return err
}

// EmitWithID is as [Context.Emit], and gives the event's id, which is the same again on replay.
func (c *Context) EmitWithID(kind string, payload any) (id string, err error) {
	text, err := encode(payload)
	if err != nil {
		return "", err
	}
	return c.host.Emit(kind, text), nil
}

// Output emits an output event: it leaves by the sink when this action has completed.
func (c *Context) Output(payload any) error { return c.Emit("output", payload) }

// Key is the key that the event belongs to; percent-encoded if it is not UTF-8.
func (c *Context) Key() string { return c.host.Key() }

// KeyIsText says whether [Context.Key] is the key as it is, and not percent-encoded.
func (c *Context) KeyIsText() bool { return c.host.KeyIsText() }

// SequenceNumber is how many input events this key had before this run's.
func (c *Context) SequenceNumber() uint64 { return c.host.SequenceNumber() }

// EventID is the event's id, the same again on replay.
func (c *Context) EventID() string { return c.event.ID }

// EventKind is the event's kind.
func (c *Context) EventKind() string { return c.event.Kind }

// EventPayload is the event's payload as JSON text.
func (c *Context) EventPayload() string { return c.event.Payload }

// SourceTimestamp is when the run's input event came about, as its source says, if it does.
func (c *Context) SourceTimestamp() (at time.Time, ok bool) {
	ms, ok := c.host.SourceTimestampMS()
	if !ok {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(ms)).UTC(), true
}

// Header is a header of the run's input event, if it has one of the name.
func (c *Context) Header(name string) (value string, ok bool) { return c.host.Header(name) }

// Now is when this action first started, or when its last durable call had its outcome. The same again on replay.
func (c *Context) Now() time.Time { return time.UnixMilli(int64(c.host.NowMS())).UTC() }

// RandomU32 is a random number, the same again on replay. So are the numbers of math/rand and crypto/rand.
func (c *Context) RandomU32() uint32 { return c.host.RandomU32() }

// Config is a setting that the manifest gives this component as config.NAME, if it does.
func (c *Context) Config(name string) (value string, ok bool) { return c.host.Config(name) }

// RequiredConfig is a setting that the action can't do without: a fatal failure of kind config if the manifest has none.
func (c *Context) RequiredConfig(name string) (string, error) {
	value, ok := c.host.Config(name)
	if !ok {
		return "", Fatal("config", fmt.Sprintf("the manifest gives no config.%s: add it to this [[component]]", name))
	}
	return value, nil
}
