package weir_test

// Requests: durable calls themselves, with failures that say whether to try again.

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"weir"
	"weir/weirtest"
)

func init() {
	weir.Export(
		weir.Action("fetch", weir.On("input"), fetch),
		weir.Action("fetch-all", weir.On("input"), fetchAll),
		weir.Action("parallel", weir.On("input"), parallel),
		weir.Action("timeout-below-none", weir.On("input"), func(ctx *weir.Context, how string) error {
			request := weir.NewRequest("GET", "https://a.example/")
			request.Timeout = -time.Millisecond
			var err error
			switch how {
			case "alone":
				_, err = ctx.Do(request)
			case "with others":
				_, err = ctx.DoAll(weir.NewRequest("GET", "https://b.example/"), request)
			case "of a call":
				_, err = weir.DurableAll(ctx, weir.NewCall("quote", 1, request, weir.ReadJSON[int]))
			}
			return err
		}),
		weir.Action("equal-calls", weir.On("input"), func(ctx *weir.Context, _ any) error {
			get := weir.NewRequest("GET", "https://a.example/")
			_, err := weir.DurableAll(ctx,
				weir.NewCall("quote", json.RawMessage(`{"a":1,"b":2}`), get, weir.ReadJSON[int]),
				weir.NewCall("quote", json.RawMessage(`{"b":2, "a":1}`), get, weir.ReadJSON[int]))
			return err
		}),
		weir.Action("unsendable", weir.On("input"), func(ctx *weir.Context, _ any) error {
			_, err := ctx.Post("https://a.example/", func() {})
			return err
		}),
	)
}

func fetch(ctx *weir.Context, anyStatus bool) error {
	request := weir.NewRequest("PUT", "https://a.example/x?q=1").WithBody("text/plain", []byte("hi"))
	request.AnyStatus = anyStatus
	response, err := ctx.Do(request)
	if err != nil {
		return err
	}
	text, err := response.Text()
	if err != nil {
		return err
	}
	return ctx.Output([]any{response.StatusCode, text, response.Header.Get("x-one")})
}

func TestResponseIsRecordedAndReplayed(t *testing.T) {
	key := weirtest.NewKey(t, "k")
	key.OnRequest(func(*weirtest.Request) weirtest.Response { return weirtest.Text("hello").WithHeader("X-One", "1") })
	for range 2 {
		done, err := key.Run("fetch", false)
		outputs(t, `[200,"hello","1"]`)(done, err)
		outputs(t, `[200,"hello","1"]`)(key.Again())
	}
	requests := key.Requests()
	if len(requests) != 2 || requests[0].Header("Idempotency-Key") == "" || requests[0].Header("content-type") != "text/plain" ||
		string(requests[0].Body()) != "hi" {
		t.Error(requests)
	}
	if call := key.Calls()[0]; call.FunctionID != "PUT https://a.example/x" || !call.Replayed {
		t.Error(call)
	}
}

func TestWhatIsNoGoodResponseIsAFailure(t *testing.T) {
	for _, the := range []struct {
		answer    weirtest.Response
		kind      string
		retryable bool
	}{
		{weirtest.Status(404), "http/status", false},
		{weirtest.Status(429), "http/status", true},
		{weirtest.Status(503), "http/status", true},
		{weirtest.Timeout(), "http/timeout", true},
		{weirtest.ConnectionFailed("refused"), "http/connection", true},
		{weirtest.Denied("not granted"), "http/denied", false},
		{weirtest.Text("\xff"), "http/body", false},
	} {
		key := weirtest.NewKey(t, "k")
		key.OnRequest(func(*weirtest.Request) weirtest.Response { return the.answer })
		fails(t, the.kind, the.retryable)(key.Run("fetch", false))
	}
}

func TestFailedStatusTellsTheWaitAndTheAnswer(t *testing.T) {
	key := weirtest.NewKey(t, "k")
	key.OnRequest(func(*weirtest.Request) weirtest.Response {
		return weirtest.Text(strings.Repeat("é", 1001)).WithStatus(429).WithHeader("Retry-After", "7")
	})
	_, err := key.Run("fetch", false)
	failure := weir.AsFailure(err)
	if failure.RetryAfter == nil || *failure.RetryAfter != 7*time.Second ||
		string(failure.Details) != `{"status":429,"text":"`+strings.Repeat("é", 1000)+`"}` {
		t.Error(failure, string(failure.Details))
	}
	outputs(t, `[429,"`+strings.Repeat("é", 1001)+`",""]`)(key.Run("fetch", true))
	outputs(t, `[429,"`+strings.Repeat("é", 1001)+`",""]`)(key.Again())
}

