/* Actions of Weir in C: functions that it runs for events of the kinds they listen to, one event of a key after another,
 * each with effect exactly once. What an action does, to its key's memory, by events and outputs, takes effect when it
 * completes, and not at all if it fails.
 *
 *     #include "weir.h"
 *
 *     static weir_failure *charge(const weir_event *event) {
 *         const char *total;
 *         WEIR_TRY(weir_memory_get(WEIR_SHORT_TERM, "total", &total));
 *         long long cents = weir_json_int(total, 0) + weir_json_int(weir_json_get(event->payload, "cents"), 0);
 *         WEIR_TRY(weir_memory_set(WEIR_SHORT_TERM, "total", weir_format("%lld", cents)));
 *         return weir_output(weir_format("{\"total\":%lld}", cents));
 *     }
 *
 *     WEIR_ACTIONS({"charge", WEIR_ON("input"), charge})
 *
 * Text is UTF-8 and ends with a NUL. What the functions below give lives until the action returns: nothing is freed.
 * JSON is text, too: a value is a pointer to its first character, and ends where it ends, so a part of a payload can be
 * handed on as it stands. NULL for a value is null. What is no JSON is a failure of kind `json`.
 */
#ifndef WEIR_H
#define WEIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_VERSION "0.1.0"

#if defined(__GNUC__)
#define WEIR_PRINTF(format_at, arguments_at) __attribute__((__format__(__printf__, format_at, arguments_at)))
#else
#define WEIR_PRINTF(format_at, arguments_at)
#endif

/* --- Failures -------------------------------------------------------------------------------------------------------- */

/* Why an action, or a durable call, did not succeed: recorded and replayed whole. Functions that may fail give one, or
 * NULL. A retryable one may succeed when tried again: the action is run again as the manifest's retry policy says. A fatal
 * one will not: the manifest's on_failure decides what becomes of the key. */
typedef struct weir_failure {
    bool retryable;
    /* How long to wait at least before it is tried again; below 0 for what the policy says. */
    long long retry_after_ms;
    /* What sort of failure, for code to tell failures apart, such as card-declined. */
    const char *kind;
    /* What to tell people. */
    const char *message;
    /* JSON, or NULL. */
    const char *details;
} weir_failure;

/* Returns a failure, if there is one, from the function it stands in. */
#define WEIR_TRY(expression)                                                                                               \
    do {                                                                                                                   \
        weir_failure *weir_failure_of_try_ = (expression);                                                                 \
        if (weir_failure_of_try_) return weir_failure_of_try_;                                                             \
    } while (0)

/* A failure that trying again would not mend. The message is as printf's. */
weir_failure *weir_fatal(const char *kind, const char *message, ...) WEIR_PRINTF(2, 3);
/* A failure that may be gone when it is tried again. */
weir_failure *weir_retryable(const char *kind, const char *message, ...) WEIR_PRINTF(2, 3);
/* The same failure, not to be tried again before this long. */
weir_failure *weir_failure_after(weir_failure *failure, long long wait_ms);
/* The same failure with details, JSON, for code to read. */
weir_failure *weir_failure_with_details(weir_failure *failure, const char *details);

/* --- Actions --------------------------------------------------------------------------------------------------------- */

/* What an action reacts to. */
typedef struct weir_event {
    /* The same again on replay. */
    const char *id;
    /* `input`, or what the manifest's source.kind finds, for an input event. */
    const char *kind;
    /* JSON. */
    const char *payload;
} weir_event;

/* An action. Its name is the same over all releases: Weir knows by it what has been done. */
typedef struct weir_action {
    const char *name;
    /* The event kinds it listens to. */
    const char *kinds[16];
    weir_failure *(*run)(const weir_event *event);
} weir_action;

/* The event kinds that an action listens to. */
#define WEIR_ON(...) {__VA_ARGS__}

