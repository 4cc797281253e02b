/* Unit tests of actions, with any C compiler: without a host, in the process of the test.
 *
 * A key has its memory. Run actions on it, then look at what they emitted and remember. What the host promises holds here
 * too: an action that fails leaves nothing behind, durable calls are recorded and replayed, changes inside a durable call's
 * body are refused. Clock and chance are the contract's through weir_now_ms and weir_random_u32 only: time() and rand() are
 * the machine's in a test.
 *
 *     weir_test_key *key = weir_test_new("ann");
 *     assert(!weir_test_run(key, "charge", "{\"cents\":250}"));
 *     assert(strcmp(weir_test_memory(key, "total"), "250") == 0);
 *     weir_test_free(key);
 *
 * What is wrong with a test itself ends the process, with a line that says what. Compile weir_test.c beside weir.c.
 */
#ifndef WEIR_TEST_H
#define WEIR_TEST_H

#include "weir.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One key with its memory, and a host for the actions that a test runs on it. What the functions below give lives until the
 * next run, or until the key is freed. No action runs the key, looks at its memory or frees it, nor does what answers its
 * requests. */
typedef struct weir_test_key weir_test_key;

/* A key whose memory is empty. Its clock shows 2023-11-14 22:13:20 UTC. As in the host, actions see a key that is not UTF-8
 * percent-encoded. */
weir_test_key *weir_test_new(const char *key);
void weir_test_free(weir_test_key *key);

/* Runs an action, by its name, for a new input event with this payload: sensory memory is empty at the start. Gives why it
 * failed, or NULL. On failure nothing of what it did is seen, as in the host; what it did that the host ends an instance
 * for is a failure of kind `trap`. */
const weir_failure *weir_test_run(weir_test_key *key, const char *action, const char *payload);
/* Runs an action as a further one of the same run, for an event that one before it emitted: sensory memory stays. */
const weir_failure *weir_test_follow(weir_test_key *key, const char *action, const char *kind, const char *payload);
/* Runs the action again for the same event, from the memory before it, with the calls recorded so far: its next attempt if
 * it failed, or, if it completed, as after a crash just before its completion was durable. */
const weir_failure *weir_test_again(weir_test_key *key);
/* Lets the process die in the next attempt, after the effect of this durable call and before its outcome is recorded; that
 * attempt gives a failure of kind `crash`. A request's function id is `METHOD origin/path`. */
void weir_test_crash_in(weir_test_key *key, const char *function_id);

/* A request that an action sent. */
typedef struct weir_test_request {
    const char *method, *url;
    const weir_header *headers;
    size_t headers_count;
    /* NULL if there is none. A NUL stands behind it. */
    const char *body;
    size_t body_bytes;
} weir_test_request;

/* How a test answers a request: with a status and, if it is not NULL, a body; or with the kind of failure that stands for no
 * answer, one of `http/denied`, `http/invalid-request`, `http/timeout`, `http/too-large`, `http/connection`,
 * `http/other`. */
typedef struct weir_test_response {
    int status;
    const char *body;
    weir_header headers[4];
    const char *failure;
} weir_test_response;

/* Answers the requests of the actions. */
void weir_test_on_request(weir_test_key *key, weir_test_response (*answer)(const weir_test_request *request, void *data),
                          void *data);
/* The first header of the name, in any case, or NULL. */
const char *weir_test_header(const weir_test_request *request, const char *name);

/* Sets the source timestamp of the next runs, and with it their clock. */
void weir_test_at_ms(weir_test_key *key, uint64_t source_timestamp_ms);
/* Gives the component a setting. */
void weir_test_set_config(weir_test_key *key, const char *name, const char *value);
/* Gives the next runs' input events a header. */
void weir_test_set_header(weir_test_key *key, const char *name, const char *value);
/* Puts a leaf into short-term memory, before the actions to be tested. */
void weir_test_set_memory(weir_test_key *key, const char *path, const char *value);

/* The value in short-term memory, as JSON, or NULL. */
const char *weir_test_memory(weir_test_key *key, const char *path);
/* The value in sensory memory, as the last action left it. */
const char *weir_test_sensory(weir_test_key *key, const char *path);

/* The payload of an output event of the last run, by its place, or NULL. */
const char *weir_test_output(const weir_test_key *key, size_t at);
/* An event that the last run emitted for other actions: its kind, and its payload. NULL after the last. */
const char *weir_test_event_kind(const weir_test_key *key, size_t at);
const char *weir_test_event_payload(const weir_test_key *key, size_t at);

/* A durable call or request of the last attempt, in the order in which their outcomes came. */
typedef struct weir_test_call {
    /* Of a request `METHOD origin/path`. */
    const char *function_id;
    /* Whether its outcome was recorded by an earlier attempt, and the call not made again. */
    bool replayed;
    /* Its result, as JSON, or else why it failed. */
    const char *result;
    const weir_failure *failure;
} weir_test_call;

const weir_test_call *weir_test_calls(const weir_test_key *key, size_t *count);

typedef struct weir_test_line {
    weir_level level;
    const char *message;
} weir_test_line;

/* What the last attempt logged by weir_log. */
const weir_test_line *weir_test_logs(const weir_test_key *key, size_t *count);
/* All requests that were sent since the key was made. */
const weir_test_request *weir_test_requests(const weir_test_key *key, size_t *count);

#ifdef __cplusplus
}
#endif
#endif
