/* Requests, answered by the test. */
#include "kept.h"

/* Kinds of failures that stand for no response, in the order of the contract. */
static const char *const http_cases[] = {"http/denied",    "http/invalid-request", "http/timeout",
                                         "http/too-large", "http/connection",      "http/other"};

/* The case of this kind, or as many as there are. */
static size_t http_case_of(const char *kind) {
    size_t number = 0;
    while (number < LENGTH(http_cases) && strcmp(http_cases[number], kind) != 0) number++;
    return number;
}

/* Ends the test if its answer is one that no host gives. */
static void check_response(weir_test_key *key, const weir_test_request *request, const weir_test_response *response) {
    const char *what = keep_format(key, "%s %s was answered with", request->method, request->url);
    if (response->failure && http_case_of(response->failure) == LENGTH(http_cases)) {
        const char *kinds = http_cases[0];
        for (size_t i = 1; i < LENGTH(http_cases); i++) kinds = keep_format(key, "%s, %s", kinds, http_cases[i]);
        wrong(keep_format(key, "%s failure `%s`: there are %s", what, response->failure, kinds));
    }
    if (!response->failure && (response->status < 200 || response->status > 999))
        wrong(keep_format(key, "%s status %d: there are 200 to 999", what, response->status));
    for (size_t i = 0; i < LENGTH(response->headers) && response->headers[i].name; i++)
        if (!response->headers[i].value)
            wrong(keep_format(key, "%s header %s, which has no value", what, response->headers[i].name));
}

static answer *exchange(weir_action_http_request_t *lent, const char *key_of_call) {
    weir_test_key *key = host();
    weir_test_request *request = more(key, &key->requests, sizeof *request);
    list headers = {0};
    for (size_t i = 0; i < lent->headers.len; i++)
        put_pair(key, &headers, keep_lent(key, &lent->headers.ptr[i].f0), keep_lent(key, &lent->headers.ptr[i].f1));
    request->method = keep_lent(key, &lent->method);
    request->url = keep_lent(key, &lent->url);
    if (key_of_call && !weir_find_header(headers.items, headers.count, "Idempotency-Key"))
        put_pair(key, &headers, "Idempotency-Key", key_of_call);
    request->headers = headers.items;
    request->headers_count = headers.count;
    if (lent->body.tag != WEIR_ACTION_HTTP_BODY_NONE) {
        request->body = keep_lent(key, &lent->body.val.text);
        request->body_bytes = lent->body.val.text.len;
    }
    if (!key->respond)
        wrong(keep_format(key, "%s %s was sent, and nobody answers: set weir_test_on_request", request->method, request->url));
    weir_test_response response = key->respond(request, key->respond_data);
    check_response(key, request, &response);
    answer *given = keep(key, sizeof *given);
    *given = (answer){keep_copy(key, response.failure), response.status, keep_copy(key, response.body), NULL, 0};
    headers = (list){0};
    for (size_t i = 0; i < LENGTH(response.headers) && response.headers[i].name; i++)
        put_pair(key, &headers, response.headers[i].name, response.headers[i].value);
    given->headers = headers.items;
    given->headers_count = headers.count;
    return given;
}

static void give_answer(const answer *from, weir_action_http_result_response_http_error_t *to) {
    memset(to, 0, sizeof *to);
    to->is_err = from->failure != NULL;
    if (to->is_err) {
        to->val.err.tag = (uint8_t)http_case_of(from->failure);
        if (to->val.err.tag != WEIR_ACTION_HTTP_HTTP_ERROR_TIMEOUT) give(&to->val.err.val.other, "as the test says");
        return;
    }
    weir_action_http_response_t *response = &to->val.ok;
    response->status = (uint16_t)from->status;
    response->headers.len = from->headers_count;
    response->headers.ptr = allocate_for_guest(from->headers_count * sizeof *response->headers.ptr);
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

/* All bytes of the body count, and an empty one is as none. */
static const char *arguments_of(weir_action_http_request_t *request) {
    bool none = request->body.tag == WEIR_ACTION_HTTP_BODY_NONE;
    const component_string_t body = none ? (component_string_t){0} : request->body.val.text;
    char *hex = keep(running, body.len * 2 + 1);
    for (size_t i = 0; i < body.len; i++) sprintf(hex + i * 2, "%02x", body.ptr[i]);
    return keep_format(running, "[%s,\"%s\"]", weir_json_quote(keep_lent(running, &request->url)), hex);
}

/* Sends requests that belong to an open call, or else makes a durable call of each. An attempt may end in here, so that what
 * comes of them is the key's; only then is it given. */
static const answer **send_each(weir_action_http_request_t *requests, size_t count) {
    weir_test_key *key = host();
    size_t from = key->asked.count;
    bool inside = open_call(key) != NULL;
    const char **ids = keep(key, count * sizeof *ids);
    const answer **given = keep(key, count * sizeof *given);
    for (size_t i = 0; !inside && i < count; i++) {
        int step;
        const result *of = open(function_of(&requests[i]), arguments_of(&requests[i]), false, from, &ids[i], &step);
        if (step == WEIR_ACTION_DURABLE_CALL_NEXT_STEP_REPLAY) given[i] = of->answer;
    }
    for (size_t i = 0; i < count; i++) {
        if (given[i]) continue;
        given[i] = exchange(&requests[i], ids[i]);
        if (!inside) close_call(from + i, outcome_of(given[i]));
    }
    return given;
}

bool weir_action_http_send(weir_action_http_request_t *request, weir_action_http_response_t *response,
                           weir_action_http_http_error_t *error) {
    weir_action_http_result_response_http_error_t given;
    give_answer(send_each(request, 1)[0], &given);
    if (given.is_err)
        *error = given.val.err;
    else
        *response = given.val.ok;
    return !given.is_err;
}

void weir_action_http_send_all(weir_action_http_list_request_t *requests,
                               weir_action_http_list_result_response_http_error_t *answers) {
    const answer **given = send_each(requests->ptr, requests->len);
    answers->len = requests->len;
    answers->ptr = allocate_for_guest(requests->len * sizeof *answers->ptr);
    for (size_t i = 0; i < answers->len; i++) give_answer(given[i], &answers->ptr[i]);
}
