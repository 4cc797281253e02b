// Package host has the functions of the host as the rest of the SDK sees them: the contract's words as Go types, and a
// [Host] that a component passes on to its host, and a test to package weirtest.
package host

// Event is what an action reacts to. Its payload is JSON text.
type Event struct {
	ID, Kind, Payload string
}

// Scope says which memory: that of the run, or that of the key.
type Scope uint32

// The scopes, numbered as in the contract.
const (
	Sensory Scope = iota
	ShortTerm
)

// Level is how much a log line matters.
type Level uint32

// The levels, numbered as in the contract.
const (
	Trace Level = iota
	Debug
	Info
	Warn
	Error
)

// MemoryError says why memory refused.
type MemoryError struct {
	Case MemoryCase
	Why  string
}

// MemoryCase tells the reasons apart.
type MemoryCase uint8

// The reasons, numbered as in the contract.
const (
	InvalidPath MemoryCase = iota
	TypeMismatch
	OtherMemoryError
)

// Failure is a failure as it passes between guest and host. It has the fields of weir.Failure.
type Failure struct {
	Retryable    bool
	RetryAfterMS *uint32
	Kind         string
	Message      string
	// JSON text, or empty.
	Details string
}

// Outcome is what came of a durable call: JSON text, or why not.
type Outcome struct {
	JSON    string
	Failure *Failure
}

// Step says what to do about a durable call that was begun.
type Step uint8

// The steps, numbered as in the contract.
const (
	Execute Step = iota
	Replay
	Reconcile
)

// Begun is a durable call that was begun.
type Begun struct {
	Position uint32
	ID       string
	Step     Step
	// The recorded outcome, if the step is Replay.
	Outcome Outcome
}

// Field is a header.
type Field struct {
	Name, Value string
}

// Request is a request as it leaves the guest. A nil body is none; one that is UTF-8 leaves as text.
type Request struct {
	Method, URL string
	Header      []Field
	Body        []byte
	TimeoutMS   *uint32
}

// Response is a response as it reaches the guest.
type Response struct {
	Status int
	Header []Field
	Body   []byte
}

// HTTPCase says why there is no response.
type HTTPCase uint8

// The reasons, numbered as in the contract.
const (
	Denied HTTPCase = iota
	InvalidRequest
	Timeout
	TooLarge
	Connection
	OtherHTTPError
)

// Answer is what came of a request: a response, or why there is none.
type Answer struct {
	Response *Response
	Case     HTTPCase
	Why      string
}

// Host is the host's functions.
type Host interface {
	Key() string
	KeyIsText() bool
	SequenceNumber() uint64
	SourceTimestampMS() (uint64, bool)
	Header(name string) (string, bool)
	NowMS() uint64
	RandomU32() uint32
	Config(name string) (string, bool)
	Log(level Level, message string)
	Emit(kind, payload string) string

	MemoryGet(scope Scope, path string) (value string, found bool, err *MemoryError)
	MemorySet(scope Scope, path, value string) *MemoryError
	MemoryNewObject(scope Scope, path string) *MemoryError
	MemoryFields(scope Scope, path string) (names []string, found bool, err *MemoryError)
	MemoryExists(scope Scope, path string) (bool, *MemoryError)
	MemoryRemove(scope Scope, path string) (bool, *MemoryError)

	Begin(functionID, arguments string, reconcilable bool) Begun
	// Complete closes a call, and gives the outcome that counts.
	Complete(position uint32, outcome Outcome) Outcome
	Send(request *Request) Answer
	SendAll(requests []*Request) []Answer

	// EnterBody sets the process's clock and randomness for what a replay skips, LeaveBody for what it does not:
	// after a durable call, replayed or not. PassTime sets the clock alone, after a request.
	EnterBody()
	LeaveBody()
	PassTime()
	// Trap ends the attempt: the contract was used wrongly.
	Trap(why string)
}

// What the package weir does for a component and for a test. It sets them when it is initialised.
var (
	// Describe gives the actions as the contract's describe has it.
	Describe func() string
	// Invoke runs an action on a host.
	Invoke func(host Host, action string, event Event) *Failure
	// Lift gives a failure as the error that users see, a *weir.Failure; nil for nil.
	Lift func(*Failure) error
)

// Settle is called when JSON was read or written. What encoding/json learns of a type, it learns once, and draws numbers
// of the process's randomness for it: what is drawn after it must not depend on whether that was the first time.
// A component sets it.
var Settle = func() {}
