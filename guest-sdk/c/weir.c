/* The SDK, in one file to compile: with zig cc for a component, with any C compiler for a test (beside weir_test.c). */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* strnlen, strcasecmp and srandom, where the standard is asked for strictly */
#endif
#include "src/action.c"
#include "src/durable.c"
#include "src/failure.c"
#include "src/http.c"
#include "src/json.c"
#include "src/memory.c"
#include "src/parallel.c"
#include "src/text.c"
#ifdef __wasm__
#include "src/component.c"
#include "src/guest.c"
#endif
