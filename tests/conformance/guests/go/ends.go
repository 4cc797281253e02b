package main

import (
	"errors"

	"weir"
)

// crash ends as nobody meant it to.
func crash(ctx *weir.Context, crash struct{ How string }) error {
	switch crash.How {
	case "error":
		return failing()
	case "panic":
		panic("crash on purpose")
	case "error-in-call":
		_, err := weir.Durable(ctx, "crash", nil, func(weir.Call) (any, error) { return nil, failing() })
		return err
	case "panic-in-call":
		_, err := weir.Durable(ctx, "crash", nil, func(weir.Call) (any, error) { panic("crash on purpose") })
		return err
	case "error-without-text":
		return errors.New("")
	case "error-without-text-in-call":
		_, err := weir.Durable(ctx, "crash", nil, func(weir.Call) (any, error) { return nil, errors.New("") })
		return err
	case "loop":
		for {
		}
	case "recurse":
		ctx.Log().Info("deep", "depth", recurse(1))
	case "allocate":
		var kept [][]byte
		for {
			kept = append(kept, make([]byte, 1_000_000))
			kept[len(kept)-1][0] = 1
		}
	default:
		return weir.Fatal("unknown-op", "this guest does not know how to crash by "+crash.How)
	}
	return nil
}

func failing() error { return errors.New("crash on purpose") }

//go:noinline
func recurse(depth int) int {
	if depth == 0 {
		return 1
	}
	return recurse(depth+1)*depth ^ depth
}