/* Lists the actions of a component, in the order in which events are given to them; once, at the end of a file:
 * WEIR_ACTIONS({"count", WEIR_ON("input"), count}, {"page", WEIR_ON("swarm"), page}) */
#define WEIR_ACTIONS(...)                                                                                                  \
    const weir_action weir_actions[] = {__VA_ARGS__};                                                                      \
    const size_t weir_actions_count = sizeof weir_actions / sizeof weir_actions[0];

extern const weir_action weir_actions[];
extern const size_t weir_actions_count;

/* --- Events ---------------------------------------------------------------------------------------------------------- */

/* Emits an event, for the actions that listen to its kind, to take effect when this action completes. */
weir_failure *weir_emit(const char *kind, const char *payload);
/* The same, and gives the event's id, which is the same again on replay. */
weir_failure *weir_emit_with_id(const char *kind, const char *payload, const char **id);
/* Emits an output event: it leaves by the sink when this action has completed. */
weir_failure *weir_output(const char *payload);

/* --- Memory ---------------------------------------------------------------------------------------------------------- */

/* One of an action's two memories: a tree of objects whose leaves are JSON values, addressed by dotted paths
 * (order.items.count). What an action sets, it reads back at once. Paths do not reach into a leaf; use a path for each
 * part that changes by itself. The empty path is the root. */
typedef enum weir_scope {
    /* Lives for one run, from the input event to the last action it caused. */
    WEIR_SENSORY,
    /* Lives with the key. */
    WEIR_SHORT_TERM
} weir_scope;

/* The value at the path, or the object there with all that is below it; NULL if nothing is there. */
weir_failure *weir_memory_get(weir_scope scope, const char *path, const char **value);
/* Puts a leaf. Missing parents are made. Over an object, or below a leaf, it is a failure. */
weir_failure *weir_memory_set(weir_scope scope, const char *path, const char *value);
/* Removes the value, or the object with all below it. `was`, which may be NULL: whether something was there. */
weir_failure *weir_memory_remove(weir_scope scope, const char *path, bool *was);
/* Whether a value or an object is at the path. */
weir_failure *weir_memory_exists(weir_scope scope, const char *path, bool *is);
/* Names of the fields of the object at the path, in the order of their UTF-8 bytes; NULL if no object is there. */
weir_failure *weir_memory_fields(weir_scope scope, const char *path, const char *const **names, size_t *count);
/* Makes an empty object; nothing happens where one is. */
weir_failure *weir_memory_new_object(weir_scope scope, const char *path);
/* A name from outside for use in a path, its dots and backslashes escaped. */
const char *weir_escape(const char *name);

/* --- Durable calls --------------------------------------------------------------------------------------------------- */

/* A durable call while it is open. */
typedef struct weir_call {
    /* Names this call and no other, the same again when it is executed again: hand it to the other side as its
     * idempotency key. */
    const char *id;
} weir_call;

/* The body of a durable call. It sets its result, JSON, which is null otherwise. */
typedef weir_failure *weir_body(const weir_call *call, void *data, const char **result);
/* Asked what became of a call that was cut off between its effect and its record. It sets `found` and the result if it
 * happened; leaves both if it never did, so that the body is run. A failure goes before what it set. A retryable one:
 * unknown as yet; the attempt ends, and it is asked again; so it is after a result that is no JSON. A fatal one is the
 * outcome. */
typedef weir_failure *weir_reconciler(const weir_call *call, void *data, bool *found, const char **result);

/* Makes a side effect, or work not to be done twice: runs the body and records its outcome, failures too; when the action
 * is run again, gives what was recorded instead. `function_id` and `arguments`, JSON, say which call it is. If the process
 * dies after the effect and before the record, the body is run again with the same id. Memory can't be changed, nor events
 * emitted, nor another durable call made, in a body: a replay would skip that. `result` may be NULL. */
weir_failure *weir_durable(const char *function_id, const char *arguments, weir_body *body, void *data, const char **result);
/* The same with a reconciler. */
weir_failure *weir_reconcilable(const char *function_id, const char *arguments, weir_reconciler *find, weir_body *body,
                                void *data, const char **result);

