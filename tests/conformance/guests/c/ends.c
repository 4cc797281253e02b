#include "guest.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static volatile int depth_max = 0;

static int recurse(int depth) {
    volatile int left[16] = {depth};
    if (depth == depth_max) return 1;
    return recurse(depth + 1) * left[0] ^ depth;
}

static weir_failure *fail_assert(const weir_call *call, void *data, const char **result) {
    (void)call, (void)data, (void)result;
    assert(!"crash on purpose");
    return NULL;
}

/* C has no errors that nobody returned: `error` and `error-in-call` are left out. */
weir_failure *crash(const weir_event *event) {
    const char *how = weir_json_string(weir_json_get(event->payload, "how"));
    if (strcmp(how, "panic") == 0) assert(!"crash on purpose");
    if (strcmp(how, "panic-in-call") == 0) return weir_durable("crash", NULL, fail_assert, NULL, NULL);
    if (strcmp(how, "recurse") == 0) weir_log(WEIR_INFO, "deep %d", recurse(1));
    while (strcmp(how, "loop") == 0) depth_max = 0;
    while (strcmp(how, "allocate") == 0) {
        volatile char *kept = malloc(1000000);
        assert(kept);
        for (int i = 0; i < 1000000; i += 4096) kept[i] = 1;
    }
    return weir_fatal("unknown-op", "this guest does not know how to crash by %s", how);
}
