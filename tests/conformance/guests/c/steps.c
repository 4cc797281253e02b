#include "guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *text_of(const char *step, const char *name) { return weir_json_string(weir_json_get(step, name)); }

static const char *copy_of(const char *step, const char *name) { return weir_json_copy(weir_json_get(step, name)); }

static weir_failure *failure_of(const char *fail) {
    const char *details = weir_json_get(fail, "details"), *message = text_of(fail, "message");
    weir_failure *failure = weir_fatal(text_of(fail, "kind"), "%s", message);
    failure->retryable = weir_json_bool(weir_json_get(fail, "retryable"), false);
    failure->retry_after_ms = weir_json_int(weir_json_get(fail, "wait_ms"), -1);
    failure->details = details ? weir_json_copy(details) : NULL;
    return failure;
}

const char *show(const weir_failure *failure) {
    const char *wait = failure->retry_after_ms < 0 ? "null" : weir_format("%lld", failure->retry_after_ms);
    return weir_format("{\"failure\":%s,\"message\":%s,\"retryable\":%s,\"wait_ms\":%s,\"details\":%s}",
                       weir_json_quote(failure->kind), weir_json_quote(failure->message),
                       failure->retryable ? "true" : "false", wait, failure->details ? failure->details : "null");
}

static weir_failure *body(const weir_call *call, void *step, const char **result) {
    weir_buffer dropped = {0};
    const char *fail = weir_json_get(step, "fail");
    weir_log(WEIR_INFO, "run %s %s", text_of(step, "function"), call->id);
    WEIR_TRY(run_steps(weir_json_get(step, "inside"), &dropped));
    *result = weir_json_get(step, "ok");
    return fail ? failure_of(fail) : NULL;
}

static weir_failure *find(const weir_call *call, void *step, bool *found, const char **result) {
    const char *answer = weir_json_get(step, "found"), *fail = weir_json_get(answer, "fail");
    weir_log(WEIR_INFO, "find %s %s", text_of(step, "function"), call->id);
    *found = !weir_json_bool(weir_json_get(answer, "never"), false);
    *result = weir_json_get(answer, "ok");
    return fail ? failure_of(fail) : NULL;
}

static weir_failure *charge(const weir_call *call, void *step, const char **result) {
    weir_header key = {"Idempotency-Key", call->id};
    weir_request request = {.method = "POST", .url = text_of(step, "url"), .headers = &key, .headers_count = 1,
                            .json = copy_of(step, "arguments")};
    weir_response response;
    WEIR_TRY(weir_send(&request, &response));
    return weir_response_json(&response, result);
}

static weir_failure *find_charge(const weir_call *call, void *step, bool *found, const char **result) {
    weir_request request = {.method = "GET", .url = weir_format("%s?id=%s", text_of(step, "url"), call->id)};
    weir_response response;
    weir_failure *failure = weir_send(&request, &response);
    if (failure && strcmp(failure->kind, "http/status") == 0 && response.status == 404) return NULL;
    if (failure) return failure;
    *found = true;
    return weir_response_json(&response, result);
}

static weir_failure *parallel(const char *steps, const char **saw) {
    size_t count = 0, i = 0;
    for (const char *step = NULL; (step = weir_json_next(steps, step));) count++;
    weir_request_call *calls = weir_alloc(count * sizeof *calls);
    for (const char *step = NULL; (step = weir_json_next(steps, step)); i++) {
        calls[i].function_id = text_of(step, "function");
        calls[i].arguments = copy_of(step, "arguments");
        calls[i].request = (weir_request){.method = "POST", .url = text_of(step, "url"), .json = calls[i].arguments};
    }
    WEIR_TRY(weir_durable_all(calls, count));
    weir_buffer list = {0};
    weir_append(&list, "[");
    for (i = 0; i < count; i++) {
        const char *one = calls[i].failure ? show(calls[i].failure) : weir_format("{\"ok\":%s}", calls[i].result);
        weir_append(&list, "%s%s", i ? "," : "", one);
    }
    weir_append(&list, "]");
    *saw = list.text;
    return NULL;
}

static weir_failure *see_fields(weir_scope scope, const char *path, const char **saw) {
    const char *const *names;
    size_t count;
    WEIR_TRY(weir_memory_fields(scope, path, &names, &count));
    *saw = "null";
    if (!names) return NULL;
    weir_buffer list = {0};
    weir_append(&list, "[");
    for (size_t i = 0; i < count; i++) weir_append(&list, "%s%s", i ? "," : "", weir_json_quote(names[i]));
    weir_append(&list, "]");
    *saw = list.text;
    return NULL;
}

static weir_failure *count_up(weir_scope scope, const char *name, const char **saw) {
    const char *path = weir_format("seen.%s", weir_escape(name)), *before;
    WEIR_TRY(weir_memory_get(scope, path, &before));
    *saw = weir_format("%lld", weir_json_int(before, 0) + 1);
    return weir_memory_set(scope, path, *saw);
}

