package weir

import (
	"encoding/json"
	"errors"
	"math"
	"time"

	"weir/internal/host"
)

// Failure says why an action, or a durable call, did not succeed: recorded and replayed whole. It is an error.
//
// A retryable one may succeed when tried again: the action is run again as the manifest's retry policy says. A fatal one
// will not: the manifest's on_failure decides what becomes of the key.
//
// Any other error that an action returns is a fatal failure of kind error, one of encoding/json of kind json. A failure
// that is wrapped, by fmt.Errorf with %w, stays what it is, with the message of the whole.
type Failure struct {
	// Whether it may succeed when tried again.
	Retryable bool
	// How long to wait at least before it is tried again; nil for what the policy says.
	RetryAfter *time.Duration
	// What sort of failure, for code to tell failures apart, such as card-declined.
	Kind string
	// What to tell people.
	Message string
	// JSON, or nil.
	Details json.RawMessage
}

// Fatal makes a failure that trying again would not mend.
func Fatal(kind, message string) *Failure {
	return &Failure{Kind: kind, Message: message}
}

// Retryable makes a failure that may be gone when it is tried again.
func Retryable(kind, message string) *Failure {
	return &Failure{Retryable: true, Kind: kind, Message: message}
}

// After gives the same failure, not to be tried again before this long.
func (f *Failure) After(wait time.Duration) *Failure {
	other := *f
	other.RetryAfter = &wait
	return &other
}

// WithDetails gives the same failure with details for code to read. What is no JSON is said in the details instead.
func (f *Failure) WithDetails(details any) *Failure {
	text, err := encode(details)
	if err != nil {
		text, _ = encode("details are no JSON: " + err.Error())
	}
	other := *f
	other.Details = json.RawMessage(text)
	return &other
}

// Error is kind and message.
func (f *Failure) Error() string { return f.Kind + ": " + f.Message }

// AsFailure gives an error as the failure that it would be if an action returned it; nil for nil.
func AsFailure(err error) *Failure { return failureOf(err) }

func failureOf(err error) *Failure {
	if err == nil {
		return nil
	}
	if failure, ok := err.(*Failure); ok {
		return failure
	}
	var failure *Failure
	if errors.As(err, &failure) {
		other := *failure
		other.Message = err.Error()
		return &other
	}
	if isJSONError(err) {
		return Fatal("json", err.Error())
	}
	return Fatal("error", err.Error())
}

func (f *Failure) lower() *host.Failure {
	if f == nil {
		return nil
	}
	lowered := &host.Failure{Retryable: f.Retryable, Kind: f.Kind, Message: f.Message}
	if f.RetryAfter != nil {
		lowered.RetryAfterMS = milliseconds(*f.RetryAfter)
	}
	if f.Details != nil {
		text, err := encode(f.Details)
		if err != nil {
			text, _ = encode("details are no JSON: " + err.Error())
		}
		lowered.Details = text
	}
	return lowered
}

func lift(lowered *host.Failure) error {
	if lowered == nil {
		return nil
	}
	failure := &Failure{Retryable: lowered.Retryable, Kind: lowered.Kind, Message: lowered.Message}
	if lowered.RetryAfterMS != nil {
		wait := time.Duration(*lowered.RetryAfterMS) * time.Millisecond
		failure.RetryAfter = &wait
	}
	if lowered.Details != "" {
		failure.Details = json.RawMessage(lowered.Details)
	}
	return failure
}

// milliseconds gives a duration as the contract has it: a part of one counts as one, and more than it can say,
// some 49 days, as that.
func milliseconds(duration time.Duration) *uint32 {
	count := duration / time.Millisecond
	if duration%time.Millisecond > 0 {
		count++
	}
	whole := uint32(min(max(count, 0), math.MaxUint32))
	return &whole
}
