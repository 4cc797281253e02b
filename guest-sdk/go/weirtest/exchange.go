package weirtest

import (
	"encoding/json"
	"fmt"
	"strings"

	"weir/internal/host"
)

func (a *attempt) Send(request *host.Request) host.Answer {
	return a.SendAll([]*host.Request{request})[0]
}

// SendAll sends requests that belong to an open call, or else makes a durable call of each.
func (a *attempt) SendAll(requests []*host.Request) []host.Answer {
	answers := make([]host.Answer, len(requests))
	if a.openCall() != nil {
		for i, request := range requests {
			answers[i] = a.exchange(request)
		}
		return answers
	}
	batchFrom := len(a.asked)
	begun := make([]host.Begun, len(requests))
	for i, request := range requests {
		path, _, _ := strings.Cut(request.URL, "#")
		path, _, _ = strings.Cut(path, "?")
		arguments := written(map[string]any{"method": request.Method, "url": request.URL, "body": request.Body})
		begun[i] = a.begin(request.Method+" "+path, canonical(arguments), false, batchFrom)
	}
	for i, request := range requests {
		if begun[i].Step == host.Replay {
			answers[i] = decodeAnswer(begun[i].Outcome)
			continue
		}
		if (&Request{request}).Header("Idempotency-Key") == "" {
			other := *request
			field := host.Field{Name: "Idempotency-Key", Value: begun[i].ID}
			other.Header = append(append([]host.Field{}, request.Header...), field)
			request = &other
		}
		answers[i] = a.exchange(request)
		a.Complete(begun[i].Position, encodeAnswer(answers[i]))
	}
	return answers
}

func (a *attempt) exchange(request *host.Request) host.Answer {
	seen := &Request{request}
	a.requests = append(a.requests, seen)
	if a.responder == nil {
		panic(fmt.Sprintf("%s %s was sent, and nobody answers: set Key.OnRequest", request.Method, request.URL))
	}
	return a.responder(seen).answer
}

// recordedAnswer is a response as it is recorded.
type recordedAnswer struct {
	Status int          `json:"status"`
	Header []host.Field `json:"header"`
	Body   []byte       `json:"body"`
}

// httpCases are the kinds of failures that stand for no response, in the order of the contract.
var httpCases = []string{
	"http/denied", "http/invalid-request", "http/timeout", "http/too-large", "http/connection", "http/other",
}

// encodeAnswer gives an answer as a recorded outcome. Statuses that may be gone next time count as retryable failures,
// whose details hold the response, so that a replay gives it back.
func encodeAnswer(answer host.Answer) host.Outcome {
	if answer.Response == nil {
		failure := &host.Failure{Retryable: true, Kind: httpCases[answer.Case], Message: answer.Why}
		return host.Outcome{Failure: failure}
	}
	status := answer.Response.Status
	text := written(recordedAnswer{status, answer.Response.Header, answer.Response.Body})
	if status == 408 || status == 425 || status == 429 || status >= 500 && status <= 599 {
		failure := &host.Failure{Retryable: true, Kind: "http/status", Message: fmt.Sprint(status), Details: text}
		return host.Outcome{Failure: failure}
	}
	return host.Outcome{JSON: text}
}

func decodeAnswer(outcome host.Outcome) host.Answer {
	text := outcome.JSON
	if outcome.Failure != nil {
		for number, kind := range httpCases {
			if kind == outcome.Failure.Kind {
				return host.Answer{Case: host.HTTPCase(number), Why: outcome.Failure.Message}
			}
		}
		text = outcome.Failure.Details
	}
	var recorded recordedAnswer
	if err := json.Unmarshal([]byte(text), &recorded); err != nil {
		panic(err) // encodeAnswer wrote it.
	}
	return host.Answer{Response: &host.Response{Status: recorded.Status, Header: recorded.Header, Body: recorded.Body}}
}