static const char *where(const weir_event *event) {
    uint64_t at;
    const char *timestamp = weir_source_timestamp_ms(&at) ? weir_format("%llu", (unsigned long long)at) : "null";
    return weir_format("{\"key\":%s,\"key_is_text\":%s,\"sequence_number\":%llu,\"source_timestamp_ms\":%s,"
                       "\"event_id\":%s,\"event_kind\":%s}",
                       weir_json_quote(weir_key()), weir_key_is_text() ? "true" : "false",
                       (unsigned long long)weir_sequence_number(), timestamp, weir_json_quote(event->id),
                       weir_json_quote(event->kind));
}

static const char *own_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return weir_format("%lld", (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

static weir_level level_of(const char *name) {
    const char *names[] = {"trace", "debug", "info", "warn", "error"};
    for (int level = WEIR_TRACE; level < WEIR_ERROR; level++)
        if (strcmp(names[level], name) == 0) return (weir_level)level;
    return WEIR_ERROR;
}

/* Memory and events. `known`: it was one of these. */
static weir_failure *run_effect(const char *op, const char *step, const char **saw, bool *known) {
    const char *scope_name = text_of(step, "scope"), *path = text_of(step, "path"), *value;
    weir_scope scope = scope_name ? WEIR_SENSORY : WEIR_SHORT_TERM;
    bool is;
    if (strcmp(op, "get") == 0) {
        WEIR_TRY(weir_memory_get(scope, path, &value));
        *saw = weir_format("[%s]", value ? value : "");
        return NULL;
    }
    if (strcmp(op, "set") == 0) return weir_memory_set(scope, path, weir_json_get(step, "value"));
    if (strcmp(op, "new-object") == 0) return weir_memory_new_object(scope, path);
    if (strcmp(op, "fields") == 0) return see_fields(scope, path, saw);
    if (strcmp(op, "exists") == 0 || strcmp(op, "remove") == 0) {
        WEIR_TRY(op[0] == 'e' ? weir_memory_exists(scope, path, &is) : weir_memory_remove(scope, path, &is));
        *saw = is ? "true" : "false";
        return NULL;
    }
    if (strcmp(op, "count") == 0) return count_up(scope, text_of(step, "name"), saw);
    if (strcmp(op, "emit") == 0) {
        WEIR_TRY(weir_emit_with_id(text_of(step, "kind"), weir_json_get(step, "value"), &value));
        *saw = weir_json_quote(value);
        return NULL;
    }
    if (strcmp(op, "output") == 0) return weir_output(weir_json_get(step, "value"));
    *known = false;
    return NULL;
}

static weir_failure *run_step(const char *op, const char *step, const weir_event *event, const char **saw) {
    const char *function = text_of(step, "function"), *arguments = weir_json_get(step, "arguments");
    bool known = true;
    weir_failure *failure = run_effect(op, step, saw, &known);
    if (known) return failure;
    if (strcmp(op, "call") == 0) return weir_durable(function, arguments, body, (void *)step, saw);
    if (strcmp(op, "reconcile") == 0) return weir_reconcilable(function, arguments, find, body, (void *)step, saw);
    if (strcmp(op, "charge") == 0) return weir_reconcilable(function, arguments, find_charge, charge, (void *)step, saw);
    if (strcmp(op, "parallel") == 0) return parallel(weir_json_get(step, "calls"), saw);
    if (strcmp(op, "http") == 0) return see_request(step, saw);
    if (strcmp(op, "http-all") == 0) return see_requests(weir_json_get(step, "requests"), saw);
    if (strcmp(op, "fail") == 0) return failure_of(weir_json_get(step, "fail"));
    if (strcmp(op, "header") == 0) *saw = weir_json_quote(weir_event_header(text_of(step, "name")));
    else if (strcmp(op, "config") == 0) *saw = weir_json_quote(weir_config(text_of(step, "name")));
    else if (strcmp(op, "where") == 0) *saw = where(event);
    else if (strcmp(op, "now") == 0) *saw = weir_format("%llu", (unsigned long long)weir_now_ms());
    else if (strcmp(op, "random") == 0) *saw = weir_format("%lu", (unsigned long)weir_random_u32());
    else if (strcmp(op, "own-clock") == 0) *saw = own_clock();
    else if (strcmp(op, "own-random") == 0) *saw = weir_format("%d", rand());
    else if (strcmp(op, "log") == 0) weir_log(level_of(text_of(step, "level")), "%s", text_of(step, "message"));
    else if (strcmp(op, "print") == 0) puts(text_of(step, "message"));
    else return weir_fatal("unknown-op", "this guest does not know the op %s", op);
    return NULL;
}

/* That of this invocation. */
static const weir_event *running;

weir_failure *run_script(const weir_event *event, weir_buffer *seen) {
    running = event;
    return run_steps(weir_json_get(event->payload, "steps"), seen);
}

weir_failure *run_steps(const char *steps, weir_buffer *seen) {
    for (const char *step = NULL; (step = weir_json_next(steps, step));) {
        const char *saw = NULL, *op = text_of(step, "op");
        weir_failure *failure = run_step(op, step, running, &saw);
        if (failure && !weir_json_bool(weir_json_get(step, "catch"), false)) return failure;
        if (failure) saw = show(failure);
        if (saw) weir_append(seen, "%s,", saw);
    }
    return NULL;
}
