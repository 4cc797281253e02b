package weir

// Durations, as they leave the guest.

import (
	"math"
	"testing"
	"time"
)

func TestDurationsLeaveInWholeMillisecondsAndTheLongestStaysLong(t *testing.T) {
	for duration, expected := range map[time.Duration]uint32{
		0: 0, 1: 1, time.Millisecond: 1, time.Millisecond + 1: 2, 5 * time.Second: 5000,
		math.MaxUint32 * time.Millisecond: math.MaxUint32, math.MaxUint32*time.Millisecond + 1: math.MaxUint32,
		math.MaxInt64 - 999_999: math.MaxUint32, math.MaxInt64: math.MaxUint32,
		-1: 0, -time.Hour: 0, math.MinInt64: 0,
	} {
		if wait := Retryable("busy", "").After(duration).lower().RetryAfterMS; *wait != expected {
			t.Errorf("a wait of %v leaves as %d ms, not %d", duration, *wait, expected)
		}
		if duration <= 0 {
			continue
		}
		request := Request{Timeout: duration}
		if timeout := request.lower("").TimeoutMS; *timeout != expected {
			t.Errorf("a timeout of %v leaves as %d ms, not %d", duration, *timeout, expected)
		}
	}
	if timeout := new(Request).lower("").TimeoutMS; timeout != nil {
		t.Errorf("no timeout leaves as %d ms", *timeout)
	}
}
