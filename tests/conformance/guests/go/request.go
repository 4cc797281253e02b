package main

import (
	"encoding/json"
	"time"

	"weir"
)

// requestStep is a request of a script.
type requestStep struct {
	Method    string          `json:"method"`
	URL       string          `json:"url"`
	Headers   [][2]string     `json:"headers"`
	JSON      json.RawMessage `json:"json"`
	Text      *string         `json:"text"`
	Bytes     []int           `json:"bytes"`
	TimeoutMS int             `json:"timeout_ms"`
	AnyStatus bool            `json:"any_status"`
	Read      string          `json:"read"`
}

func (r *requestStep) request() *weir.Request {
	request := weir.NewRequest(r.Method, r.URL)
	request.Timeout = time.Duration(r.TimeoutMS) * time.Millisecond
	request.AnyStatus = r.AnyStatus
	for _, header := range r.Headers {
		request.Header.Add(header[0], header[1])
	}
	switch {
	case r.JSON != nil:
		request.WithJSON(r.JSON)
	case r.Text != nil:
		request.WithBody("", []byte(*r.Text))
	case r.Bytes != nil:
		bytes := make([]byte, len(r.Bytes))
		for i, number := range r.Bytes {
			bytes[i] = byte(number)
		}
		request.WithBody("", bytes)
	}
	return request
}

// came gives what came of the request.
func (r *requestStep) came(response *weir.Response, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	came := map[string]any{"status": response.StatusCode, "type": nil, "body": nil}
	if contentType, ok := response.Header.Lookup("Content-Type"); ok {
		came["type"] = contentType
	}
	switch r.Read {
	case "json":
		came["body"], err = weir.JSON[json.RawMessage](response, nil)
	case "text":
		came["body"], err = response.Text()
	case "bytes":
		numbers := []int{} // A []byte would be written as base64.
		for _, number := range response.Body {
			numbers = append(numbers, int(number))
		}
		came["body"] = numbers
	}
	return came, err
}
