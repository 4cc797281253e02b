package weir_test

// The code of the guide, README.md: it stands here too, where it is compiled and run.

import (
	"os"
	"strings"
	"testing"
	"time"

	"weir"
	"weir/weirtest"
)

func TestEachBlockOfTheGuideIsCompiledHere(t *testing.T) {
	here := lines(t, "guide_test.go")
	blocks := strings.Split(readFile(t, "README.md"), "```go\n")[1:]
	if len(blocks) < 6 {
		t.Fatalf("%d blocks", len(blocks))
	}
	for _, block := range blocks {
		code, _, _ := strings.Cut(block, "```")
		for _, part := range strings.Split(code, "\n\n") {
			if strings.HasPrefix(part, "package ") || strings.HasPrefix(part, "import ") || strings.HasPrefix(part, "func main") {
				continue
			}
			if !strings.Contains(here, normal(part)) {
				t.Errorf("put this part of README.md into guide_test.go:\n%s", part)
			}
		}
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	bytes, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes)
}

func lines(t *testing.T, name string) string { return normal(readFile(t, name)) }

// normal gives the words of code, and none of its space.
func normal(code string) string { return strings.Join(strings.Fields(code), " ") }

type Order struct {
	ID    string `json:"id"`
	Cents int    `json:"cents"`
}

func charge(ctx *weir.Context, order Order) error {
	total, err := weir.Update(ctx.Memory(), "total", func(n int) int { return n + order.Cents }) // it lives with the key
	if err != nil {
		return err
	}
	return ctx.Output(map[string]any{"id": order.ID, "total": total}) // leaves by the sink
}

func init() { weir.Export(weir.Action("charge", weir.On("input"), charge)) }

func remember(ctx *weir.Context, order Order) error {
	memory := ctx.Memory()                                       // lives with the key
	err := ctx.Sensory().Set("step", 1)                          // lives for this run
	err = memory.Set("order.items.count", 3)                     // parents are made
	count, err := weir.Get[int](memory, "order.items.count")     // 0 if nothing is there
	seen, found, err := weir.Lookup[Order](memory, "order.last") // says whether it is
	all, err := weir.Get[map[string]any](memory, "order")        // an object: all that is below it
	total, err := weir.Update(memory, "order.total", func(n int) int { return n + order.Cents })
	names, err := memory.Fields("order") // nil if no object is there
	removed, err := memory.Remove("order.items")
	err = memory.Set("seen."+weir.Escape(order.ID), true) // dots in a name are escaped
	if err != nil {
		return err
	}
	return ctx.Output([]any{count, seen, found, len(all), total, names, removed})
}

func quote(ctx *weir.Context, order Order) error {
	rate, err := weir.JSON[float64](ctx.Get("https://rates.example/eur"))
	if err != nil {
		return err
	}
	fraud := weir.NewRequest("POST", "https://fraud.example/").WithJSON(order)
	fraud.Header.Set("X-Shop", "12")
	fraud.Timeout = 2 * time.Second
	stock := weir.NewRequest("DELETE", "https://stock.example/1")
	stock.AnyStatus = true                    // else a status from 400 on is a failure
	responses, err := ctx.DoAll(fraud, stock) // at once; DoEach gives each one's own error
	if err != nil {
		return err
	}
	if responses[1].StatusCode == 404 {
		ctx.Log().Warn("was gone", "id", order.ID)
	}
	return ctx.Output(rate)
}

type Receipt struct{ Number int }

func feeFor(order Order) (int, error) { return order.Cents / 10, nil }

func findCharge(*weir.Context, string) (Receipt, bool, error) { return Receipt{}, false, nil }

func newCharge(*weir.Context, string, Order, int) (Receipt, error) { return Receipt{7}, nil }

func settle(ctx *weir.Context, order Order) error {
	fee, err := weir.Durable(ctx, "fee", order, func(weir.Call) (int, error) { return feeFor(order) })
	if err != nil {
		return err
	}
	receipt, err := weir.Reconcilable(ctx, "charge", []any{order, fee},
		func(call weir.Call) (Receipt, bool, error) { return findCharge(ctx, call.ID) },
		func(call weir.Call) (Receipt, error) { return newCharge(ctx, call.ID, order, fee) })
	if err != nil {
		return err
	}
	return ctx.Output(receipt)
}

func limit(ctx *weir.Context, order Order) error {
	if order.Cents == 0 {
		return weir.Fatal("card-declined", "no funds") // trying again would not help
	}
	return weir.Retryable("busy", "come back").After(5 * time.Second)
}

