/* What a test's key keeps, and how an attempt ends: what the parts of the test host share. */
#ifndef WEIR_TESTING_H
#define WEIR_TESTING_H

#include "../../weir_test.h"
#include "../internal.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct node {
    const char *name;
    /* JSON; NULL for an object. */
    const char *leaf;
    struct node *below;
    size_t count;
} node;

typedef struct answer {
    /* NULL for a response. */
    const char *failure;
    int status;
    const char *body;
    const weir_header *headers;
    size_t headers_count;
} answer;

/* A call's result that outlives the attempt. */
typedef struct result {
    bool known, pending;
    /* Of a retryable failure: it stays only if the action goes on to another call. */
    bool unrecorded;
    const char *function_id, *arguments, *json;
    const weir_failure *failure;
    const answer *answer;
} result;

/* A call of this attempt. */
typedef struct asked {
    const char *function_id, *arguments;
    bool reconcilable, open;
    /* Tells calls with the same function id and arguments apart. */
    size_t ordinal;
    /* Its outcome was a retryable failure: a repetition has the same id. */
    bool may_repeat;
} asked;

typedef weir_header pair;

typedef struct list {
    void *items;
    size_t count;
} list;

typedef struct block {
    struct block *next;
} block;

struct weir_test_key {
    block *blocks;
    /* As actions see it. */
    const char *key;
    bool key_is_text, has_timestamp;
    uint64_t timestamp_ms, start_ms, runs;
    list config, headers;
    weir_test_response (*respond)(const weir_test_request *request, void *data);
    void *respond_data;
    const char *crash_in;

    /* The last task, as it was given. */
    const char *action, *kind, *payload;
    size_t ordinal;
    node before[2];
    list results;

    /* What it left, by scope. */
    node memory[2];

    /* The running attempt, or the last. */
    jmp_buf end;
    const weir_failure *failure;
    const char *event_id;
    node working[2];
    list asked, calls, logs, requests;
    list events; /* pairs of kind and payload */
    uint64_t clock_us, drawn[2];
    size_t drawn_since[2];
};

static weir_test_key *running;

static _Noreturn void wrong(const char *what) {
    fprintf(stderr, "weir_test: %s\n", what);
    exit(2);
}

static void *keep(weir_test_key *key, size_t bytes) {
    block *made = calloc(1, sizeof(block) + sizeof(max_align_t) + bytes);
    if (!made) wrong("there is no memory left");
    made->next = key->blocks;
    key->blocks = made;
    return (char *)made + sizeof(max_align_t);
}

static const char *keep_text(weir_test_key *key, const char *text, size_t bytes) {
    char *kept = keep(key, bytes + 1);
    if (bytes) memcpy(kept, text, bytes);
    return kept;
}

static const char *keep_copy(weir_test_key *key, const char *text) {
    return text ? keep_text(key, text, strlen(text)) : NULL;
}

static const char *keep_lent(weir_test_key *key, const component_string_t *text) {
    return keep_text(key, (const char *)text->ptr, text->len);
}

static const char *keep_format(weir_test_key *key, const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int bytes = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (bytes < 0) wrong(format);
    char *text = keep(key, (size_t)bytes + 1);
    vsnprintf(text, (size_t)bytes + 1, format, again);
    va_end(again);
    return text;
}

/* A place for one more item. */
static void *more(weir_test_key *key, list *list, size_t bytes) {
    char *items = keep(key, (list->count + 1) * bytes);
    if (list->count) memcpy(items, list->items, list->count * bytes);
    list->items = items;
    return items + list->count++ * bytes;
}

static void put_pair(weir_test_key *key, list *list, const char *name, const char *value) {
    pair *put = more(key, list, sizeof *put);
    put->name = keep_copy(key, name);
    put->value = keep_copy(key, value);
}

static const char *last_of(const list *list, const char *name) {
    const pair *pairs = list->items;
    for (size_t i = list->count; i-- > 0;)
        if (strcmp(pairs[i].name, name) == 0) return pairs[i].value;
    return NULL;
}

/* What the SDK takes and frees: nothing, if there is nothing in it. */
static void *allocate_for_guest(size_t bytes) {
    void *made = bytes ? malloc(bytes) : NULL;
    if (bytes && !made) wrong("there is no memory left");
    return made;
}

static void give(component_string_t *to, const char *text) { component_string_dup_n(to, text, strlen(text)); }

void component_string_dup_n(component_string_t *to, const char *text, size_t bytes) {
    to->len = bytes;
    to->ptr = allocate_for_guest(bytes);
    if (bytes) memcpy(to->ptr, text, bytes);
}

void component_string_dup(component_string_t *to, const char *text) { give(to, text); }

/* --- How an attempt ends from within --- */

static weir_failure *keep_failure(weir_test_key *key, weir_action_types_failure_t *lent) {
    weir_failure *kept = keep(key, sizeof *kept);
    kept->retryable = lent->retryable;
    kept->retry_after_ms = lent->retry_after_ms.is_some ? (long long)lent->retry_after_ms.val : -1;
    kept->kind = keep_lent(key, &lent->kind);
    kept->message = keep_lent(key, &lent->message);
    if (lent->details.is_some) kept->details = keep_lent(key, &lent->details.val);
    return kept;
}

static weir_failure *made_failure(weir_test_key *key, bool retryable, const char *kind, const char *message) {
    weir_failure *made = keep(key, sizeof *made);
    *made = (weir_failure){retryable, -1, kind, keep_copy(key, message), NULL};
    return made;
}

static _Noreturn void end(bool retryable, const char *kind, const char *message) {
    running->failure = made_failure(running, retryable, kind, message);
    longjmp(running->end, 1);
}

_Noreturn void weir_trap(const char *why) {
    if (!running) wrong(why);
    end(false, "trap", why);
}

/* In a test, time and chance of the process are the machine's. */
void weir_open_invocation(const char *action, const char *event_id) { (void)action, (void)event_id; }
void weir_close_invocation(void) {}
void weir_call_begins(void) {}
void weir_enter_body(void) {}
void weir_leave_body(void) {}
void weir_pass_time(void) {}

static weir_test_key *host(void) {
    if (!running) wrong("a function of the host is called outside an action: run the action with weir_test_run");
    return running;
}

/* What a test does to its keys is done between the runs: inside one, it would see what does not count yet, and go wrong. */
static void refuse_inside(const char *function) {
    if (running)
        wrong(keep_format(running, "%s is called inside an action: call it when weir_test_run has returned", function));
}

static asked *open_call(weir_test_key *key) {
    asked *calls = key->asked.items;
    for (size_t i = 0; i < key->asked.count; i++)
        if (calls[i].open) return &calls[i];
    return NULL;
}

static void refuse_while_open(const char *what) {
    const asked *open = open_call(host());
    if (open)
        weir_trap(keep_format(running, "%s while the durable call `%s` is open: a replay would skip it", what,
                              open->function_id));
}

/* Traps, as the host does, on a name that is empty or longer than it takes. */
static void refuse_length(const char *what, const component_string_t *name, size_t bytes_max) {
    if (name->len == 0 || name->len > bytes_max)
        weir_trap(keep_format(host(), "%s must be 1 to %zu bytes, not %zu", what, bytes_max, name->len));
}

#endif
