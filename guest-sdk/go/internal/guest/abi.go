//go:build wasip1

// Package guest is the SDK's side of a component: the contract's imports and exports, by hand over the canonical ABI.
package guest

import (
	"unicode/utf8"
	"unsafe"

	"weir/internal/host"
)

// The contract's imports. A result that is more than one number is written where the last parameter points.

//go:wasmimport weir:action/invocation@0.1.0 key
func invocationKey(result unsafe.Pointer)

//go:wasmimport weir:action/invocation@0.1.0 key-is-text
func invocationKeyIsText() uint32

//go:wasmimport weir:action/invocation@0.1.0 sequence-number
func invocationSequenceNumber() uint64

//go:wasmimport weir:action/invocation@0.1.0 source-timestamp-ms
func invocationSourceTimestampMS(result unsafe.Pointer)

//go:wasmimport weir:action/invocation@0.1.0 header
func invocationHeader(name string, result unsafe.Pointer)

//go:wasmimport weir:action/invocation@0.1.0 now-ms
func invocationNowMS() uint64

//go:wasmimport weir:action/invocation@0.1.0 random-u32
func invocationRandomU32() uint32

//go:wasmimport weir:action/config@0.1.0 get
func configGet(name string, result unsafe.Pointer)

//go:wasmimport weir:action/log@0.1.0 write
func logWrite(level uint32, message string)

//go:wasmimport weir:action/events@0.1.0 emit
func eventsEmit(kind, payload string, result unsafe.Pointer)

//go:wasmimport weir:action/memory@0.1.0 get
func memoryGet(scope uint32, path string, result unsafe.Pointer)

//go:wasmimport weir:action/memory@0.1.0 set
func memorySet(scope uint32, path, value string, result unsafe.Pointer)

//go:wasmimport weir:action/memory@0.1.0 new-object
func memoryNewObject(scope uint32, path string, result unsafe.Pointer)

//go:wasmimport weir:action/memory@0.1.0 fields
func memoryFields(scope uint32, path string, result unsafe.Pointer)

//go:wasmimport weir:action/memory@0.1.0 exists
func memoryExists(scope uint32, path string, result unsafe.Pointer)

//go:wasmimport weir:action/memory@0.1.0 remove
func memoryRemove(scope uint32, path string, result unsafe.Pointer)

//go:wasmimport weir:action/durable-call@0.1.0 begin
func callBegin(functionID, arguments string, result unsafe.Pointer)

//go:wasmimport weir:action/durable-call@0.1.0 begin-reconcilable
func callBeginReconcilable(functionID, arguments string, result unsafe.Pointer)

// The parameters of a result<json, failure>, flat: the failure's where it is one, else the text and nothing.
//
//go:wasmimport weir:action/durable-call@0.1.0 complete
func callComplete(position, isFailure, textOrRetryable, lengthOrHasWait, waitMS uint32,
	kind, message string, hasDetails uint32, details string, result unsafe.Pointer)

//go:wasmimport weir:action/http@0.1.0 send
func httpSend(method, url string, header unsafe.Pointer, headerLength, bodyCase uint32, body string,
	hasTimeout, timeoutMS uint32, result unsafe.Pointer)

//go:wasmimport weir:action/http@0.1.0 send-all
func httpSendAll(requests unsafe.Pointer, length uint32, result unsafe.Pointer)

// handedOver keeps what the host has put into memory until it is read: the host's pointers are not seen by the collector.
var handedOver [][]uint64

// reallocate gives the host memory for what it hands over.
//
//go:wasmexport cabi_realloc
func reallocate(old unsafe.Pointer, oldBytes, align, bytes uint32) unsafe.Pointer {
	if bytes == 0 {
		return unsafe.Pointer(&nothing)
	}
	words := make([]uint64, (int(bytes)+7)/8)
	at := unsafe.Pointer(unsafe.SliceData(words))
	if oldBytes > 0 {
		copy(unsafe.Slice((*byte)(at), bytes), unsafe.Slice((*byte)(old), oldBytes))
	}
	handedOver = append(handedOver, words)
	return at
}

var nothing uint64

