/* Durable calls: recorded, replayed, cut off. */
#include "kept.h"

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
    refuse_length("begin a durable call: its function id", function, 1024);
    const char *function_id = keep_lent(key, function), *arguments = canonical(key, json), *id;
    const asked *calls = key->asked.items;
    int step;
    for (size_t i = 0; i < key->asked.count; i++)
        if (calls[i].open && strcmp(calls[i].function_id, function_id) == 0 && strcmp(calls[i].arguments, arguments) == 0)
            weir_trap(keep_format(key, "begin durable call \"%s\": one with the same arguments is open; complete it first",
                                  function_id));
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
