package weir

// What a component draws while it reads the results of parallel calls: the order of their maps.

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"weir/internal/host"
)

// place is where a component's randomness is reseeded, and so what is drawn there: package guest seeds it by the same.
type place struct {
	inBody  bool
	calls   int
	settled int
}

// placed is a host that answers requests, and replays the outcomes that it was given.
type placed struct {
	host.Host // Nobody else of it is asked.
	at        place
	outcomes  []host.Outcome
	begun     int
}

func (p *placed) Begin(string, string, bool) host.Begun {
	p.at.calls++
	begun := host.Begun{Position: uint32(p.begun), ID: fmt.Sprint(p.begun)}
	if p.begun < len(p.outcomes) {
		begun.Step, begun.Outcome = host.Replay, p.outcomes[p.begun]
	}
	p.begun++
	return begun
}

func (p *placed) Complete(_ uint32, outcome host.Outcome) host.Outcome {
	p.outcomes = append(p.outcomes, outcome)
	return outcome
}

func (p *placed) SendAll(requests []*host.Request) []host.Answer {
	body, err := json.Marshal(stock)
	if err != nil {
		panic(err)
	}
	answers := make([]host.Answer, len(requests))
	for i := range answers {
		answers[i].Response = &host.Response{Status: 200, Body: body}
	}
	return answers
}

func (p *placed) EnterBody() { p.move(true) }
func (p *placed) LeaveBody() { p.move(false) }

func (p *placed) move(inBody bool) { p.at.inBody, p.at.settled = inBody, 0 }

var stock = func() map[string]int {
	stock := map[string]int{}
	for n := range 20 {
		stock[fmt.Sprint("sku", n)] = n
	}
	return stock
}()

// readAt is where results were read, each map of which draws the order of its fields then.
var readAt []place

var now *placed

type shelf map[string]int

func (s *shelf) UnmarshalJSON(text []byte) error {
	readAt = append(readAt, now.at)
	return json.Unmarshal(text, (*map[string]int)(s))
}

// [S10]
func TestMapsOfParallelResultsHaveTheOrderOfTheirReplay(t *testing.T) {
	defer func(settle func()) { host.Settle = settle }(host.Settle)
	host.Settle = func() { now.at.settled++ }
	run := func(outcomes []host.Outcome) (*placed, []place) {
		now, readAt = &placed{outcomes: outcomes}, nil
		calls := []*RequestCall[shelf]{}
		for n := range 3 {
			calls = append(calls, NewCall("stock", n, NewRequest("GET", "https://a.example/"), ReadJSON[shelf]))
		}
		results, err := DurableAll(&Context{host: now}, calls...)
		if err != nil || len(results) != 3 || len(results[2]) != len(stock) {
			t.Fatal(results, err)
		}
		return now, append(readAt[len(readAt)-3:], now.at)
	}
	live, drawn := run(nil)
	if len(readAt) != 6 || len(live.outcomes) != 3 {
		t.Fatal("each is read from its response, then from its outcome", readAt, live.outcomes)
	}
	replay, again := run(live.outcomes)
	if len(readAt) != 3 || len(replay.outcomes) != 3 {
		t.Fatal("a replay reads the outcomes alone", readAt)
	}
	if !slices.Equal(drawn, again) {
		t.Errorf("live the maps' order is drawn at %v, on replay at %v", drawn, again)
	}
}
