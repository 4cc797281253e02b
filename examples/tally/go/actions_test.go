package main

import (
	"testing"

	"weir/weirtest"
)

func TestAmountsAddUp(t *testing.T) {
	key := weirtest.NewKey(t, "Taiwan")
	for i, wanted := range []tallied{{"go", 1, 5, 10}, {"go", 2, 3, -4}} {
		done, err := key.Run("tally-go", event{[]int{5, -2}[i]})
		if err != nil {
			t.Fatal(err)
		}
		if outputs := weirtest.Outputs[tallied](done); len(outputs) != 1 || outputs[0] != wanted {
			t.Error(outputs)
		}
	}
	if total := weirtest.Memory[int](key, "go.total"); total != 3 {
		t.Error(total)
	}
}
