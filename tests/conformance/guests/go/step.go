package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand"
	"net/url"
	"time"

	"weir"
)

// step is one of a script; its op says which of the fields are there.
type step struct {
	requestStep
	Op    string `json:"op"`
	Catch bool   `json:"catch"`

	Scope string          `json:"scope"`
	Path  string          `json:"path"`
	Name  string          `json:"name"`
	Kind  string          `json:"kind"`
	Value json.RawMessage `json:"value"`

	Function  string          `json:"function"`
	Arguments json.RawMessage `json:"arguments"`
	Inside    []step          `json:"inside"`
	OK        json.RawMessage `json:"ok"`
	Fail      *failureStep    `json:"fail"`
	Found     struct {
		Never bool            `json:"never"`
		OK    json.RawMessage `json:"ok"`
		Fail  *failureStep    `json:"fail"`
	} `json:"found"`
	Calls    []step        `json:"calls"`
	Requests []requestStep `json:"requests"`

	Level   string `json:"level"`
	Message string `json:"message"`
}

type failureStep struct {
	Kind      string          `json:"kind"`
	Message   string          `json:"message"`
	Retryable bool            `json:"retryable"`
	WaitMS    *int64          `json:"wait_ms"`
	Details   json.RawMessage `json:"details"`
}

// runAll takes the steps, and adds what they see.
func runAll(ctx *weir.Context, steps []step, seen *[]any) error {
	for i := range steps {
		saw, err := steps[i].run(ctx)
		if err != nil {
			if !steps[i].Catch {
				return err
			}
			saw = show(err)
		}
		if _, nothing := saw.(unseen); !nothing {
			*seen = append(*seen, saw)
		}
	}
	return nil
}

// unseen is what a step sees that sees nothing.
type unseen struct{}

func (s *step) run(ctx *weir.Context) (any, error) {
	memory := ctx.Memory()
	if s.Scope == "sensory" {
		memory = ctx.Sensory()
	}
	switch s.Op {
	case "get":
		value, found, err := weir.Lookup[json.RawMessage](memory, s.Path)
		if !found {
			return []any{}, err
		}
		return []any{value}, err
	case "set":
		return unseen{}, memory.Set(s.Path, s.Value)
	case "new-object":
		return unseen{}, memory.NewObject(s.Path)
	case "fields":
		return memory.Fields(s.Path)
	case "exists":
		return memory.Exists(s.Path)
	case "remove":
		return memory.Remove(s.Path)
	case "count":
		return weir.Update(memory, "seen."+weir.Escape(s.Name), func(n int) int { return n + 1 })

	case "emit":
		return ctx.EmitWithID(s.Kind, s.Value)
	case "output":
		return unseen{}, ctx.Output(s.Value)

	case "call":
		return weir.Durable(ctx, s.Function, s.Arguments, s.body(ctx))
	case "reconcile":
		return weir.Reconcilable(ctx, s.Function, s.Arguments, s.find(ctx), s.body(ctx))
	case "charge":
		return weir.Reconcilable(ctx, s.Function, s.Arguments, s.findCharge(ctx), s.charge(ctx))
	case "parallel":
		return s.parallel(ctx)

	case "http":
		response, err := ctx.Do(s.request())
		return s.came(response, err)
	case "http-all":
		return s.requestAll(ctx)

	case "where":
		where := map[string]any{
			"key": ctx.Key(), "key_is_text": ctx.KeyIsText(), "sequence_number": ctx.SequenceNumber(),
			"source_timestamp_ms": nil, "event_id": ctx.EventID(), "event_kind": ctx.EventKind(),
		}
		if at, ok := ctx.SourceTimestamp(); ok {
			where["source_timestamp_ms"] = at.UnixMilli()
		}
		return where, nil
	case "header":
		return orNull(ctx.Header(s.Name)), nil
	case "config":
		return orNull(ctx.Config(s.Name)), nil
	case "now":
		return ctx.Now().UnixMilli(), nil
	case "random":
		return ctx.RandomU32(), nil
	case "own-clock":
		return time.Now().UnixMilli(), nil
	case "own-random":
		return rand.Float64(), nil

	case "log":
		levels := map[string]slog.Level{
			"trace": slog.LevelDebug - 4, "debug": slog.LevelDebug, "info": slog.LevelInfo,
			"warn": slog.LevelWarn, "error": slog.LevelError,
		}
		ctx.Log().Log(context.Background(), levels[s.Level], s.Message)
		return unseen{}, nil
	case "print":
		fmt.Println(s.Message)
		return unseen{}, nil
	case "fail":
		return nil, s.Fail.failure()
	}
	return nil, weir.Fatal("unknown-op", "this guest does not know the op "+s.Op)
}

