/* What a test does to its key. */
#include "kept.h"

/* Every byte but letters, digits and -_.~ as %XX. */
static const char *percent_encode(weir_test_key *key, const char *bytes) {
    const char *plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
    char *text = keep(key, strlen(bytes) * 3 + 1), *to = text;
    for (; *bytes; bytes++) to += sprintf(to, strchr(plain, *bytes) ? "%c" : "%%%02X", (unsigned char)*bytes);
    return text;
}

weir_test_key *weir_test_new(const char *name) {
    weir_check_actions(weir_actions, weir_actions_count);
    weir_test_key *key = calloc(1, sizeof *key);
    if (!key) wrong("there is no memory left");
    key->key_is_text = weir_is_text(name, strlen(name));
    key->key = key->key_is_text ? keep_copy(key, name) : percent_encode(key, name);
    key->start_ms = 1700000000000;
    return key;
}

void weir_test_free(weir_test_key *key) {
    refuse_inside("weir_test_free");
    while (key->blocks) {
        block *next = key->blocks->next;
        free(key->blocks);
        key->blocks = next;
    }
    free(key);
}

/* Why an attempt can't complete, though the action returned. */
static const weir_failure *mistake(weir_test_key *key) {
    const asked *left = open_call(key);
    const result *results = key->results.items;
    if (left)
        return made_failure(key, false, "trap",
                            keep_format(key, "the action returned while the %s call `%s` is open",
                                        left->reconcilable ? "reconcilable durable" : "durable", left->function_id));
    for (size_t i = key->asked.count; i < key->results.count; i++)
        if (results[i].known)
            return made_failure(key, false, "divergence",
                                keep_format(key, "call %zu was `%s`, and the action completed without it", i,
                                            results[i].function_id));
    return NULL;
}

static void invoke(weir_test_key *key) {
    component_string_t action = weir_lend_bytes(key->action, strlen(key->action));
    exports_weir_action_actions_event_t event;
    exports_weir_action_actions_failure_t failed;
    give(&event.id, key->event_id);
    give(&event.kind, key->kind);
    give(&event.payload, key->payload);
    give(&action, key->action);
    if (!exports_weir_action_actions_invoke(&action, &event, &failed)) {
        key->failure = keep_failure(key, &failed);
        free(failed.kind.ptr);
        free(failed.message.ptr);
        if (failed.details.is_some) free(failed.details.val.ptr);
    }
}

static const weir_failure *attempt(weir_test_key *key) {
    memset(&key->asked, 0, sizeof key->asked);
    memset(&key->calls, 0, sizeof key->calls);
    memset(&key->logs, 0, sizeof key->logs);
    memset(&key->events, 0, sizeof key->events);
    memset(key->drawn_since, 0, sizeof key->drawn_since);
    memset(key->drawn, 0, sizeof key->drawn);
    key->clock_us = 0;
    key->failure = NULL;
    for (int scope = 0; scope < 2; scope++) key->working[scope] = copy_of(key, &key->memory[scope]);
    running = key;
    if (!setjmp(key->end)) invoke(key);
    weir_free_all();
    if (!key->failure) key->failure = mistake(key);
    result *results = key->results.items;
    for (size_t i = 0; i < key->results.count; i++)
        if (results[i].unrecorded) results[i] = (result){0};
    running = NULL;
    key->crash_in = NULL;
    if (key->failure)
        key->events.count = 0;
    else
        memcpy(key->memory, key->working, sizeof key->memory);
    return key->failure;
}

static const weir_failure *start(weir_test_key *key, const char *action, const char *kind, const char *payload) {
    if (!payload) payload = "null";
    if (weir_json_kind_of(payload) == WEIR_JSON_NONE) wrong(keep_format(key, "the payload is no JSON: %s", payload));
    key->action = keep_copy(key, action);
    key->kind = keep_copy(key, kind);
    key->payload = keep_copy(key, payload);
    key->event_id = keep_format(key, "%s/%llu/%zu", key->key, (unsigned long long)key->runs - 1, key->ordinal);
    key->results = (list){0};
    for (int scope = 0; scope < 2; scope++) key->before[scope] = copy_of(key, &key->memory[scope]);
    return attempt(key);
}

const weir_failure *weir_test_run(weir_test_key *key, const char *action, const char *payload) {
    refuse_inside("weir_test_run");
    memset(&key->memory[WEIR_SENSORY], 0, sizeof key->memory[WEIR_SENSORY]);
    key->runs++;
    key->ordinal = 0;
    return start(key, action, "input", payload);
}

const weir_failure *weir_test_follow(weir_test_key *key, const char *action, const char *kind, const char *payload) {
    refuse_inside("weir_test_follow");
    if (!key->action) wrong("a run begins with weir_test_run");
    key->ordinal++;
    return start(key, action, kind, payload);
}

const weir_failure *weir_test_again(weir_test_key *key) {
    refuse_inside("weir_test_again");
    if (!key->action) wrong("what runs again was run before with weir_test_run");
    for (int scope = 0; scope < 2; scope++) key->memory[scope] = copy_of(key, &key->before[scope]);
    return attempt(key);
}

void weir_test_crash_in(weir_test_key *key, const char *function_id) { key->crash_in = keep_copy(key, function_id); }

void weir_test_on_request(weir_test_key *key, weir_test_response (*respond)(const weir_test_request *request, void *data),
                          void *data) {
    key->respond = respond;
    key->respond_data = data;
}

void weir_test_at_ms(weir_test_key *key, uint64_t source_timestamp_ms) {
    key->has_timestamp = true;
    key->timestamp_ms = key->start_ms = source_timestamp_ms;
}

void weir_test_set_config(weir_test_key *key, const char *name, const char *value) { put_pair(key, &key->config, name, value); }

void weir_test_set_header(weir_test_key *key, const char *name, const char *value) { put_pair(key, &key->headers, name, value); }

void weir_test_set_memory(weir_test_key *key, const char *path, const char *value) {
    refuse_inside("weir_test_set_memory");
    component_string_t lent = weir_lend_bytes(path, strlen(path));
    weir_action_memory_memory_error_t error;
    if (weir_json_kind_of(value) == WEIR_JSON_NONE) wrong(keep_format(key, "the value for %s is no JSON: %s", path, value));
    running = key;
    if (!put(key, &key->memory[WEIR_SHORT_TERM], &lent, keep_copy(key, value), &error))
        wrong(keep_lent(key, &error.val.other));
    running = NULL;
}
