package weirtest

import (
	"encoding/json"
	"fmt"
	"strings"

	"weir"
	"weir/internal/host"
)

// Completed is what an action did that completed.
type Completed struct {
	all []Event
}

// Event is an emitted event.
type Event struct {
	Kind    string
	Payload json.RawMessage
}

// Events gives the events it emitted for other actions, in order.
func (c *Completed) Events() []Event {
	return c.only(func(event Event) bool { return event.Kind != "output" })
}

// Outputs gives the payloads of its output events as JSON text, in order. [Outputs] gives them as a type.
func (c *Completed) Outputs() []string {
	texts := []string{}
	for _, event := range c.only(func(event Event) bool { return event.Kind == "output" }) {
		texts = append(texts, string(event.Payload))
	}
	return texts
}

func (c *Completed) only(wanted func(Event) bool) []Event {
	events := []Event{}
	for _, event := range c.all {
		if wanted(event) {
			events = append(events, event)
		}
	}
	return events
}

// Outputs gives the payloads of an action's output events as a type. It panics if one is of another.
func Outputs[T any](completed *Completed) []T { return Payloads[T](completed, "output") }

// Payloads gives the payloads of the events of a kind as a type. It panics if one is of another.
func Payloads[T any](completed *Completed, kind string) []T {
	values := []T{}
	for _, event := range completed.only(func(event Event) bool { return event.Kind == kind }) {
		values = append(values, readAs[T](string(event.Payload), "an event of kind "+kind))
	}
	return values
}

func readAs[T any](text, what string) (value T) {
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		panic(fmt.Sprintf("%s is no %T: %v", what, value, err))
	}
	return value
}

// Call is a durable call of an attempt.
type Call struct {
	// Its function id; of a request METHOD origin/path.
	FunctionID string
	// Whether its outcome was recorded by an earlier attempt, and the call not made again.
	Replayed bool
	// Its result as JSON text, or why it failed.
	JSON    string
	Failure *weir.Failure
}

func callOf(functionID string, replayed bool, outcome host.Outcome) Call {
	return Call{functionID, replayed, outcome.JSON, weir.AsFailure(host.Lift(outcome.Failure))}
}

// LogLine is a line that an action logged.
type LogLine struct {
	// trace, debug, info, warn or error
	Level   string
	Message string
}

// Request is a request that an action sent.
type Request struct {
	request *host.Request
}

// Method is GET, POST and so on.
func (r *Request) Method() string { return r.request.Method }

// URL is the whole URL.
func (r *Request) URL() string { return r.request.URL }

// Header is the first header of the name, in any case, or nothing.
func (r *Request) Header(name string) string {
	for _, field := range r.request.Header {
		if strings.EqualFold(field.Name, name) {
			return field.Value
		}
	}
	return ""
}

// Body is the body; nil if there is none.
func (r *Request) Body() []byte { return r.request.Body }

// JSON reads the body into what value points to. It panics if that is of another type.
func (r *Request) JSON(value any) {
	if err := json.Unmarshal(r.request.Body, value); err != nil {
		panic(fmt.Sprintf("the body for %s: %v", r.URL(), err))
	}
}

// Response is how a test answers a request.
type Response struct {
	answer host.Answer
}

// Status is an empty answer of this status.
func Status(status int) Response {
	return Response{host.Answer{Response: &host.Response{Status: status}}}
}

// JSON is status 200 with this value.
func JSON(value any) Response { return Text(written(value)) }

// Text is status 200 with this text.
func Text(body string) Response {
	return Response{host.Answer{Response: &host.Response{Status: 200, Body: []byte(body)}}}
}

// Timeout is no answer in time.
func Timeout() Response { return Response{host.Answer{Case: host.Timeout}} }

// ConnectionFailed is no connection.
func ConnectionFailed(why string) Response {
	return Response{host.Answer{Case: host.Connection, Why: why}}
}

// Denied is an origin that the manifest does not grant.
func Denied(why string) Response { return Response{host.Answer{Case: host.Denied, Why: why}} }

// WithHeader gives the same answer with a header. One that is no answer stays so.
func (r Response) WithHeader(name, value string) Response {
	if r.answer.Response != nil {
		other := *r.answer.Response
		other.Header = append(append([]host.Field{}, other.Header...), host.Field{Name: name, Value: value})
		r.answer.Response = &other
	}
	return r
}

// WithStatus gives the same answer with another status.
func (r Response) WithStatus(status int) Response {
	if r.answer.Response != nil {
		other := *r.answer.Response
		other.Status = status
		r.answer.Response = &other
	}
	return r
}
