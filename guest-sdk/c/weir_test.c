/* The host of unit tests: the contract's imports, answered in the process of the test. */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* strnlen, strcasecmp and srandom, where the standard is asked for strictly */
#endif

#include "weir_test.h"

#include "src/internal.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- What lives as long as a key --- */

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

typedef struct pair {
    const char *name, *value;
} pair;

typedef struct list {
    void *items;
    size_t count;
} list;

typedef struct block {
    struct block *next;
} block;

struct weir_test_key {
    block *blocks;
    const char *key;
    bool has_timestamp;
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
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return keep_copy(key, text);
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

/* What the SDK takes and frees. */
static void give(component_string_t *to, const char *text) { component_string_dup_n(to, text, strlen(text)); }

void component_string_dup_n(component_string_t *to, const char *text, size_t bytes) {
    to->len = bytes;
    to->ptr = malloc(bytes + 1);
    if (!to->ptr) wrong("there is no memory left");
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

/* --- Memory, with the same rules as the host's --- */

static node copy_of(weir_test_key *key, const node *from) {
    node copy = *from;
    if (from->count) copy.below = keep(key, from->count * sizeof *copy.below);
    for (size_t i = 0; i < from->count; i++) copy.below[i] = copy_of(key, &from->below[i]);
    return copy;
}

static node *field_of(node *object, const char *name) {
    for (size_t i = 0; i < object->count; i++)
        if (strcmp(object->below[i].name, name) == 0) return &object->below[i];
    return NULL;
}

/* Names stand in the order of their bytes. */
static node *add_field(weir_test_key *key, node *object, const char *name) {
    list fields = {object->below, object->count};
    more(key, &fields, sizeof(node));
    object->below = fields.items;
    size_t at = object->count++;
    for (; at > 0 && strcmp(object->below[at - 1].name, name) > 0; at--) object->below[at] = object->below[at - 1];
    object->below[at] = (node){name, NULL, NULL, 0};
    return &object->below[at];
}

static void write_node(weir_buffer *to, const node *from) {
    if (from->leaf) {
        weir_append(to, "%s", from->leaf);
        return;
    }
    weir_append(to, "{");
    for (size_t i = 0; i < from->count; i++) {
        weir_append(to, "%s%s:", i ? "," : "", weir_json_quote(from->below[i].name));
        write_node(to, &from->below[i]);
    }
    weir_append(to, "}");
}

static bool refuse(weir_action_memory_memory_error_t *error, int tag, const char *why) {
    error->tag = (uint8_t)tag;
    give(&error->val.other, why);
    return false;
}

/* The names of a path: split at dots, `\.` and `\\` being a dot and a backslash in a name. */
static bool parse(const component_string_t *lent, list *names, weir_action_memory_memory_error_t *error) {
    const char *path = keep_lent(running, lent), *at = path;
    *names = (list){0};
    if (!*path) return true;
    for (;;) {
        char *name = keep(running, strlen(at) + 1), *to = name;
        for (; *at && *at != '.'; at++) {
            if (*at == '\\' && *++at != '.' && *at != '\\')
                return refuse(error, 0, keep_format(running, "path \"%s\" has a backslash before neither a dot nor a backslash", path));
            *to++ = *at;
        }
        if (to == name)
            return refuse(error, 0, keep_format(running, "path \"%s\" has an empty name; write `\\.` for a dot in a name", path));
        *(const char **)more(running, names, sizeof name) = name;
        if (!*at++) return true;
    }
}

/* What stands at the path. To a read, nothing is below a value. */
static node *look(node *root, const list *names) {
    node *at = root;
    for (size_t i = 0; at && i < names->count; i++) at = at->leaf ? NULL : field_of(at, ((const char **)names->items)[i]);
    return at;
}

/* The object that holds the last of the names, made where it is missing, if no value stands in the way. */
static node *parent_of(node *root, const list *names, const component_string_t *path, weir_action_memory_memory_error_t *error) {
    const char **name = names->items;
    node *at = root;
    for (size_t i = 0; at && i + 1 < names->count; i++) {
        at = field_of(at, name[i]);
        if (at && at->leaf) {
            refuse(error, 1, keep_format(running, "change \"%s\": a value stands at \"%s\"; paths do not reach into values",
                                         keep_lent(running, path), name[i]));
            return NULL;
        }
    }
    at = root;
    for (size_t i = 0; i + 1 < names->count; i++) {
        node *below = field_of(at, name[i]);
        at = below ? below : add_field(running, at, name[i]);
    }
    return at;
}

bool weir_action_memory_get(uint8_t scope, component_string_t *path, weir_action_memory_option_json_t *value,
                            weir_action_memory_memory_error_t *error) {
    list names;
    if (!parse(path, &names, error)) return false;
    const node *found = look(&host()->working[scope], &names);
    value->is_some = found != NULL;
    if (found) {
        weir_buffer text = {0};
        write_node(&text, found);
        give(&value->val, text.text);
    }
    return true;
}

static bool put(weir_test_key *key, node *root, component_string_t *path, const char *leaf, weir_action_memory_memory_error_t *error) {
    list names;
    if (!parse(path, &names, error)) return false;
    node *there = look(root, &names);
    if (there && !there->leaf)
        return refuse(error, 1, keep_format(key, "set \"%s\": an object stands there; remove it first", keep_lent(key, path)));
    node *parent = parent_of(root, &names, path, error);
    if (!parent) return false;
    const char *name = ((const char **)names.items)[names.count - 1];
    node *field = field_of(parent, name);
    if (!field) field = add_field(key, parent, name);
    field->leaf = leaf;
    return true;
}

bool weir_action_memory_set(uint8_t scope, component_string_t *path, component_string_t *value,
                            weir_action_memory_memory_error_t *error) {
    refuse_while_open("memory.set");
    return put(running, &running->working[scope], path, keep_lent(running, value), error);
}

bool weir_action_memory_new_object(uint8_t scope, component_string_t *path, weir_action_memory_memory_error_t *error) {
    list names;
    refuse_while_open("memory.new-object");
    if (!parse(path, &names, error)) return false;
    node *root = &running->working[scope], *there = look(root, &names);
    if (there && there->leaf)
        return refuse(error, 1, keep_format(running, "make object \"%s\": a value stands there; remove it first",
                                            keep_lent(running, path)));
    if (there) return true;
    node *parent = parent_of(root, &names, path, error);
    if (parent) add_field(running, parent, ((const char **)names.items)[names.count - 1]);
    return parent != NULL;
}

bool weir_action_memory_fields(uint8_t scope, component_string_t *path, component_option_list_string_t *fields,
                               weir_action_memory_memory_error_t *error) {
    list names;
    if (!parse(path, &names, error)) return false;
    const node *found = look(&host()->working[scope], &names);
    fields->is_some = found && !found->leaf;
    if (!fields->is_some) return true;
    fields->val.len = found->count;
    fields->val.ptr = found->count ? malloc(found->count * sizeof *fields->val.ptr) : NULL;
    for (size_t i = 0; i < found->count; i++) give(&fields->val.ptr[i], found->below[i].name);
    return true;
}

bool weir_action_memory_exists(uint8_t scope, component_string_t *path, bool *is, weir_action_memory_memory_error_t *error) {
    list names;
    if (!parse(path, &names, error)) return false;
    *is = look(&host()->working[scope], &names) != NULL;
    return true;
}

bool weir_action_memory_remove(uint8_t scope, component_string_t *path, bool *was, weir_action_memory_memory_error_t *error) {
    list names;
    refuse_while_open("memory.remove");
    if (!parse(path, &names, error)) return false;
    node *root = &running->working[scope], *there = look(root, &names);
    *was = there && (there != root || root->count > 0);
    if (there == root) {
        root->count = 0;
    } else if (there) {
        /* The parent stays, though it may be empty now. */
        node *parent = parent_of(root, &names, path, error);
        node *last = parent->below + --parent->count;
        memmove(there, there + 1, (size_t)(last - there) * sizeof *there);
    }
    return true;
}

/* --- Where an invocation stands, events, log --- */

void weir_action_invocation_key(component_string_t *key) { give(key, host()->key); }

bool weir_action_invocation_key_is_text(void) { return weir_is_text(host()->key, strlen(host()->key)); }

uint64_t weir_action_invocation_sequence_number(void) { return host()->runs - 1; }

bool weir_action_invocation_source_timestamp_ms(uint64_t *at) {
    *at = host()->timestamp_ms;
    return host()->has_timestamp;
}

static bool give_last(const list *list, const component_string_t *name, component_string_t *value) {
    const char *found = last_of(list, keep_lent(running, name));
    if (found) give(value, found);
    return found != NULL;
}

bool weir_action_invocation_header(component_string_t *name, component_string_t *value) {
    return give_last(&host()->headers, name, value);
}

bool weir_action_config_get(component_string_t *name, component_string_t *value) {
    return give_last(&host()->config, name, value);
}

uint64_t weir_action_invocation_now_ms(void) {
    weir_test_key *key = host();
    if (!open_call(key)) key->clock_us++; /* A body's readings move nothing, for a replay skips them. */
    return key->start_ms + key->clock_us / 1000;
}

static uint64_t mix(uint64_t z) {
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    return (z ^ z >> 27) * 0x94d049bb133111eb;
}

static uint64_t fold(const char *text, uint64_t z) {
    for (; *text; text++) z = mix(z ^ (unsigned char)*text);
    return z;
}

/* SplitMix64 over the task, the number of calls begun, and the number of draws since; those of bodies apart. */
uint32_t weir_action_invocation_random_u32(void) {
    weir_test_key *key = host();
    int stream = open_call(key) != NULL;
    if (key->drawn_since[stream] != key->asked.count) key->drawn[stream] = 0;
    key->drawn_since[stream] = key->asked.count;
    const char *seed = keep_format(key, "%s %zu %d", key->event_id, key->asked.count, stream);
    return (uint32_t)(mix(fold(seed, ++key->drawn[stream])) >> 32);
}

void weir_action_log_write(uint8_t level, component_string_t *message) {
    weir_test_line *line = more(host(), &running->logs, sizeof *line);
    line->level = (weir_level)level;
    line->message = keep_lent(running, message);
}

void weir_action_events_emit(component_string_t *kind, component_string_t *payload, component_string_t *id) {
    refuse_while_open("emit");
    give(id, keep_format(running, "%s/%zu", running->event_id, running->events.count));
    put_pair(running, &running->events, keep_lent(running, kind), keep_lent(running, payload));
}

/* --- Durable calls --- */

static result *result_at(weir_test_key *key, size_t position) {
    while (key->results.count <= position) more(key, &key->results, sizeof(result));
    return (result *)key->results.items + position;
}

static void show_call(weir_test_key *key, const result *of, bool replayed) {
    weir_test_call *call = more(key, &key->calls, sizeof *call);
    *call = (weir_test_call){of->function_id, replayed, of->json, of->failure};
}

/* The lowest ordinal that no call with this function id and these arguments holds. One whose outcome was a retryable
 * failure gives its ordinal back, but not to those that began together with it, from `batch_from` on. */
static size_t free_ordinal(weir_test_key *key, const char *function_id, const char *arguments, size_t batch_from) {
    const asked *calls = key->asked.items;
    for (size_t ordinal = 0;; ordinal++) {
        bool held = false;
        for (size_t i = 0; i < key->asked.count; i++)
            held |= strcmp(calls[i].function_id, function_id) == 0 && strcmp(calls[i].arguments, arguments) == 0 &&
                    calls[i].ordinal == ordinal && (!calls[i].may_repeat || i >= batch_from);
        if (!held) return ordinal;
    }
}

/* Opens a call. What it is to do goes to `step`, its recorded result is given. */
static const result *open(const char *function_id, const char *arguments, bool reconcilable, size_t batch_from,
                          const char **id, int *step) {
    weir_test_key *key = host();
    size_t position = key->asked.count, ordinal = free_ordinal(key, function_id, arguments, batch_from);
    result *results = key->results.items;
    for (size_t i = 0; i < key->results.count; i++) results[i].unrecorded = false;
    *id = keep_format(key, "%s/%s/%016llx/%zu", key->key, function_id, (unsigned long long)fold(arguments, 7), ordinal);
    result *recorded = result_at(key, position);
    if (!recorded->known) {
        *step = WEIR_ACTION_DURABLE_CALL_NEXT_STEP_EXECUTE;
        if (reconcilable)
            *recorded = (result){.known = true, .pending = true, .function_id = function_id, .arguments = arguments};
    } else if (strcmp(recorded->function_id, function_id) != 0 || strcmp(recorded->arguments, arguments) != 0) {
        end(false, "divergence", keep_format(key, "call %zu was `%s` %s, now it is `%s` %s", position, recorded->function_id,
                                             recorded->arguments, function_id, arguments));
    } else if (!recorded->pending) {
        *step = WEIR_ACTION_DURABLE_CALL_NEXT_STEP_REPLAY;
        show_call(key, recorded, true);
    } else if (!reconcilable) {
        end(false, "divergence", keep_format(key, "call %zu is pending, and has no reconciler any more", position));
    } else {
        *step = WEIR_ACTION_DURABLE_CALL_NEXT_STEP_RECONCILE;
    }
    bool replayed = *step == WEIR_ACTION_DURABLE_CALL_NEXT_STEP_REPLAY;
    bool may_repeat = replayed && recorded->failure && recorded->failure->retryable;
    asked *call = more(key, &key->asked, sizeof *call);
    *call = (asked){function_id, arguments, reconcilable, !replayed, ordinal, may_repeat};
    return recorded;
}

static void close_call(size_t position, result outcome) {
    weir_test_key *key = host();
    asked *call = (asked *)key->asked.items + position;
    if (key->crash_in && strcmp(key->crash_in, call->function_id) == 0)
        end(true, "crash", keep_format(key, "the process died before the outcome of `%s` was recorded", call->function_id));
    call->open = false;
    call->may_repeat = outcome.failure && outcome.failure->retryable;
    outcome.known = true;
    outcome.unrecorded = call->may_repeat;
    outcome.function_id = call->function_id;
    outcome.arguments = call->arguments;
    *result_at(key, position) = outcome;
    show_call(key, &outcome, false);
}

static void begin_for_guest(component_string_t *function, component_string_t *json, bool reconcilable,
                            weir_action_durable_call_begun_t *begun) {
    weir_test_key *key = host();
    const char *function_id = keep_lent(key, function), *arguments = keep_lent(key, json), *id;
    const asked *calls = key->asked.items;
    int step;
    for (size_t i = 0; i < key->asked.count; i++)
        if (calls[i].open && strcmp(calls[i].function_id, function_id) == 0 && strcmp(calls[i].arguments, arguments) == 0)
            weir_trap(keep_format(key, "`%s` is begun while a call with the same function id and arguments is open", function_id));
    begun->position = (uint32_t)key->asked.count;
    const result *recorded = open(function_id, arguments, reconcilable, SIZE_MAX, &id, &step);
    give(&begun->id, id);
    begun->step.tag = (uint8_t)step;
    if (step != WEIR_ACTION_DURABLE_CALL_NEXT_STEP_REPLAY) return;
    weir_action_durable_call_outcome_t *outcome = &begun->step.val.replay;
    outcome->is_err = recorded->failure != NULL;
    if (!outcome->is_err) {
        give(&outcome->val.ok, recorded->json);
        return;
    }
    outcome->val.err = weir_failure_lend(recorded->failure);
    give(&outcome->val.err.kind, recorded->failure->kind);
    give(&outcome->val.err.message, recorded->failure->message);
    if (recorded->failure->details) give(&outcome->val.err.details.val, recorded->failure->details);
}

void weir_action_durable_call_begin(component_string_t *function, component_string_t *json,
                                    weir_action_durable_call_begun_t *begun) {
    begin_for_guest(function, json, false, begun);
}

void weir_action_durable_call_begin_reconcilable(component_string_t *function, component_string_t *json,
                                                 weir_action_durable_call_begun_t *begun) {
    begin_for_guest(function, json, true, begun);
}

bool weir_action_durable_call_complete(uint32_t position, weir_action_durable_call_outcome_t *outcome,
                                       weir_action_types_failure_t *instead) {
    (void)instead;
    result of = {0};
    if (outcome->is_err)
        of.failure = keep_failure(host(), &outcome->val.err);
    else
        of.json = keep_lent(host(), &outcome->val.ok);
    close_call(position, of);
    return false;
}

/* --- HTTP --- */

static answer *exchange(weir_action_http_request_t *lent, const char *key_of_call) {
    weir_test_key *key = host();
    weir_test_request *request = more(key, &key->requests, sizeof *request);
    list headers = {0};
    for (size_t i = 0; i < lent->headers.len; i++)
        put_pair(key, &headers, keep_lent(key, &lent->headers.ptr[i].f0), keep_lent(key, &lent->headers.ptr[i].f1));
    request->method = keep_lent(key, &lent->method);
    request->url = keep_lent(key, &lent->url);
    request->headers = headers.items;
    request->headers_count = headers.count;
    if (key_of_call && !weir_test_header(request, "Idempotency-Key")) put_pair(key, &headers, "Idempotency-Key", key_of_call);
    request->headers = headers.items;
    request->headers_count = headers.count;
    if (lent->body.tag != WEIR_ACTION_HTTP_BODY_NONE) {
        request->body = keep_lent(key, &lent->body.val.text);
        request->body_bytes = lent->body.val.text.len;
    }
    if (!key->respond)
        wrong(keep_format(key, "%s %s was sent, and nobody answers: set weir_test_on_request", request->method, request->url));
    weir_test_response response = key->respond(request, key->respond_data);
    answer *given = keep(key, sizeof *given);
    *given = (answer){keep_copy(key, response.failure), response.status, keep_copy(key, response.body), NULL, 0};
    headers = (list){0};
    for (size_t i = 0; i < LENGTH(response.headers) && response.headers[i].name; i++)
        put_pair(key, &headers, response.headers[i].name, response.headers[i].value);
    given->headers = headers.items;
    given->headers_count = headers.count;
    return given;
}

static const char *const http_cases[] = {"http/denied",    "http/invalid-request", "http/timeout",
                                         "http/too-large", "http/connection",      "http/other"};

static void give_answer(const answer *from, weir_action_http_result_response_http_error_t *to) {
    memset(to, 0, sizeof *to);
    to->is_err = from->failure != NULL;
    if (to->is_err) {
        to->val.err.tag = WEIR_ACTION_HTTP_HTTP_ERROR_OTHER;
        for (size_t i = 0; i < LENGTH(http_cases); i++)
            if (strcmp(http_cases[i], from->failure) == 0) to->val.err.tag = (uint8_t)i;
        if (to->val.err.tag != WEIR_ACTION_HTTP_HTTP_ERROR_TIMEOUT) give(&to->val.err.val.other, "as the test says");
        return;
    }
    weir_action_http_response_t *response = &to->val.ok;
    response->status = (uint16_t)from->status;
    response->headers.len = from->headers_count;
    if (from->headers_count) response->headers.ptr = malloc(from->headers_count * sizeof *response->headers.ptr);
    for (size_t i = 0; i < from->headers_count; i++) {
        give(&response->headers.ptr[i].f0, from->headers[i].name);
        give(&response->headers.ptr[i].f1, from->headers[i].value);
    }
    if (from->body) {
        response->body.tag = WEIR_ACTION_HTTP_BODY_TEXT;
        give(&response->body.val.text, from->body);
    }
}

/* A request's answer as a call's outcome. What may be gone next time counts as a retryable failure. */
static result outcome_of(const answer *from) {
    result of = {.answer = from};
    int status = from->status;
    if (from->failure) {
        of.failure = made_failure(running, true, from->failure, "as the test says");
    } else if (status == 408 || status == 425 || status == 429 || (status >= 500 && status <= 599)) {
        of.failure = made_failure(running, true, "http/status", keep_format(running, "%d", status));
    } else {
        const char *text = weir_format("{\"status\":%d,\"text\":%s}", status, weir_json_quote(from->body));
        of.json = keep_copy(running, text);
    }
    return of;
}

static const char *function_of(weir_action_http_request_t *request) {
    const char *url = keep_lent(running, &request->url);
    return keep_format(running, "%s %.*s", keep_lent(running, &request->method), (int)strcspn(url, "?#"), url);
}

static const char *arguments_of(weir_action_http_request_t *request) {
    bool none = request->body.tag == WEIR_ACTION_HTTP_BODY_NONE;
    const char *url = keep_lent(running, &request->url), *body = none ? NULL : keep_lent(running, &request->body.val.text);
    const char *text = weir_format("[%s,%s]", weir_json_quote(url), weir_json_quote(body));
    return keep_copy(running, text);
}

/* Sends requests that belong to an open call, or else makes a durable call of each. */
static void send_each(weir_action_http_request_t *requests, size_t count, weir_action_http_result_response_http_error_t *answers) {
    weir_test_key *key = host();
    size_t from = key->asked.count;
    bool inside = open_call(key) != NULL;
    const char **ids = keep(key, (count + 1) * sizeof *ids);
    const answer **recorded = keep(key, (count + 1) * sizeof *recorded);
    for (size_t i = 0; !inside && i < count; i++) {
        int step;
        const result *of = open(function_of(&requests[i]), arguments_of(&requests[i]), false, from, &ids[i], &step);
        if (step == WEIR_ACTION_DURABLE_CALL_NEXT_STEP_REPLAY) recorded[i] = of->answer;
    }
    for (size_t i = 0; i < count; i++) {
        const answer *given = recorded[i] ? recorded[i] : exchange(&requests[i], ids[i]);
        if (!inside && !recorded[i]) close_call(from + i, outcome_of(given));
        give_answer(given, &answers[i]);
    }
}

bool weir_action_http_send(weir_action_http_request_t *request, weir_action_http_response_t *response,
                           weir_action_http_http_error_t *error) {
    weir_action_http_result_response_http_error_t given;
    send_each(request, 1, &given);
    if (given.is_err)
        *error = given.val.err;
    else
        *response = given.val.ok;
    return !given.is_err;
}

void weir_action_http_send_all(weir_action_http_list_request_t *requests,
                               weir_action_http_list_result_response_http_error_t *answers) {
    answers->len = requests->len;
    answers->ptr = malloc((requests->len + 1) * sizeof *answers->ptr);
    send_each(requests->ptr, requests->len, answers->ptr);
}

/* --- What a test does to its key --- */

weir_test_key *weir_test_new(const char *name) {
    weir_test_key *key = calloc(1, sizeof *key);
    if (!key) wrong("there is no memory left");
    key->key = keep_copy(key, name);
    key->start_ms = 1700000000000;
    return key;
}

void weir_test_free(weir_test_key *key) {
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
    if (running) wrong("an action is run inside another");
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
    memset(&key->memory[WEIR_SENSORY], 0, sizeof key->memory[WEIR_SENSORY]);
    key->runs++;
    key->ordinal = 0;
    return start(key, action, "input", payload);
}

const weir_failure *weir_test_follow(weir_test_key *key, const char *action, const char *kind, const char *payload) {
    if (!key->action) wrong("a run begins with weir_test_run");
    key->ordinal++;
    return start(key, action, kind, payload);
}

const weir_failure *weir_test_again(weir_test_key *key) {
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
    component_string_t lent = weir_lend_bytes(path, strlen(path));
    weir_action_memory_memory_error_t error;
    if (weir_json_kind_of(value) == WEIR_JSON_NONE) wrong(keep_format(key, "the value for %s is no JSON: %s", path, value));
    running = key;
    if (!put(key, &key->memory[WEIR_SHORT_TERM], &lent, keep_copy(key, value), &error))
        wrong(keep_lent(key, &error.val.other));
    running = NULL;
}

/* --- What a test looks at --- */

static const char *remembered(weir_test_key *key, weir_scope scope, const char *path) {
    component_string_t lent = weir_lend_bytes(path, strlen(path));
    weir_action_memory_memory_error_t error;
    list names;
    running = key;
    if (!parse(&lent, &names, &error)) wrong(keep_lent(key, &error.val.other));
    const node *found = look(&key->memory[scope], &names);
    weir_buffer text = {0};
    if (found) write_node(&text, found);
    const char *kept = keep_copy(key, text.text);
    weir_free_all();
    running = NULL;
    return kept;
}

const char *weir_test_memory(weir_test_key *key, const char *path) { return remembered(key, WEIR_SHORT_TERM, path); }

const char *weir_test_sensory(weir_test_key *key, const char *path) { return remembered(key, WEIR_SENSORY, path); }

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
    for (size_t i = 0; i < request->headers_count; i++)
        if (strcasecmp(request->headers[i].name, name) == 0) return request->headers[i].value;
    return NULL;
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
