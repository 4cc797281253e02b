//go:build wasip1

package guest

import (
	"math/rand/v2"
	"unsafe"
)

//go:wasmimport wasi_snapshot_preview1 weir_set_clock
func setClock(ns uint64)

//go:wasmimport wasi_snapshot_preview1 weir_set_random
func setRandom(seed uint64)

//go:wasmimport wasi_snapshot_preview1 weir_lend_line
func lendLine(at unsafe.Pointer, bytes uint32)

//go:wasmimport wasi_snapshot_preview1 weir_end_line
func endLine()

func currentG() unsafe.Pointer

// chance is the generator that Go's runtime draws from: for math/rand, and for the order in which a map is ranged over.
// The runtime seeds it when the instance starts, before there is a task, so each instance would draw the same; and it has
// no way to seed it again. So its state is found in memory, by two numbers drawn from it, and set.
// It is the State of internal/chacha8rand, and stands in the runtime's m.
type chance struct {
	drawn   [32]uint64
	seed    [4]uint64
	next    uint32
	filled  uint32
	counter uint32
}

// The field m of the runtime's g: behind stack, two guards, and the innermost panic and defer.
const offsetOfM = 48

// How far into an m the state is looked for.
const bytesOfM = 4096

var found *chance

// findChance finds the generator's state, and ends the instance if this release of Go keeps it in another way: at once,
// when the component is loaded, rather than with equal random numbers in each task.
func findChance() *chance {
	if found != nil {
		return found
	}
	m := *(*unsafe.Pointer)(unsafe.Add(currentG(), offsetOfM))
	for range 8 { // Between two draws it may have been filled anew.
		first, second := rand.Uint64(), rand.Uint64()
		for at := 0; at < bytesOfM; at += 8 {
			if *(*uint64)(unsafe.Add(m, at)) != first || *(*uint64)(unsafe.Add(m, at+8)) != second {
				continue
			}
			for back := 0; back < 31 && back*8 <= at; back++ {
				state := (*chance)(unsafe.Add(m, at-back*8))
				if state.next == uint32(back)+2 && (state.filled == 32 || state.filled == 28) && state.counter < 16 {
					found = state
					return found
				}
			}
		}
	}
	panic("weir: this release of Go keeps its randomness where the SDK does not find it: " +
		"build with a release of Go that the SDK's README names, or take a newer SDK")
}

// seedChance begins another stream of numbers.
func seedChance(seed uint64) {
	state := findChance()
	seed = ^seed // The adapter's stream begins with the seed itself.
	for i := range state.seed {
		seed += 0x9e3779b97f4a7c15
		state.seed[i] = mix(seed)
	}
	// As if all were drawn: the next draw fills it from the seed.
	state.counter = 0
	state.next = state.filled
}

// mix is the last step of SplitMix64.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