/* --- HTTP ------------------------------------------------------------------------------------------------------------ */

typedef struct weir_header {
    const char *name, *value;
} weir_header;

/* An HTTP request, to an origin that the manifest grants. It is a durable call itself: its response is recorded, and
 * replayed when the action is run again. It carries an Idempotency-Key, the same again if it must be sent again. Inside
 * the body of a durable call it is part of that, and carries none of its own: give it the call's id. */
typedef struct weir_request {
    const char *method, *url;
    /* A secret is named in the manifest, and put into its header by the host. */
    const weir_header *headers;
    size_t headers_count;
    /* A JSON body, with its Content-Type unless one is set; or else a body of bytes, which leaves as text if it is UTF-8. */
    const char *json;
    const void *body;
    size_t body_bytes;
    /* Gives up after this long, if it is not 0; the host's own limit holds as well. */
    uint32_t timeout_ms;
    /* Gives every response: else one whose status is 400 or above is a failure. */
    bool any_status;
} weir_request;

/* An HTTP response, as it came or as it was recorded. */
typedef struct weir_response {
    int status;
    const weir_header *headers;
    size_t headers_count;
    /* Empty if there is none. A NUL stands behind it. */
    const char *body;
    size_t body_bytes;
    const char *url;
} weir_response;

weir_failure *weir_get(const char *url, weir_response *response);
/* With a JSON body. */
weir_failure *weir_post(const char *url, const char *json, weir_response *response);
weir_failure *weir_put(const char *url, const char *json, weir_response *response);
weir_failure *weir_delete(const char *url, weir_response *response);
/* Sends a request, and gives its response if the status is below 400, or the request asks for any. Else a failure of kind
 * http/status, retryable for 408, 425, 429 and 5xx (not before the response's Retry-After), fatal for the others; without
 * any response, one of kind http/timeout, http/connection (retryable), http/denied, http/invalid-request, http/too-large
 * (fatal). */
weir_failure *weir_send(const weir_request *request, weir_response *response);

/* What came of one of several requests: a failure, or the response. */
typedef struct weir_answer {
    weir_failure *failure;
    weir_response response;
} weir_answer;

/* Sends several requests at once. Fails as a whole, before anything is sent, if a body is no JSON. */
weir_failure *weir_send_all(const weir_request *requests, size_t count, weir_answer *answers);

/* The first header of the name, in any case, or NULL. */
const char *weir_response_header(const weir_response *response, const char *name);
/* The body as JSON; a fatal failure of kind http/body if it is not that. */
weir_failure *weir_response_json(const weir_response *response, const char **json);
/* The body as text; a fatal failure of kind http/body if it is not UTF-8. */
weir_failure *weir_response_text(const weir_response *response, const char **text);

/* A durable call whose effect is one request: several go out at once with weir_durable_all. The call's id goes along as
 * Idempotency-Key. */
typedef struct weir_request_call {
    const char *function_id, *arguments;
    weir_request request;
    /* Makes the result of the response; NULL for its JSON. */
    weir_failure *(*read)(const weir_response *response, void *data, const char **result);
    /* NULL if it is not reconcilable. */
    weir_reconciler *find;
    void *data;
    /* What came of it. */
    weir_failure *failure;
    const char *result;
} weir_request_call;

/* Makes several durable calls at once: opens all, sends their requests together, and records each outcome. Fails as a
 * whole, before anything is sent, if a call can't be made or a reconciler wants to be asked again. */
weir_failure *weir_durable_all(weir_request_call *calls, size_t count);

/* --- Where this invocation stands ------------------------------------------------------------------------------------ */

