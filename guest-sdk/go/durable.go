package weir

import (
	"fmt"

	"weir/internal/host"
)

// Call is a durable call while it is open.
type Call struct {
	// ID names this call and no other, the same again when it is executed again: hand it to the other side as its
	// idempotency key.
	ID string
}

// Durable makes a side effect, or work not to be done twice: it runs body and records its outcome, failures too; when the
// action is run again, it gives what was recorded instead.
//
// functionID and arguments say which call it is. If the process dies after the effect and before the record, body is run
// again with the same [Call.ID]: hand that to the other side, or use [Reconcilable]. Memory can't be changed, nor events
// emitted, nor another durable call made, in body: a replay would skip that.
func Durable[T any](ctx *Context, functionID string, arguments any, body func(Call) (T, error)) (T, error) {
	ctx.refuseInBody(functionID)
	text, err := encode(arguments)
	if err != nil {
		return *new(T), err
	}
	begun := ctx.host.Begin(functionID, text, false)
	switch begun.Step {
	case host.Execute:
		return execute(ctx, begun, body)
	case host.Replay:
		ctx.host.LeaveBody()
		return read[T](begun.Outcome)
	}
	return *new(T), notReconcilable(functionID)
}

// Reconcilable is as [Durable], and when the call was cut off between its effect and its record, find is asked what became
// of it. found: it happened, with this value. Not found: it never did, so body is run. A retryable failure: unknown as
// yet; the attempt ends, and find is asked again; so it is after a value that is no JSON. A fatal failure is the
// outcome.
func Reconcilable[T any](ctx *Context, functionID string, arguments any,
	find func(Call) (value T, found bool, err error), body func(Call) (T, error)) (T, error) {
	ctx.refuseInBody(functionID)
	text, err := encode(arguments)
	if err != nil {
		return *new(T), err
	}
	begun := ctx.host.Begin(functionID, text, true)
	switch begun.Step {
	case host.Reconcile:
		outcome, err := ask(ctx, begun, find)
		if err != nil {
			return *new(T), err
		}
		if outcome == nil {
			return execute(ctx, begun, body)
		}
		counts := ctx.host.Complete(begun.Position, *outcome)
		ctx.host.LeaveBody()
		return read[T](counts)
	case host.Replay:
		ctx.host.LeaveBody()
		return read[T](begun.Outcome)
	}
	return execute(ctx, begun, body)
}

// execute runs the body of an open call and completes it.
func execute[T any](ctx *Context, begun host.Begun, body func(Call) (T, error)) (T, error) {
	outcome := inBody(ctx, func() host.Outcome { return write(body(Call{begun.ID})) })
	counts := ctx.host.Complete(begun.Position, outcome)
	ctx.host.LeaveBody()
	return read[T](counts)
}

// ask gives what a reconciler's answer means: the outcome, or nil if the call is to be executed.
// A retryable failure, or that of a value which can't be written, passes through with the call left open: nothing is
// recorded, and it is asked again.
func ask[T any](ctx *Context, begun host.Begun, find func(Call) (T, bool, error)) (*host.Outcome, error) {
	var outcome *host.Outcome
	var unknown error
	inBody(ctx, func() (none struct{}) {
		value, found, err := find(Call{begun.ID})
		switch failure := failureOf(err); {
		case failure != nil && failure.Retryable:
			unknown = failure
		case failure != nil:
			outcome = &host.Outcome{Failure: failure.lower()}
		case found:
			text, err := encode(value)
			if err != nil {
				unknown = err
				return none
			}
			outcome = &host.Outcome{JSON: text}
		}
		return none
	})
	return outcome, unknown
}

// inBody runs what a replay skips, with its own clock and randomness.
func inBody[R any](ctx *Context, body func() R) R {
	ctx.bodies++
	defer func() { ctx.bodies-- }()
	ctx.host.EnterBody()
	return body()
}

// refuseInBody stops a durable call in the body of another: a replay of that would skip it, and diverge.
func (c *Context) refuseInBody(functionID string) {
	if c.bodies > 0 {
		c.host.Trap(fmt.Sprintf(
			"durable call `%s` in the body of another, which a replay would skip: make it before or after", functionID))
	}
}

// write gives a result as the host records it.
func write[T any](value T, err error) host.Outcome {
	if failure := failureOf(err); failure != nil {
		return host.Outcome{Failure: failure.lower()}
	}
	text, err := encode(value)
	if err != nil {
		return host.Outcome{Failure: failureOf(err).lower()}
	}
	return host.Outcome{JSON: text}
}

// read gives a recorded outcome as a result. The first time too, so that an action never sees more than its replay will.
func read[T any](outcome host.Outcome) (value T, err error) {
	if outcome.Failure != nil {
		return value, lift(outcome.Failure)
	}
	if err := decode(outcome.JSON, &value); err != nil {
		return value, Fatal("json", fmt.Sprintf("the recorded outcome of a durable call is of another type: %v", err))
	}
	return value, nil
}

// notReconcilable leaves the call open, and with it the pending record: nobody has said what became of its effect.
func notReconcilable(functionID string) error {
	return Fatal("not-reconcilable", fmt.Sprintf(
		"the call `%s` was cut off when it had a reconciler, and has none now: give it one again", functionID))
}