func page(ctx *weir.Context, place string) error {
	ticket, err := weir.JSON[string](ctx.Post("https://pager.example.com/", place))
	if err != nil {
		return err
	}
	return ctx.Output(ticket)
}

func init() {
	weir.Export(
		weir.Action("remember", weir.On("input"), remember),
		weir.Action("quote", weir.On("input"), quote),
		weir.Action("settle", weir.On("input"), settle),
		weir.Action("limit", weir.On("input"), limit),
	)
}

func init() { weir.Export(weir.Action("page", weir.On("swarm"), page)) }

func TestChargeAddsUp(t *testing.T) {
	key := weirtest.NewKey(t, "ann")
	for range 3 {
		if _, err := key.Run("charge", Order{ID: "7", Cents: 250}); err != nil {
			t.Fatal(err)
		}
	}
	if total := weirtest.Memory[int](key, "total"); total != 750 {
		t.Errorf("total is %d", total)
	}
}

func TestPagerIsAskedUntilItAnswers(t *testing.T) {
	key := weirtest.NewKey(t, "Taiwan")
	key.OnRequest(func(*weirtest.Request) weirtest.Response { return weirtest.Status(503) })
	if _, err := key.Run("page", "Hualian"); !weir.AsFailure(err).Retryable {
		t.Error(err)
	}
	key.OnRequest(func(*weirtest.Request) weirtest.Response { return weirtest.JSON("ticket 7") })
	for range 2 { // the next attempt, then a replay, which asks nobody
		done, err := key.Again()
		if err != nil || done.Outputs()[0] != `"ticket 7"` {
			t.Error(done, err)
		}
	}
	if len(key.Requests()) != 2 {
		t.Error(key.Requests())
	}
}

func TestMemoryOfTheGuideIsAsItSays(t *testing.T) {
	key := weirtest.NewKey(t, "ann")
	outputs(t, `[3,{"id":"","cents":0},false,1,250,["items","total"],true]`)(key.Run("remember", Order{"a.b", 250}))
	if !weirtest.Memory[bool](key, `seen.a\.b`) || weirtest.Sensory[int](key, "step") != 1 {
		t.Error("memory is not as set")
	}
}

func TestRequestsOfTheGuideGoOutAsItSays(t *testing.T) {
	key := weirtest.NewKey(t, "ann")
	key.OnRequest(func(request *weirtest.Request) weirtest.Response {
		if request.Method() == "DELETE" {
			return weirtest.Status(404)
		}
		return weirtest.JSON(1.5)
	})
	outputs(t, `1.5`)(key.Run("quote", Order{"7", 250}))
	requests := key.Requests()
	if len(requests) != 3 || requests[1].Header("x-shop") != "12" || string(requests[1].Body()) != `{"id":"7","cents":250}` {
		t.Error(requests)
	}
	if logs := key.Logs(); len(logs) != 1 || logs[0] != (weirtest.LogLine{Level: "warn", Message: "was gone id=7"}) {
		t.Error(logs)
	}
}

func TestFailuresOfTheGuideAreAsItSays(t *testing.T) {
	key := weirtest.NewKey(t, "ann")
	outputs(t, `{"Number":7}`)(key.Run("settle", Order{"7", 250}))
	fails(t, "card-declined", false)(key.Run("limit", Order{}))
	_, err := key.Run("limit", Order{Cents: 1})
	if failure := weir.AsFailure(err); !failure.Retryable || *failure.RetryAfter != 5*time.Second {
		t.Error(err)
	}
}

// outputs says whether an action completed with one output event of this JSON.
func outputs(t *testing.T, wanted string) func(*weirtest.Completed, error) {
	t.Helper()
	return func(done *weirtest.Completed, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if got := done.Outputs(); len(got) != 1 || got[0] != wanted {
			t.Errorf("outputs are %s, not %s", got, wanted)
		}
	}
}

// fails says whether an action failed so.
func fails(t *testing.T, kind string, retryable bool) func(*weirtest.Completed, error) {
	t.Helper()
	return func(_ *weirtest.Completed, err error) {
		t.Helper()
		failure := weir.AsFailure(err)
		if failure == nil || failure.Kind != kind || failure.Retryable != retryable {
			t.Errorf("failure is %v, not of kind %s, retryable %t", failure, kind, retryable)
		}
	}
}