func TestRepetitionAfterARetryableFailureSendsTheSameKey(t *testing.T) {
	key := weirtest.NewKey(t, "k")
	key.OnRequest(func(*weirtest.Request) weirtest.Response { return weirtest.Status(500) })
	fails(t, "http/status", true)(key.Run("fetch", false))
	fails(t, "http/status", true)(key.Again())
	requests := key.Requests()
	if len(requests) != 2 || requests[0].Header("Idempotency-Key") != requests[1].Header("Idempotency-Key") {
		t.Error(requests)
	}
}

func fetchAll(ctx *weir.Context, urls []string) error {
	requests := []*weir.Request{}
	for _, url := range urls {
		requests = append(requests, weir.NewRequest("GET", url))
	}
	results, err := ctx.DoEach(requests...)
	if err != nil {
		return err
	}
	saw := []any{}
	for _, result := range results {
		if result.Err != nil {
			saw = append(saw, weir.AsFailure(result.Err).Kind)
		} else {
			saw = append(saw, result.Value.StatusCode)
		}
	}
	return ctx.Output(saw)
}

func TestSeveralRequestsHaveEachItsOwnResult(t *testing.T) {
	key := weirtest.NewKey(t, "k")
	key.OnRequest(func(request *weirtest.Request) weirtest.Response {
		if strings.HasSuffix(request.URL(), "b") {
			return weirtest.Status(500)
		}
		return weirtest.Status(204)
	})
	urls := []string{"https://x.example/a", "https://x.example/b", "https://x.example/a"}
	outputs(t, `[204,"http/status",204]`)(key.Run("fetch-all", urls))
	requests := key.Requests()
	if requests[0].Header("Idempotency-Key") == requests[2].Header("Idempotency-Key") {
		t.Error("two requests of one batch have the same key")
	}
}

func parallel(ctx *weir.Context, shops []string) error {
	calls := []*weir.RequestCall[int]{}
	for _, shop := range shops {
		request := weir.NewRequest("POST", "https://"+shop+".example/").WithJSON(shop)
		call := weir.NewCall("quote", shop, request, weir.ReadJSON[int])
		if shop == "b" {
			call.Reconcile(func(weir.Call) (int, bool, error) { return 55, true, nil })
		}
		calls = append(calls, call)
	}
	quotes, err := weir.DurableAll(ctx, calls...)
	if err != nil {
		return err
	}
	return ctx.Output(quotes)
}

// [S16]
func TestParallelCallsAreEachRecordedAndReconciled(t *testing.T) {
	key := weirtest.NewKey(t, "k")
	key.OnRequest(func(request *weirtest.Request) weirtest.Response { return weirtest.JSON(len(request.Body())) })
	key.CrashIn("quote")
	fails(t, "crash", true)(key.Run("parallel", []string{"a", "b"}))
	outputs(t, `[3,55]`)(key.Again())
	outputs(t, `[3,55]`)(key.Again())
	requests := key.Requests()
	if len(requests) != 3 || requests[0].Header("Idempotency-Key") != requests[2].Header("Idempotency-Key") {
		t.Error(len(requests), requests)
	}
}

// [S16]
func TestEqualCallsAtOnceAreRefused(t *testing.T) {
	key := weirtest.NewKey(t, "k")
	key.OnRequest(func(*weirtest.Request) weirtest.Response { return weirtest.JSON(1) })
	_, err := key.Run("equal-calls", nil)
	if failure := weir.AsFailure(err); failure == nil || failure.Kind != "trap" ||
		!strings.Contains(failure.Message, "one with the same arguments is open") {
		t.Error(err)
	}
	if len(key.Requests()) != 0 {
		t.Error(key.Requests())
	}
}

func TestParallelFailureIsTheFirstInOrder(t *testing.T) {
	key := weirtest.NewKey(t, "k")
	key.OnRequest(func(request *weirtest.Request) weirtest.Response {
		if strings.Contains(request.URL(), "a.") {
			return weirtest.Status(404)
		}
		return weirtest.Text("no number")
	})
	fails(t, "http/status", false)(key.Run("parallel", []string{"a", "c"}))
	calls := key.Calls()
	if len(calls) != 2 || calls[1].Failure == nil || calls[1].Failure.Kind != "http/body" {
		t.Error(calls)
	}
}

func TestBodyThatIsNoJSONSendsNothing(t *testing.T) {
	key := weirtest.NewKey(t, "k")
	fails(t, "json", false)(key.Run("unsendable", nil))
	if len(key.Calls()) != 0 {
		t.Error(key.Calls())
	}
}

func TestTimeoutBelowNoneSendsNothing(t *testing.T) {
	for _, how := range []string{"alone", "with others", "of a call"} {
		key := weirtest.NewKey(t, "k")
		_, err := key.Run("timeout-below-none", how)
		fails(t, "http/invalid-request", false)(nil, err)
		if !strings.Contains(err.Error(), "https://a.example/: its Timeout is -1ms: ") || len(key.Calls()) != 0 {
			t.Error(how, err, key.Calls())
		}
	}
}
