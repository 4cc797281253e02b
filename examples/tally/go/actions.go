package main

import "weir"

type event struct {
	Amount int `json:"amount"`
}

type tallied struct {
	Language string `json:"language"`
	Count    int    `json:"count"`
	Total    int    `json:"total"`
	Doubled  int    `json:"doubled"`
}

func tally(ctx *weir.Context, event event) error {
	count, err := weir.Update(ctx.Memory(), "go.count", func(count int) int { return count + 1 })
	if err != nil {
		return err
	}
	total, err := weir.Update(ctx.Memory(), "go.total", func(total int) int { return total + event.Amount })
	if err != nil {
		return err
	}
	doubled, err := weir.Durable(ctx, "double", event.Amount, func(weir.Call) (int, error) { return event.Amount * 2, nil })
	if err != nil {
		return err
	}
	return ctx.Output(tallied{"go", count, total, doubled})
}

func init() { weir.Export(weir.Action("tally-go", weir.On("input"), tally)) }

func main() {}
