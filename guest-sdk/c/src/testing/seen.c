/* What a test looks at. */
#include "kept.h"

static const char *remembered(weir_test_key *key, weir_scope scope, const char *path, const char *function) {
    refuse_inside(function);
    component_string_t lent = weir_lend_bytes(path, strlen(path));
    weir_action_memory_memory_error_t error;
    list names;
    running = key;
    if (!parse(&lent, &names, &error)) wrong(keep_lent(key, &error.val.other));
    const node *found = look(&key->memory[scope], &names);
    weir_buffer text = {0};
    if (found) write_node(&text, found);
    running = NULL;
    return keep_copy(key, text.text);
}

const char *weir_test_memory(weir_test_key *key, const char *path) {
    return remembered(key, WEIR_SHORT_TERM, path, "weir_test_memory");
}

const char *weir_test_sensory(weir_test_key *key, const char *path) {
    return remembered(key, WEIR_SENSORY, path, "weir_test_sensory");
}

static const pair *event_at(const weir_test_key *key, bool output, size_t at) {
    const pair *events = key->events.items;
    for (size_t i = 0; i < key->events.count; i++)
        if ((strcmp(events[i].name, "output") == 0) == output && at-- == 0) return &events[i];
    return NULL;
}

const char *weir_test_output(const weir_test_key *key, size_t at) {
    const pair *event = event_at(key, true, at);
    return event ? event->value : NULL;
}

const char *weir_test_event_kind(const weir_test_key *key, size_t at) {
    const pair *event = event_at(key, false, at);
    return event ? event->name : NULL;
}

const char *weir_test_event_payload(const weir_test_key *key, size_t at) {
    const pair *event = event_at(key, false, at);
    return event ? event->value : NULL;
}

const char *weir_test_header(const weir_test_request *request, const char *name) {
    return weir_find_header(request->headers, request->headers_count, name);
}

const weir_test_call *weir_test_calls(const weir_test_key *key, size_t *count) {
    *count = key->calls.count;
    return key->calls.items;
}

const weir_test_line *weir_test_logs(const weir_test_key *key, size_t *count) {
    *count = key->logs.count;
    return key->logs.items;
}

const weir_test_request *weir_test_requests(const weir_test_key *key, size_t *count) {
    *count = key->requests.count;
    return key->requests.items;
}
