/* HTTP requests and responses. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *weir_find_header(const weir_header *headers, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(headers[i].name, name) == 0) return headers[i].value;
    return NULL;
}

const char *weir_response_header(const weir_response *response, const char *name) {
    return weir_find_header(response->headers, response->headers_count, name);
}

weir_failure *weir_request_lend(const weir_request *request, const char *key, weir_action_http_request_t *lent) {
    *lent = (weir_action_http_request_t){.method = weir_lend(request->method), .url = weir_lend(request->url)};
    lent->headers.ptr = weir_alloc((request->headers_count + 2) * sizeof *lent->headers.ptr);
    for (size_t i = 0; i < request->headers_count; i++) {
        lent->headers.ptr[i].f0 = weir_lend(request->headers[i].name);
        lent->headers.ptr[i].f1 = weir_lend(request->headers[i].value);
    }
    lent->headers.len = request->headers_count;
    if (request->json) {
        WEIR_TRY(weir_json_lend(weir_format("the body for %s", request->url), request->json, &lent->body.val.text));
        lent->body.tag = WEIR_ACTION_HTTP_BODY_TEXT;
        if (!weir_find_header(request->headers, request->headers_count, "Content-Type")) {
            component_tuple2_string_string_t *more = &lent->headers.ptr[lent->headers.len++];
            more->f0 = weir_lend("Content-Type");
            more->f1 = weir_lend("application/json");
        }
    } else if (request->body) {
        lent->body.tag = weir_is_text(request->body, request->body_bytes) ? WEIR_ACTION_HTTP_BODY_TEXT
                                                                          : WEIR_ACTION_HTTP_BODY_BYTES;
        lent->body.val.text = weir_lend_bytes(request->body, request->body_bytes);
    }
    if (key && !weir_find_header(request->headers, request->headers_count, "Idempotency-Key")) {
        component_tuple2_string_string_t *more = &lent->headers.ptr[lent->headers.len++];
        more->f0 = weir_lend("Idempotency-Key");
        more->f1 = weir_lend(key);
    }
    lent->timeout_ms.is_some = request->timeout_ms != 0;
    lent->timeout_ms.val = request->timeout_ms;
    return NULL;
}

static weir_failure *no_response(const char *url, weir_action_http_http_error_t *error) {
    if (error->tag == WEIR_ACTION_HTTP_HTTP_ERROR_TIMEOUT)
        return weir_retryable("http/timeout", "no answer from %s in time", url);
    const char *why = weir_take(&error->val.other);
    switch (error->tag) {
    case WEIR_ACTION_HTTP_HTTP_ERROR_DENIED: return weir_fatal("http/denied", "%s: %s", url, why);
    case WEIR_ACTION_HTTP_HTTP_ERROR_INVALID_REQUEST: return weir_fatal("http/invalid-request", "%s: %s", url, why);
    case WEIR_ACTION_HTTP_HTTP_ERROR_TOO_LARGE: return weir_fatal("http/too-large", "%s: %s", url, why);
    case WEIR_ACTION_HTTP_HTTP_ERROR_CONNECTION: return weir_retryable("http/connection", "%s: %s", url, why);
    default: return weir_retryable("http/other", "%s: %s", url, why);
    }
}

/* The first 1,000 characters of a body. */
static const char *beginning(const weir_response *response) {
    const char *text = weir_make_text(response->body), *at = text, *end = text + strlen(text);
    for (int characters = 0; characters < 1000 && at < end; characters++) at += weir_character(at, end);
    return weir_copy(text, (size_t)(at - text));
}

/* Says that the status is not as wanted. Its details are {"status", "text"}. */
static weir_failure *bad_status(const weir_response *response) {
    int status = response->status;
    weir_failure *failure = weir_fatal("http/status", "%s answered %d", response->url, status);
    failure->retryable = status == 408 || status == 425 || status == 429 || (status >= 500 && status <= 599);
    /* In seconds. (Its other form, a date, would need the other side's clock.) */
    const char *wait = weir_response_header(response, "Retry-After");
    if (failure->retryable && wait) {
        wait += strspn(wait, " \t");
        size_t digits = strspn(wait, "0123456789");
        if (digits && digits < 10 && !wait[digits + strspn(wait + digits, " \t")])
            failure->retry_after_ms = strtoll(wait, NULL, 10) * 1000;
    }
    failure->details = weir_format("{\"status\":%d,\"text\":%s}", status, weir_json_quote(beginning(response)));
    return failure;
}

