#include "guest.h"

static const weir_header *headers_of(const char *list, size_t *count) {
    for (const char *item = NULL; (item = weir_json_next(list, item));) ++*count;
    weir_header *headers = weir_alloc((*count + 1) * sizeof *headers), *to = headers;
    for (const char *item = NULL; (item = weir_json_next(list, item)); to++) {
        const char *name = weir_json_next(item, NULL);
        to->name = weir_json_string(name);
        to->value = weir_json_string(weir_json_next(item, name));
    }
    return headers;
}

static weir_request request_of(const char *step) {
    const char *text = weir_json_string(weir_json_get(step, "text")), *bytes = weir_json_get(step, "bytes");
    weir_request request = {
        .method = weir_json_string(weir_json_get(step, "method")),
        .url = weir_json_string(weir_json_get(step, "url")),
        .json = weir_json_get(step, "json"),
        .timeout_ms = (uint32_t)weir_json_int(weir_json_get(step, "timeout_ms"), 0),
        .any_status = weir_json_bool(weir_json_get(step, "any_status"), false),
    };
    request.headers = headers_of(weir_json_get(step, "headers"), &request.headers_count);
    if (text) {
        request.body = text;
        while (text[request.body_bytes]) request.body_bytes++;
    } else if (bytes) {
        for (const char *item = NULL; (item = weir_json_next(bytes, item));) request.body_bytes++;
        unsigned char *body = weir_alloc(request.body_bytes + 1), *to = body;
        for (const char *item = NULL; (item = weir_json_next(bytes, item));) *to++ = (unsigned char)weir_json_int(item, 0);
        request.body = body;
    }
    return request;
}

/* The body as `read` says. */
static weir_failure *body_of(const char *step, const weir_response *response, const char **body) {
    const char *read = weir_json_string(weir_json_get(step, "read")), *text;
    *body = "null";
    if (!read) return NULL;
    if (read[0] == 'j') return weir_response_json(response, body);
    if (read[0] == 't') {
        WEIR_TRY(weir_response_text(response, &text));
        *body = weir_json_quote(text);
        return NULL;
    }
    weir_buffer list = {0};
    weir_append(&list, "[");
    for (size_t i = 0; i < response->body_bytes; i++)
        weir_append(&list, "%s%u", i ? "," : "", (unsigned char)response->body[i]);
    weir_append(&list, "]");
    *body = list.text;
    return NULL;
}

static weir_failure *came(const char *step, const weir_response *response, const char **saw) {
    const char *body;
    WEIR_TRY(body_of(step, response, &body));
    *saw = weir_format("{\"status\":%d,\"type\":%s,\"body\":%s}", response->status,
                       weir_json_quote(weir_response_header(response, "content-type")), weir_json_copy(body));
    return NULL;
}

weir_failure *see_request(const char *step, const char **saw) {
    weir_request request = request_of(step);
    weir_response response;
    WEIR_TRY(weir_send(&request, &response));
    return came(step, &response, saw);
}

weir_failure *see_requests(const char *steps, const char **saw) {
    size_t count = 0, i = 0;
    for (const char *step = NULL; (step = weir_json_next(steps, step));) count++;
    weir_request *requests = weir_alloc(count * sizeof *requests);
    weir_answer *answers = weir_alloc(count * sizeof *answers);
    for (const char *step = NULL; (step = weir_json_next(steps, step));) requests[i++] = request_of(step);
    WEIR_TRY(weir_send_all(requests, count, answers));
    weir_buffer list = {0};
    weir_append(&list, "[");
    i = 0;
    for (const char *step = NULL; (step = weir_json_next(steps, step)); i++) {
        const char *one;
        weir_failure *failure = answers[i].failure ? answers[i].failure : came(step, &answers[i].response, &one);
        weir_append(&list, "%s%s", i ? "," : "", failure ? show(failure) : one);
    }
    weir_append(&list, "]");
    *saw = list.text;
    return NULL;
}
