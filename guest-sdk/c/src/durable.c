/* Durable calls: side effects whose outcome survives. */
#include "internal.h"

int weir_bodies;

/* Stops a durable call in the body of another: a replay of that would skip it, and diverge. */
void weir_refuse_in_body(const char *function_id) {
    if (weir_bodies > 0)
        weir_trap(weir_format(
            "durable call `%s` in the body of another, which a replay would skip: make it before or after", function_id));
}

weir_failure *weir_read_outcome(weir_action_durable_call_outcome_t *outcome, const char **result) {
    if (outcome->is_err) return weir_failure_take(&outcome->val.err);
    const char *text = weir_take(&outcome->val.ok);
    if (result) *result = text;
    return NULL;
}

weir_failure *weir_complete(uint32_t position, weir_failure *failure, const char *value, const char **result) {
    weir_action_durable_call_outcome_t outcome = {.is_err = false};
    weir_action_durable_call_failure_t instead;
    component_string_t json = {0};
    if (!failure) failure = weir_json_lend("the result of a durable call", value, &json);
    outcome.is_err = failure != NULL;
    if (failure)
        outcome.val.err = weir_failure_lend(failure);
    else
        outcome.val.ok = json;
    if (weir_action_durable_call_complete(position, &outcome, &instead)) return weir_failure_take(&instead);
    if (!failure && result) *result = weir_copy((const char *)json.ptr, json.len);
    return failure;
}

/* The call stays open, and with it the pending record: nobody has said what became of its effect. */
weir_failure *weir_not_reconcilable(const char *function_id) {
    return weir_fatal("not-reconcilable",
                      "the call `%s` was cut off when it had a reconciler, and has none now: give it one again", function_id);
}

weir_failure *weir_ask(const weir_action_durable_call_begun_t *begun, const weir_call *call, weir_reconciler *find,
                       void *data, bool *decided, const char **result) {
    bool found = false;
    const char *value = NULL;
    weir_bodies++;
    weir_enter_body();
    weir_failure *failure = find(call, data, &found, &value);
    weir_bodies--;
    *decided = failure ? !failure->retryable : found;
    if (!*decided) return failure;
    component_string_t written;
    if (!failure && (failure = weir_json_lend("what a reconciler found", value, &written))) {
        /* Nothing is recorded of it, so that it is asked again. */
        *decided = false;
        return failure;
    }
    return weir_complete(begun->position, failure, value, result);
}

static weir_failure *execute(uint32_t position, const weir_call *call, weir_body *body, void *data, const char **result) {
    const char *value = NULL;
    weir_bodies++;
    weir_enter_body();
    weir_failure *failure = body(call, data, &value);
    weir_bodies--;
    failure = weir_complete(position, failure, value, result);
    weir_leave_body();
    return failure;
}

static weir_failure *make_call(const char *function_id, const char *arguments, weir_reconciler *find, weir_body *body, void *data,
                          const char **result) {
    component_string_t function = weir_lend(function_id), json;
    weir_action_durable_call_begun_t begun;
    if (result) *result = NULL;
    weir_refuse_in_body(function_id);
    WEIR_TRY(weir_json_lend(weir_format("the arguments of `%s`", function_id), arguments, &json));
    weir_call_begins();
    if (find)
        weir_action_durable_call_begin_reconcilable(&function, &json, &begun);
    else
        weir_action_durable_call_begin(&function, &json, &begun);
    weir_call call = {weir_take(&begun.id)};
    if (begun.step.tag == WEIR_ACTION_DURABLE_CALL_NEXT_STEP_REPLAY) {
        weir_leave_body();
        return weir_read_outcome(&begun.step.val.replay, result);
    }
    if (begun.step.tag == WEIR_ACTION_DURABLE_CALL_NEXT_STEP_RECONCILE) {
        if (!find) return weir_not_reconcilable(function_id);
        bool decided;
        weir_failure *failure = weir_ask(&begun, &call, find, data, &decided, result);
        if (decided) weir_leave_body();
        if (decided || failure) return failure;
    }
    return execute(begun.position, &call, body, data, result);
}

weir_failure *weir_durable(const char *function_id, const char *arguments, weir_body *body, void *data, const char **result) {
    return make_call(function_id, arguments, NULL, body, data, result);
}

weir_failure *weir_reconcilable(const char *function_id, const char *arguments, weir_reconciler *find, weir_body *body,
                                void *data, const char **result) {
    return make_call(function_id, arguments, find, body, data, result);
}
