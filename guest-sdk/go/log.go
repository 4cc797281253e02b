package weir

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"weir/internal/host"
)

// Log writes to the host's log, which adds key, sequence number and action. A level below slog.LevelDebug is trace.
// What fmt.Print and package log write reaches the host's log, too.
func (c *Context) Log() *slog.Logger { return slog.New(logHandler{host: c.host}) }

// logHandler writes a record as one line: the message, then its attributes as slog's own text handler has them.
type logHandler struct {
	host host.Host
	// What With and WithGroup were given, in order.
	with []func(slog.Handler) slog.Handler
}

// Enabled leaves it to the host what is kept.
func (logHandler) Enabled(context.Context, slog.Level) bool { return true }

// withoutAttributes is how slog's text handler begins a record without time and message.
const withoutAttributes = `level=INFO msg=""`

func (l logHandler) Handle(ctx context.Context, record slog.Record) error {
	message := record.Message
	if record.NumAttrs() > 0 || len(l.with) > 0 {
		var text strings.Builder
		var handler slog.Handler = slog.NewTextHandler(&text, nil)
		for _, with := range l.with {
			handler = with(handler)
		}
		attributes := record
		attributes.Time, attributes.Level, attributes.Message = time.Time{}, slog.LevelInfo, ""
		if err := handler.Handle(ctx, attributes); err != nil {
			return err
		}
		message = strings.TrimSpace(message + strings.TrimPrefix(text.String(), withoutAttributes))
	}
	l.host.Log(levelOf(record.Level), message)
	return nil
}

func (l logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return l.and(func(handler slog.Handler) slog.Handler { return handler.WithAttrs(attrs) })
}

func (l logHandler) WithGroup(name string) slog.Handler {
	return l.and(func(handler slog.Handler) slog.Handler { return handler.WithGroup(name) })
}

func (l logHandler) and(with func(slog.Handler) slog.Handler) slog.Handler {
	return logHandler{l.host, append(l.with[:len(l.with):len(l.with)], with)}
}

func levelOf(level slog.Level) host.Level {
	switch {
	case level < slog.LevelDebug:
		return host.Trace
	case level < slog.LevelInfo:
		return host.Debug
	case level < slog.LevelWarn:
		return host.Info
	case level < slog.LevelError:
		return host.Warn
	}
	return host.Error
}