/* The key that the event belongs to; percent-encoded if it is not UTF-8. */
const char *weir_key(void);
/* Whether weir_key is the key as it is, and not percent-encoded. */
bool weir_key_is_text(void);
/* How many input events this key had before this run's. */
uint64_t weir_sequence_number(void);
/* Whether the run's input event says when it came about, and when, in milliseconds since 1970 UTC. */
bool weir_source_timestamp_ms(uint64_t *at);
/* A header of the run's input event, or NULL. */
const char *weir_event_header(const char *name);
/* Milliseconds since 1970 UTC: when this action first started, or when its last durable call had its outcome. The same
 * again on replay. time() and its like are served from here, too. */
uint64_t weir_now_ms(void);
/* A random number, the same again on replay. rand(), random(), getentropy() are served from here, too. */
uint32_t weir_random_u32(void);
/* A setting that the manifest gives this component as config.NAME, or NULL. */
const char *weir_config(const char *name);
/* A setting that the action can't do without: a fatal failure of kind config if the manifest has none. */
weir_failure *weir_required_config(const char *name, const char **value);

/* --- Log ------------------------------------------------------------------------------------------------------------- */

typedef enum weir_level { WEIR_TRACE, WEIR_DEBUG, WEIR_INFO, WEIR_WARN, WEIR_ERROR } weir_level;

/* Writes a line to the host's log, which adds key, sequence number and action. printf, stderr and a failed assert reach it,
 * too. */
void weir_log(weir_level level, const char *message, ...) WEIR_PRINTF(2, 3);

#ifdef __wasm__
/* A failed assert ends the attempt as a trap, and tells file and line. */
#ifdef __cplusplus
[[noreturn]]
#else
_Noreturn
#endif
void weir_assert_failed(const char *expression, const char *file, int line, const char *function);
#define __assert_fail weir_assert_failed
#endif

/* --- Text and JSON --------------------------------------------------------------------------------------------------- */

/* Memory, of zeros, until the action returns. */
void *weir_alloc(size_t bytes);
/* As printf, into text. */
char *weir_format(const char *format, ...) WEIR_PRINTF(1, 2);

/* Text that grows; {0} at the start. */
typedef struct weir_buffer {
    char *text;
    size_t bytes, bytes_max;
} weir_buffer;

void weir_append(weir_buffer *buffer, const char *format, ...) WEIR_PRINTF(2, 3);

typedef enum weir_json_kind {
    /* No JSON. */
    WEIR_JSON_NONE,
    WEIR_JSON_NULL,
    WEIR_JSON_BOOL,
    WEIR_JSON_NUMBER,
    WEIR_JSON_STRING,
    WEIR_JSON_LIST,
    WEIR_JSON_OBJECT
} weir_json_kind;

/* What a value is, looked at whole. NULL is null. */
weir_json_kind weir_json_kind_of(const char *value);
/* The field of an object, or NULL; of several with one name the last. */
const char *weir_json_get(const char *object, const char *name);
/* The items of a list, or the values of an object, one after another: the first for NULL, NULL after the last.
 * for (const char *item = NULL; (item = weir_json_next(list, item));) … */
const char *weir_json_next(const char *list, const char *item);
/* The name of a value of an object that weir_json_next gave. */
const char *weir_json_name(const char *object, const char *item);
/* A whole number, or something else if the value is no number, not whole, or over 64 bits. */
long long weir_json_int(const char *value, long long otherwise);
double weir_json_number(const char *value, double otherwise);
bool weir_json_bool(const char *value, bool otherwise);
/* The text of a string, or NULL. A lone surrogate is U+FFFD in it, and a NUL in it ends it. */
const char *weir_json_string(const char *value);
/* The value alone, as text of its own; NULL if it is no JSON. */
const char *weir_json_copy(const char *value);
/* Text as a JSON string. What is not UTF-8 in it becomes U+FFFD. NULL is null. */
const char *weir_json_quote(const char *text);
/* A number as JSON, with as many digits as it takes. What is no number is null. */
const char *weir_json_of_number(double number);

#ifdef __cplusplus
}
#endif
#endif
