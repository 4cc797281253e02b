/* The host of unit tests, in one file to compile beside weir.c: the contract's imports, answered in the process of the test. */
#include "src/testing/memory.c"
#include "src/testing/place.c"
#include "src/testing/canonical.c"
#include "src/testing/calls.c"
#include "src/testing/exchange.c"
#include "src/testing/key.c"
#include "src/testing/seen.c"