func orNull(value string, ok bool) any {
	if !ok {
		return nil
	}
	return value
}

func (s *step) body(ctx *weir.Context) func(weir.Call) (json.RawMessage, error) {
	return func(call weir.Call) (json.RawMessage, error) {
		ctx.Log().Info(fmt.Sprintf("run %s %s", s.Function, call.ID))
		if err := runAll(ctx, s.Inside, new([]any)); err != nil {
			return nil, err
		}
		if s.Fail != nil {
			return nil, s.Fail.failure()
		}
		return s.OK, nil
	}
}

func (s *step) find(ctx *weir.Context) func(weir.Call) (json.RawMessage, bool, error) {
	return func(call weir.Call) (json.RawMessage, bool, error) {
		ctx.Log().Info(fmt.Sprintf("find %s %s", s.Function, call.ID))
		if s.Found.Fail != nil {
			return nil, false, s.Found.Fail.failure()
		}
		return s.Found.OK, !s.Found.Never, nil
	}
}

func (s *step) charge(ctx *weir.Context) func(weir.Call) (json.RawMessage, error) {
	return func(call weir.Call) (json.RawMessage, error) {
		request := weir.NewRequest("POST", s.URL).WithJSON(s.Arguments)
		request.Header.Set("Idempotency-Key", call.ID)
		return weir.JSON[json.RawMessage](ctx.Do(request))
	}
}

func (s *step) findCharge(ctx *weir.Context) func(weir.Call) (json.RawMessage, bool, error) {
	return func(call weir.Call) (json.RawMessage, bool, error) {
		receipt, err := weir.JSON[json.RawMessage](ctx.Get(s.URL + "?id=" + url.QueryEscape(call.ID)))
		if failure := weir.AsFailure(err); failure != nil && failure.Kind == "http/status" {
			var details struct{ Status int }
			if json.Unmarshal(failure.Details, &details) == nil && details.Status == 404 {
				return nil, false, nil
			}
		}
		return receipt, err == nil, err
	}
}

func (s *step) parallel(ctx *weir.Context) (any, error) {
	calls := make([]*weir.RequestCall[json.RawMessage], len(s.Calls))
	for i, call := range s.Calls {
		request := weir.NewRequest("POST", call.URL).WithJSON(call.Arguments)
		calls[i] = weir.NewCall(call.Function, call.Arguments, request, weir.ReadJSON[json.RawMessage])
	}
	results, err := weir.DurableEach(ctx, calls...)
	if err != nil {
		return nil, err
	}
	saw := []any{}
	for _, result := range results {
		if result.Err != nil {
			saw = append(saw, show(result.Err))
		} else {
			saw = append(saw, map[string]any{"ok": result.Value})
		}
	}
	return saw, nil
}

func (s *step) requestAll(ctx *weir.Context) (any, error) {
	requests := make([]*weir.Request, len(s.Requests))
	for i := range s.Requests {
		requests[i] = s.Requests[i].request()
	}
	results, err := ctx.DoEach(requests...)
	if err != nil {
		return nil, err
	}
	saw := []any{}
	for i, result := range results {
		came, err := s.Requests[i].came(result.Value, result.Err)
		if err != nil {
			came = show(err)
		}
		saw = append(saw, came)
	}
	return saw, nil
}

func (f *failureStep) failure() *weir.Failure {
	failure := &weir.Failure{Retryable: f.Retryable, Kind: f.Kind, Message: f.Message, Details: f.Details}
	if f.WaitMS != nil {
		return failure.After(time.Duration(*f.WaitMS) * time.Millisecond)
	}
	return failure
}

func show(err error) any {
	failure := weir.AsFailure(err)
	shown := map[string]any{
		"failure": failure.Kind, "message": failure.Message, "retryable": failure.Retryable,
		"wait_ms": nil, "details": failure.Details,
	}
	if failure.RetryAfter != nil {
		shown["wait_ms"] = failure.RetryAfter.Milliseconds()
	}
	return shown
}
