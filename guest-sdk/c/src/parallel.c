/* Several durable calls at once. */
#include "internal.h"

#include <stdlib.h>

/* What a call is while it is open. */
typedef struct opened {
    weir_action_durable_call_begun_t begun;
    weir_call call;
    bool settled;
} opened;

/* Whatever can be wrong with a call shows before the first is opened. */
static weir_failure *check(const weir_request_call *call, component_string_t *arguments) {
    weir_action_http_request_t request;
    weir_refuse_in_body(call->function_id);
    WEIR_TRY(weir_json_lend(weir_format("the arguments of `%s`", call->function_id), call->arguments, arguments));
    return weir_request_lend(&call->request, NULL, &request);
}

static void begin(weir_request_call *call, component_string_t *arguments, opened *open) {
    component_string_t function = weir_lend(call->function_id);
    weir_call_begins();
    if (call->find)
        weir_action_durable_call_begin_reconcilable(&function, arguments, &open->begun);
    else
        weir_action_durable_call_begin(&function, arguments, &open->begun);
    open->call.id = weir_take(&open->begun.id);
}

/* Ends a call that needs no request. A failure: none can be made. */
static weir_failure *settle(weir_request_call *call, opened *open) {
    if (open->begun.step.tag == WEIR_ACTION_DURABLE_CALL_NEXT_STEP_REPLAY) {
        open->settled = true;
        call->failure = weir_read_outcome(&open->begun.step.val.replay, &call->result);
    } else if (open->begun.step.tag == WEIR_ACTION_DURABLE_CALL_NEXT_STEP_RECONCILE) {
        if (!call->find) return weir_not_reconcilable(call->function_id);
        weir_failure *failure =
            weir_ask(&open->begun, &open->call, call->find, call->data, &open->settled, &call->result);
        if (!open->settled) return failure;
        call->failure = failure;
    }
    return NULL;
}

static void complete(weir_request_call *call, opened *open, weir_answer *answer) {
    const char *value = NULL;
    weir_failure *failure = answer->failure;
    if (!failure) {
        weir_bodies++;
        weir_enter_body();
        failure = call->read ? call->read(&answer->response, call->data, &value)
                             : weir_response_json(&answer->response, &value);
        weir_bodies--;
    }
    call->failure = weir_complete(open->begun.position, failure, value, &call->result);
}

weir_failure *weir_durable_all(weir_request_call *calls, size_t count) {
    opened *open = weir_alloc(count * sizeof *open);
    component_string_t *arguments = weir_alloc(count * sizeof *arguments);
    weir_action_http_list_request_t requests = {weir_alloc(count * sizeof *requests.ptr), 0};
    weir_action_http_list_result_response_http_error_t given = {NULL, 0};
    weir_answer *answers = weir_alloc(count * sizeof *answers);
    for (size_t i = 0; i < count; i++) {
        calls[i].failure = NULL;
        calls[i].result = NULL;
        WEIR_TRY(check(&calls[i], &arguments[i]));
    }
    for (size_t i = 0; i < count; i++) begin(&calls[i], &arguments[i], &open[i]);
    for (size_t i = 0; i < count; i++) {
        WEIR_TRY(settle(&calls[i], &open[i]));
        if (!open[i].settled)
            WEIR_TRY(weir_request_lend(&calls[i].request, open[i].call.id, &requests.ptr[requests.len++]));
    }
    if (requests.len) weir_action_http_send_all(&requests, &given);
    for (size_t i = 0, sent = 0; i < count; i++) {
        weir_request request = calls[i].request;
        request.any_status = false;
        if (!open[i].settled) answers[i].failure = weir_answer_take(&request, &given.ptr[sent++], &answers[i].response);
    }
    if (given.len) free(given.ptr);
    for (size_t i = 0; i < count; i++)
        if (!open[i].settled) complete(&calls[i], &open[i], &answers[i]);
    weir_leave_body();
    return NULL;
}
