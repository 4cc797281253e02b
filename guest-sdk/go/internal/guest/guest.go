//go:build wasip1

package guest

import (
	"runtime"
	"time"
	"unicode/utf8"
	"unsafe"

	"weir/internal/host"
)

// Guest is the host behind the contract's imports.
type Guest struct {
	// What the process's randomness comes of: the task, and the number of calls begun, as the contract's own, of which it
	// takes nothing.
	task  uint64
	calls uint64
	// How often it was settled since the last call began or ended.
	settled uint64
	// Whether the process's clock and randomness are those of a body, and the time of day outside.
	inBody  bool
	outside int64
}

// newGuest gives the host of a task.
func newGuest(action string, event host.Event) *Guest {
	guest := &Guest{task: digest(digest(0, action), event.ID)}
	host.Settle = guest.settle
	guest.set(0)
	return guest
}

func digest(z uint64, text string) uint64 {
	for i := range len(text) {
		z = mix(z ^ uint64(text[i]))
	}
	return mix(z + uint64(len(text)))
}

// Key and the functions below it are the contract's.
func (*Guest) Key() string {
	defer taken()
	invocationKey(result().at)
	return result().text(0)
}

func (*Guest) KeyIsText() bool { return invocationKeyIsText() != 0 }

func (*Guest) SequenceNumber() uint64 { return invocationSequenceNumber() }

func (*Guest) SourceTimestampMS() (uint64, bool) {
	invocationSourceTimestampMS(result().at)
	return result().u64(8), result().u8(0) != 0
}

func (*Guest) Header(name string) (string, bool) {
	defer taken()
	invocationHeader(text(name), result().at)
	return result().option(0)
}

func (*Guest) NowMS() uint64 { return invocationNowMS() }

func (*Guest) RandomU32() uint32 { return invocationRandomU32() }

func (*Guest) Config(name string) (string, bool) {
	defer taken()
	configGet(text(name), result().at)
	return result().option(0)
}

func (*Guest) Log(level host.Level, message string) { logWrite(uint32(level), text(message)) }

func (*Guest) Emit(kind, payload string) string {
	defer taken()
	eventsEmit(text(kind), payload, result().at)
	return result().text(0)
}

func (*Guest) MemoryGet(scope host.Scope, path string) (string, bool, *host.MemoryError) {
	defer taken()
	memoryGet(uint32(scope), text(path), result().at)
	if err := memoryError(); err != nil {
		return "", false, err
	}
	value, found := result().option(4)
	return value, found, nil
}

func (*Guest) MemorySet(scope host.Scope, path, value string) *host.MemoryError {
	defer taken()
	memorySet(uint32(scope), text(path), value, result().at)
	return memoryError()
}

func (*Guest) MemoryNewObject(scope host.Scope, path string) *host.MemoryError {
	defer taken()
	memoryNewObject(uint32(scope), text(path), result().at)
	return memoryError()
}

func (*Guest) MemoryFields(scope host.Scope, path string) ([]string, bool, *host.MemoryError) {
	defer taken()
	memoryFields(uint32(scope), text(path), result().at)
	if err := memoryError(); err != nil || result().u8(4) == 0 {
		return nil, false, err
	}
	names := make([]string, result().u32(12))
	for i := range names {
		names[i] = result().to(8).text(i * 8)
	}
	return names, true, nil
}

func (*Guest) MemoryExists(scope host.Scope, path string) (bool, *host.MemoryError) {
	defer taken()
	memoryExists(uint32(scope), text(path), result().at)
	return result().u8(4) != 0, memoryError()
}

func (*Guest) MemoryRemove(scope host.Scope, path string) (bool, *host.MemoryError) {
	defer taken()
	memoryRemove(uint32(scope), text(path), result().at)
	return result().u8(4) != 0, memoryError()
}

func memoryError() *host.MemoryError {
	if result().u8(0) == 0 {
		return nil
	}
	return &host.MemoryError{Case: host.MemoryCase(result().u8(4)), Why: result().text(8)}
}

func (g *Guest) Begin(functionID, arguments string, reconcilable bool) host.Begun {
	defer taken()
	g.calls++
	if reconcilable {
		callBeginReconcilable(text(functionID), arguments, result().at)
	} else {
		callBegin(text(functionID), arguments, result().at)
	}
	at := result()
	begun := host.Begun{Position: at.u32(0), ID: at.text(4), Step: host.Step(at.u8(12))}
	if begun.Step == host.Replay {
		begun.Outcome = at.plus(16).outcome()
	}
	return begun
}