// taken is said when all that the host handed over has been read: what is still needed is held by what was made of it.
func taken() {
	clear(handedOver)
	handedOver = handedOver[:0]
}

// place is where something stands in memory, to be read or written by offsets.
type place struct{ at unsafe.Pointer }

// results is where the host writes the result of a call. It is read before the next call.
var results [8]uint64

func result() place { return place{unsafe.Pointer(&results)} }

func (p place) plus(offset int) place    { return place{unsafe.Add(p.at, offset)} }
func (p place) u8(offset int) uint8      { return *(*uint8)(unsafe.Add(p.at, offset)) }
func (p place) u16(offset int) uint16    { return *(*uint16)(unsafe.Add(p.at, offset)) }
func (p place) u32(offset int) uint32    { return *(*uint32)(unsafe.Add(p.at, offset)) }
func (p place) u64(offset int) uint64    { return *(*uint64)(unsafe.Add(p.at, offset)) }
func (p place) to(offset int) place      { return place{unsafe.Add(nil, p.u32(offset))} }
func (p place) put(offset int, v uint32) { *(*uint32)(unsafe.Add(p.at, offset)) = v }
func (p place) text(offset int) string {
	if p.u32(offset+4) == 0 {
		return "" // Its pointer may be any number.
	}
	return stringOf(p.to(offset).at, p.u32(offset+4))
}

func (p place) putText(offset int, text string) {
	p.put(offset, address(unsafe.Pointer(unsafe.StringData(text))))
	p.put(offset+4, uint32(len(text)))
}

func address(at unsafe.Pointer) uint32 { return uint32(uintptr(at)) }

func stringOf(at unsafe.Pointer, length uint32) string {
	return unsafe.String((*byte)(at), length)
}

func (p place) option(offset int) (string, bool) {
	if p.u8(offset) == 0 {
		return "", false
	}
	return p.text(offset + 4), true
}

func (p place) failure() *host.Failure {
	failure := &host.Failure{Retryable: p.u8(0) != 0, Kind: p.text(12), Message: p.text(20)}
	if p.u8(4) != 0 {
		wait := p.u32(8)
		failure.RetryAfterMS = &wait
	}
	failure.Details, _ = p.option(28)
	return failure
}

// bytesOfFailure is the size of a failure in memory.
const bytesOfFailure = 40

func (p place) putFailure(failure *host.Failure) {
	p.put(0, flag(failure.Retryable))
	p.put(4, flag(failure.RetryAfterMS != nil))
	if failure.RetryAfterMS != nil {
		p.put(8, *failure.RetryAfterMS)
	}
	p.putText(12, failure.Kind)
	p.putText(20, failure.Message)
	p.put(28, flag(failure.Details != ""))
	p.putText(32, failure.Details)
}

func (p place) outcome() host.Outcome {
	if p.u8(0) == 0 {
		return host.Outcome{JSON: p.text(4)}
	}
	return host.Outcome{Failure: p.plus(4).failure()}
}

func (p place) fields(offset int) []host.Field {
	fields := make([]host.Field, p.u32(offset+4))
	for i := range fields {
		at := p.to(offset).plus(i * 16)
		fields[i] = host.Field{Name: at.text(0), Value: at.text(8)}
	}
	return fields
}

// bytesOfAnswer is the size of a result<response, http-error> in memory.
const bytesOfAnswer = 28

func (p place) answer() host.Answer {
	if p.u8(0) != 0 {
		answer := host.Answer{Case: host.HTTPCase(p.u8(4))}
		if answer.Case != host.Timeout {
			answer.Why = p.text(8)
		}
		return answer
	}
	response := &host.Response{Status: int(p.u16(4)), Header: p.fields(8)}
	if p.u8(16) != 0 {
		response.Body = []byte{}
		if bytes := p.u32(24); bytes > 0 {
			response.Body = unsafe.Slice((*byte)(p.to(20).at), bytes)
		}
	}
	return host.Answer{Response: response}
}

func flag(yes bool) uint32 {
	if yes {
		return 1
	}
	return 0
}

// text gives what the host takes as text: Go's strings may hold other bytes, which become U+FFFD.
func text(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}
