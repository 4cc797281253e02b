package weir

import "weir/internal/host"

// RequestCall is a durable call whose effect is one request, not yet made: several go out at once with [DurableAll].
type RequestCall[T any] struct {
	functionID string
	arguments  any
	request    *Request
	read       func(*Response) (T, error)
	find       func(Call) (T, bool, error)
}

// NewCall makes a durable call by a request, whose response read turns into its result. The call's id goes along as
// Idempotency-Key. A T's JSON is what [ReadJSON] reads.
func NewCall[T any](functionID string, arguments any, request *Request, read func(*Response) (T, error)) *RequestCall[T] {
	return &RequestCall[T]{functionID: functionID, arguments: arguments, request: request, read: read}
}

// ReadJSON reads a response's body, for [NewCall].
func ReadJSON[T any](response *Response) (T, error) { return JSON[T](response, nil) }

// Reconcile makes the call reconcilable, as [Reconcilable] has it. It gives the call.
func (c *RequestCall[T]) Reconcile(find func(Call) (value T, found bool, err error)) *RequestCall[T] {
	c.find = find
	return c
}

// DurableAll makes several durable calls at once: it opens all, sends their requests together, and records each outcome.
// It gives all results, or the first failure in order; [DurableEach] gives each one's own.
func DurableAll[T any](ctx *Context, calls ...*RequestCall[T]) ([]T, error) {
	return all(DurableEach(ctx, calls...))
}

// DurableEach is as [DurableAll], with a result for each. It fails as a whole, before anything is sent, if a call can't be
// made or a reconciler wants to be asked again.
func DurableEach[T any](ctx *Context, calls ...*RequestCall[T]) ([]Result[T], error) {
	// Whatever can be wrong with a call shows before the first is opened.
	arguments := make([]string, len(calls))
	for i, call := range calls {
		ctx.refuseInBody(call.functionID)
		text, err := encode(call.arguments)
		if err != nil {
			return nil, err
		}
		if err := call.request.refused(); err != nil {
			return nil, err
		}
		arguments[i] = text
	}
	begun := make([]host.Begun, len(calls))
	for i, call := range calls {
		begun[i] = ctx.host.Begin(call.functionID, arguments[i], call.find != nil)
	}
	settled := make([]*host.Outcome, len(calls))
	var requests []*host.Request
	for i, call := range calls {
		outcome, err := call.settle(ctx, begun[i])
		if err != nil {
			return nil, err
		}
		if settled[i] = outcome; outcome == nil {
			requests = append(requests, call.request.lower(begun[i].ID))
		}
	}
	var answers []host.Answer
	if len(requests) > 0 {
		answers = ctx.host.SendAll(requests)
	}
	for i, call := range calls {
		if settled[i] == nil {
			counts := ctx.host.Complete(begun[i].Position, call.outcome(ctx, answers[0]))
			settled[i], answers = &counts, answers[1:]
		}
	}
	// Before any is read, so that what is drawn for its maps is what a replay draws.
	ctx.host.LeaveBody()
	results := make([]Result[T], len(calls))
	for i, outcome := range settled {
		results[i].Value, results[i].Err = read[T](*outcome)
	}
	return results, nil
}

// settle gives the outcome of a call that needs no request, or nil.
func (c *RequestCall[T]) settle(ctx *Context, begun host.Begun) (*host.Outcome, error) {
	switch begun.Step {
	case host.Replay:
		return &begun.Outcome, nil
	case host.Reconcile:
		if c.find == nil {
			return nil, notReconcilable(c.functionID)
		}
		outcome, err := ask(ctx, begun, c.find)
		if err != nil || outcome == nil {
			return nil, err
		}
		counts := ctx.host.Complete(begun.Position, *outcome)
		return &counts, nil
	}
	return nil, nil
}

func (c *RequestCall[T]) outcome(ctx *Context, answer host.Answer) host.Outcome {
	request := *c.request
	request.AnyStatus = false
	response, err := request.read(answer)
	if err != nil {
		return write(*new(T), err)
	}
	return inBody(ctx, func() host.Outcome { return write(c.read(response)) })
}