func (*Guest) Complete(position uint32, outcome host.Outcome) host.Outcome {
	defer taken()
	if failure := outcome.Failure; failure == nil {
		at := address(unsafe.Pointer(unsafe.StringData(outcome.JSON)))
		callComplete(position, 0, at, uint32(len(outcome.JSON)), 0, "", "", 0, "", result().at)
	} else {
		hasWait, wait := flag(failure.RetryAfterMS != nil), uint32(0)
		if failure.RetryAfterMS != nil {
			wait = *failure.RetryAfterMS
		}
		callComplete(position, 1, flag(failure.Retryable), hasWait, wait, text(failure.Kind), text(failure.Message),
			flag(failure.Details != ""), failure.Details, result().at)
	}
	runtime.KeepAlive(outcome)
	if result().u8(0) != 0 {
		return host.Outcome{Failure: result().plus(4).failure()}
	}
	return outcome
}

func (*Guest) Send(request *host.Request) host.Answer {
	defer taken()
	lowered := lower(request)
	httpSend(lowered.method, lowered.url, lowered.header(), uint32(len(lowered.fields)), lowered.bodyCase, lowered.body,
		lowered.hasTimeout, lowered.timeoutMS, result().at)
	runtime.KeepAlive(lowered)
	return result().answer()
}

// bytesOfRequest is the size of a request in memory.
const bytesOfRequest = 44

func (*Guest) SendAll(requests []*host.Request) []host.Answer {
	defer taken()
	lowered := make([]*loweredRequest, len(requests))
	memory := make([]uint32, len(requests)*bytesOfRequest/4+1)
	list := place{unsafe.Pointer(unsafe.SliceData(memory))}
	for i, request := range requests {
		lowered[i] = lower(request)
		lowered[i].write(list.plus(i * bytesOfRequest))
	}
	httpSendAll(list.at, uint32(len(requests)), result().at)
	runtime.KeepAlive(lowered)
	runtime.KeepAlive(memory)
	answers := make([]host.Answer, result().u32(4))
	for i := range answers {
		answers[i] = result().to(0).plus(i * bytesOfAnswer).answer()
	}
	return answers
}

// loweredRequest holds what a request's words in memory point to.
type loweredRequest struct {
	method, url           string
	fields                []fieldWords
	texts                 []string
	bodyCase              uint32
	body                  string
	hasTimeout, timeoutMS uint32
}

// fieldWords are a header's name and value as they stand in memory.
type fieldWords [4]uint32

// The cases of a body.
const (
	bodyNone uint32 = iota
	bodyText
	bodyBytes
)

func lower(request *host.Request) *loweredRequest {
	lowered := &loweredRequest{method: text(request.Method), url: text(request.URL)}
	lowered.fields = make([]fieldWords, len(request.Header))
	for i, field := range request.Header {
		name, value := text(field.Name), text(field.Value)
		lowered.texts = append(lowered.texts, name, value)
		at := place{unsafe.Pointer(&lowered.fields[i])}
		at.putText(0, name)
		at.putText(8, value)
	}
	if request.Body != nil {
		lowered.bodyCase, lowered.body = bodyBytes, string(request.Body)
		if utf8.Valid(request.Body) {
			lowered.bodyCase = bodyText
		}
	}
	if request.TimeoutMS != nil {
		lowered.hasTimeout, lowered.timeoutMS = 1, *request.TimeoutMS
	}
	return lowered
}

func (r *loweredRequest) header() unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(r.fields)) }

func (r *loweredRequest) write(at place) {
	at.putText(0, r.method)
	at.putText(8, r.url)
	at.put(16, address(r.header()))
	at.put(20, uint32(len(r.fields)))
	at.put(24, r.bodyCase)
	at.putText(28, r.body)
	at.put(36, r.hasTimeout)
	at.put(40, r.timeoutMS)
}

// EnterBody lets time and chance of the process be those of an open call, which a replay skips.
func (g *Guest) EnterBody() {
	if g.inBody {
		return
	}
	g.inBody, g.outside = true, time.Now().UnixNano()
	g.set(0)
}

// LeaveBody lets them be as if the body had never run.
func (g *Guest) LeaveBody() {
	if !g.inBody {
		g.outside = time.Now().UnixNano()
	}
	g.inBody = false
	g.set(g.outside)
}

// PassTime lets the process's clock go on to the contract's.
func (*Guest) PassTime() {
	setClock(uint64(max(time.Now().UnixNano(), contractTime())))
}

func (g *Guest) set(notBefore int64) {
	setClock(uint64(max(notBefore, contractTime())))
	g.settled = 0
	setRandom(g.seed())
	seedChance(g.seed())
}

// settle lets what is drawn from here on depend on nothing that was drawn before.
func (g *Guest) settle() {
	g.settled++
	seedChance(g.seed())
}

// seed is what randomness comes of at this place of the action.
func (g *Guest) seed() uint64 {
	stream := g.calls * 2
	if g.inBody {
		stream++
	}
	return mix(mix(mix(g.task+stream)+g.settled) + 1)
}

func contractTime() int64 { return int64(invocationNowMS()) * int64(time.Millisecond) }

// Trap ends the attempt.
func (*Guest) Trap(why string) { panic(why) }