static void take_response(weir_action_http_response_t *from, weir_response *to) {
    weir_header *headers = weir_alloc((from->headers.len + 1) * sizeof *headers);
    for (size_t i = 0; i < from->headers.len; i++) {
        headers[i].name = weir_take(&from->headers.ptr[i].f0);
        headers[i].value = weir_take(&from->headers.ptr[i].f1);
    }
    if (from->headers.len) free(from->headers.ptr);
    to->status = from->status;
    to->headers = headers;
    to->headers_count = from->headers.len;
    to->body = "";
    to->body_bytes = 0;
    if (from->body.tag != WEIR_ACTION_HTTP_BODY_NONE) {
        to->body_bytes = from->body.val.text.len;
        to->body = weir_take(&from->body.val.text);
    }
}

weir_failure *weir_answer_take(const weir_request *request, weir_action_http_result_response_http_error_t *answer,
                               weir_response *response) {
    const char *url = weir_copy(request->url, strlen(request->url));
    *response = (weir_response){.body = "", .url = url};
    if (answer->is_err) return no_response(url, &answer->val.err);
    take_response(&answer->val.ok, response);
    return !request->any_status && response->status >= 400 ? bad_status(response) : NULL;
}

/* Lets the clock show when a request had its outcome, if it was a durable call itself. */
static void pass_time(void) {
    if (!weir_bodies) weir_pass_time();
}

weir_failure *weir_send(const weir_request *request, weir_response *response) {
    weir_action_http_request_t lent;
    weir_action_http_result_response_http_error_t answer;
    WEIR_TRY(weir_request_lend(request, NULL, &lent));
    answer.is_err = !weir_action_http_send(&lent, &answer.val.ok, &answer.val.err);
    pass_time();
    return weir_answer_take(request, &answer, response);
}

weir_failure *weir_send_all(const weir_request *requests, size_t count, weir_answer *answers) {
    weir_action_http_list_request_t lent = {weir_alloc(count * sizeof *lent.ptr), count};
    weir_action_http_list_result_response_http_error_t given;
    for (size_t i = 0; i < count; i++) WEIR_TRY(weir_request_lend(&requests[i], NULL, &lent.ptr[i]));
    weir_action_http_send_all(&lent, &given);
    pass_time();
    for (size_t i = 0; i < count; i++)
        answers[i].failure = weir_answer_take(&requests[i], &given.ptr[i], &answers[i].response);
    if (given.len) free(given.ptr);
    return NULL;
}

static weir_failure *send_json(const char *method, const char *url, const char *json, weir_response *response) {
    weir_request request = {.method = method, .url = url, .json = json};
    return weir_send(&request, response);
}

weir_failure *weir_get(const char *url, weir_response *response) { return send_json("GET", url, NULL, response); }

weir_failure *weir_post(const char *url, const char *json, weir_response *response) {
    return send_json("POST", url, json ? json : "null", response);
}

weir_failure *weir_put(const char *url, const char *json, weir_response *response) {
    return send_json("PUT", url, json ? json : "null", response);
}

weir_failure *weir_delete(const char *url, weir_response *response) { return send_json("DELETE", url, NULL, response); }

weir_failure *weir_response_json(const weir_response *response, const char **json) {
    const char *end = weir_json_end(response->body);
    *json = NULL;
    if (!end || end[strspn(end, " \t\r\n")] || strlen(response->body) != response->body_bytes)
        return weir_fatal("http/body", "the answer of %s is no JSON", response->url);
    *json = response->body;
    return NULL;
}

weir_failure *weir_response_text(const weir_response *response, const char **text) {
    *text = response->body;
    if (!weir_is_text(response->body, response->body_bytes))
        return weir_fatal("http/body", "the answer of %s is no text", response->url);
    return NULL;
}
