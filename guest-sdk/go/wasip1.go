//go:build wasip1

package weir

import _ "weir/internal/guest" // The contract's exports.
