// Package weir is for actions of Weir: functions that it runs for events of the kinds they listen to, one event of a key
// after another, each with effect exactly once. What an action does, to its key's memory, by events and outputs, takes
// effect when it completes, and not at all if it fails.
//
//	package main
//
//	import "weir"
//
//	type Quake struct {
//		Magnitude *float64 `json:"magnitude"`
//		Place     string   `json:"place"`
//	}
//
//	func count(ctx *weir.Context, quake Quake) error {
//		n, err := weir.Update(ctx.Memory(), "count", func(n int) int { return n + 1 })
//		if err != nil || n <= 10 {
//			return err
//		}
//		return ctx.Emit("swarm", quake)
//	}
//
//	func init() {
//		weir.Export(weir.Action("count", weir.On("input"), count))
//	}
//
//	func main() {}
//
// Actions are tested with package weir/weirtest, by go test, without a host.
package weir

// Version is the SDK's.
const Version = "0.1.0"
