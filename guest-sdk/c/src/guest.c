/* What a component does beside the contract: time and chance of the process are the contract's, prints reach the log. */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ADAPTER(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(name)))

ADAPTER("weir_set_clock") void weir_adapter_set_clock(uint64_t ns);
ADAPTER("weir_set_random") void weir_adapter_set_random(uint64_t seed);
ADAPTER("weir_lend_line") void weir_adapter_lend_line(char *at, size_t bytes);
ADAPTER("weir_end_line") void weir_adapter_end_line(void);

static char line[4096];

/* What the process's randomness comes of: the task, and the number of calls begun, as the contract's own, of which it takes
 * nothing. */
static uint64_t task, calls;

/* Whether a body runs, and the time of day outside. */
static bool in_body;
static uint64_t outside_ns;

/* The last step of SplitMix64. */
static uint64_t mix(uint64_t z) {
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static uint64_t digest(uint64_t z, const char *text) {
    for (; *text; text++) z = mix(z ^ (unsigned char)*text);
    return mix(z + 1);
}

static uint64_t own_time(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void set_time(uint64_t not_before_ns) {
    uint64_t now_ns = weir_now_ms() * 1000000;
    weir_adapter_set_clock(now_ns > not_before_ns ? now_ns : not_before_ns);
}

static void set(uint64_t not_before_ns) {
    set_time(not_before_ns);
    uint64_t seed = mix(mix(task + calls * 2 + in_body) + 1);
    weir_adapter_set_random(seed);
    unsigned least = (unsigned)mix(seed);
    srand(least);
    srandom(least);
    srand48((long)least);
}

void weir_call_begins(void) { calls++; }

void weir_enter_body(void) {
    if (in_body) return;
    outside_ns = own_time();
    in_body = true;
    set(0);
}

void weir_leave_body(void) {
    if (!in_body) outside_ns = own_time();
    in_body = false;
    set(outside_ns);
}

void weir_pass_time(void) { set_time(own_time()); }

/* Nothing that was printed is lost. */
static void end_prints(void) {
    fflush(stdout);
    weir_adapter_end_line();
}

void weir_open_invocation(const char *action, const char *event_id) {
    weir_adapter_lend_line(line, sizeof line);
    task = digest(digest(0, action), event_id);
    calls = 0;
    in_body = false;
    set(0);
}

void weir_close_invocation(void) { end_prints(); }

_Noreturn void weir_trap(const char *why) {
    end_prints();
    component_string_t lent = weir_lend(why);
    weir_action_log_write(WEIR_ACTION_LOG_LEVEL_ERROR, &lent);
    __builtin_trap();
}

_Noreturn void weir_assert_failed(const char *expression, const char *file, int line_number, const char *function) {
    weir_trap(weir_format("%s:%d: %s: assertion failed: %s", file, line_number, function, expression));
}
