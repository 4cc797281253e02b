package weir

import (
	"fmt"
	"strings"
	"time"

	"weir/internal/host"
)

// Request is an HTTP request. [NewRequest] makes one, [Context.Do] sends it.
//
// A request is a durable call itself: its response is recorded, and replayed when the action is run again. It carries an
// Idempotency-Key, the same again if it must be sent again. Inside the body of a durable call it is part of that, and
// carries none of its own: give it [Call.ID].
type Request struct {
	Method string
	URL    string
	// Headers. A secret is named in the manifest, and put into its header by the host.
	Header Header
	// Nil for none. It leaves as text if it is UTF-8.
	Body []byte
	// Gives up after this long, if it is not 0; the host's own limit holds as well. One below 0 is refused.
	Timeout time.Duration
	// Gives every response: else one whose status is 400 or above is a failure.
	AnyStatus bool

	// Why the body could not be written. Told when it is sent, so that building a request needs no error check.
	mistake error
}

// NewRequest makes a request of any method, without a body.
func NewRequest(method, url string) *Request { return &Request{Method: method, URL: url} }

// WithJSON sets a JSON body, and its Content-Type unless one is set. It gives the request.
func (r *Request) WithJSON(value any) *Request {
	text, err := encode(value)
	r.Body, r.mistake = []byte(text), err
	if _, set := r.Header.Lookup("Content-Type"); !set {
		r.Header.Add("Content-Type", "application/json")
	}
	return r
}

// WithBody sets the body, and its Content-Type unless that is empty. It gives the request.
func (r *Request) WithBody(contentType string, body []byte) *Request {
	r.Body, r.mistake = body, nil
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

// Header is the headers of a request or a response, in order. Names are compared in any case.
type Header []HeaderField

// HeaderField is one header.
type HeaderField struct {
	Name, Value string
}

// Get gives the first value of the name, or nothing.
func (h Header) Get(name string) string {
	value, _ := h.Lookup(name)
	return value
}

// Lookup is as [Header.Get], and says whether there is one.
func (h Header) Lookup(name string) (value string, ok bool) {
	for _, field := range h {
		if strings.EqualFold(field.Name, name) {
			return field.Value, true
		}
	}
	return "", false
}

// Add adds a header.
func (h *Header) Add(name, value string) { *h = append(*h, HeaderField{name, value}) }

// Set adds a header in place of those of its name.
func (h *Header) Set(name, value string) {
	h.Del(name)
	h.Add(name, value)
}

// Del removes the headers of the name.
func (h *Header) Del(name string) {
	kept := Header{}
	for _, field := range *h {
		if !strings.EqualFold(field.Name, name) {
			kept = append(kept, field)
		}
	}
	*h = kept
}

// Get sends a GET request.
func (c *Context) Get(url string) (*Response, error) { return c.Do(NewRequest("GET", url)) }

// Post sends a POST request with a JSON body.
func (c *Context) Post(url string, body any) (*Response, error) {
	return c.Do(NewRequest("POST", url).WithJSON(body))
}

// Put sends a PUT request with a JSON body.
func (c *Context) Put(url string, body any) (*Response, error) {
	return c.Do(NewRequest("PUT", url).WithJSON(body))
}

// Delete sends a DELETE request.
func (c *Context) Delete(url string) (*Response, error) { return c.Do(NewRequest("DELETE", url)) }

// Do sends a request, and gives its response if the status is below 400, or the request asks for any. Else it gives a
// [*Failure] of kind http/status, retryable for 408, 425, 429 and 5xx (not before the response's Retry-After), fatal for
// the others; without any response, one of kind http/timeout, http/connection (retryable), http/denied,
// http/invalid-request, http/too-large (fatal).
func (c *Context) Do(request *Request) (*Response, error) {
	if err := request.refused(); err != nil {
		return nil, err
	}
	answer := c.host.Send(request.lower(""))
	c.passTime()
	return request.read(answer)
}

// DoAll sends several requests at once. It gives all responses, or the first failure in order; [Context.DoEach] gives
// each one's own.
func (c *Context) DoAll(requests ...*Request) ([]*Response, error) {
	return all(c.DoEach(requests...))
}

// DoEach is as [Context.DoAll], with a result for each. It fails as a whole, before anything is sent, if a request can't
// be made.
func (c *Context) DoEach(requests ...*Request) ([]Result[*Response], error) {
	lowered := make([]*host.Request, len(requests))
	for i, request := range requests {
		if err := request.refused(); err != nil {
			return nil, err
		}
		lowered[i] = request.lower("")
	}
	answers := c.host.SendAll(lowered)
	c.passTime()
	results := make([]Result[*Response], len(requests))
	for i, request := range requests {
		results[i].Value, results[i].Err = request.read(answers[i])
	}
	return results, nil
}

// passTime lets the process's clock show when a request had its outcome, if it was a durable call itself.
func (c *Context) passTime() {
	if c.bodies == 0 {
		c.host.PassTime()
	}
}

// Result is what came of one of several requests or calls.
type Result[T any] struct {
	Value T
	Err   error
}

// all gives all values, or the first failure.
func all[T any](results []Result[T], err error) ([]T, error) {
	if err != nil {
		return nil, err
	}
	values := make([]T, len(results))
	for i, result := range results {
		if result.Err != nil {
			return nil, result.Err
		}
		values[i] = result.Value
	}
	return values, nil
}

// refused is why the request can't be sent, before the host is asked.
func (r *Request) refused() error {
	if r.mistake != nil {
		return r.mistake
	}
	if r.Timeout < 0 {
		return Fatal("http/invalid-request", fmt.Sprintf("%s: its Timeout is %v: give one above 0, or 0 for none", r.URL, r.Timeout))
	}
	return nil
}

// lower gives the request as it leaves the guest, with an Idempotency-Key if one is given and it has none.
func (r *Request) lower(idempotencyKey string) *host.Request {
	lowered := &host.Request{Method: r.Method, URL: r.URL, Body: r.Body}
	for _, field := range r.Header {
		lowered.Header = append(lowered.Header, host.Field(field))
	}
	if _, set := r.Header.Lookup("Idempotency-Key"); !set && idempotencyKey != "" {
		lowered.Header = append(lowered.Header, host.Field{Name: "Idempotency-Key", Value: idempotencyKey})
	}
	if r.Timeout != 0 {
		lowered.TimeoutMS = milliseconds(r.Timeout)
	}
	return lowered
}

func (r *Request) read(answer host.Answer) (*Response, error) {
	if answer.Response == nil {
		return nil, noResponse(answer, r.URL)
	}
	response := &Response{StatusCode: answer.Response.Status, Body: answer.Response.Body, url: r.URL}
	for _, field := range answer.Response.Header {
		response.Header = append(response.Header, HeaderField(field))
	}
	if !r.AnyStatus && response.StatusCode >= 400 {
		return nil, response.failure()
	}
	return response, nil
}

func noResponse(answer host.Answer, url string) *Failure {
	why := fmt.Sprintf("%s: %s", url, answer.Why)
	switch answer.Case {
	case host.Timeout:
		return Retryable("http/timeout", fmt.Sprintf("no answer from %s in time", url))
	case host.Connection:
		return Retryable("http/connection", why)
	case host.Denied:
		return Fatal("http/denied", why)
	case host.InvalidRequest:
		return Fatal("http/invalid-request", why)
	case host.TooLarge:
		return Fatal("http/too-large", why)
	}
	return Retryable("http/other", why)
}
