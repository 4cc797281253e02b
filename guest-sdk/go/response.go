package weir

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Response is an HTTP response, as it came or as it was recorded.
type Response struct {
	StatusCode int
	Header     Header
	// Nil if there is none.
	Body []byte

	url string
}

// JSON reads the body into what value points to; a fatal failure of kind http/body if it is not that.
func (r *Response) JSON(value any) error {
	if err := decode(string(r.Body), value); err != nil {
		return Fatal("http/body", fmt.Sprintf("the answer of %s is not as wanted: %v", r.url, err))
	}
	return nil
}

// Text gives the body as text; a fatal failure of kind http/body if it is not UTF-8.
func (r *Response) Text() (string, error) {
	if !utf8.Valid(r.Body) {
		return "", Fatal("http/body", fmt.Sprintf("the answer of %s is no text", r.url))
	}
	return string(r.Body), nil
}

// JSON reads the body of a response, as a request's method gives it: weir.JSON[Ticket](ctx.Post(url, quake)).
func JSON[T any](response *Response, err error) (value T, _ error) {
	if err != nil {
		return value, err
	}
	return value, response.JSON(&value)
}

// failure says that the status is not as wanted. Its details are {"status", "text"}, the text cut at 1,000 characters.
func (r *Response) failure() *Failure {
	message := fmt.Sprintf("%s answered %d", r.url, r.StatusCode)
	failure := Fatal("http/status", message)
	if r.StatusCode == 408 || r.StatusCode == 425 || r.StatusCode == 429 || r.StatusCode >= 500 && r.StatusCode <= 599 {
		failure = Retryable("http/status", message)
		// In seconds. (Its other form, a date, would need the other side's clock.)
		wait := strings.TrimSpace(r.Header.Get("Retry-After"))
		if seconds, err := strconv.ParseUint(wait, 10, 32); err == nil && len(wait) < 10 {
			failure = failure.After(time.Duration(seconds) * time.Second)
		}
	}
	text := []rune(strings.ToValidUTF8(string(r.Body), "\uFFFD"))
	return failure.WithDetails(struct {
		Status int    `json:"status"`
		Text   string `json:"text"`
	}{r.StatusCode, string(text[:min(len(text), 1000)])})
}
