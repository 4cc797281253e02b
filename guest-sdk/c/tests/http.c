/* Requests: durable calls themselves, with failures that say whether to try again. */
#include "tests.h"

static weir_test_response give(const weir_test_request *request, void *response) {
    (void)request;
    return *(weir_test_response *)response;
}

static weir_failure *fetch(const weir_event *event) {
    weir_response response;
    const char *text;
    weir_header type = {"content-type", "text/plain"};
    weir_request request = {.method = "PUT", .url = "https://a.example/x?q=1", .body = "hi", .body_bytes = 2,
                            .headers = &type, .headers_count = 1, .any_status = weir_json_bool(event->payload, false)};
    WEIR_TRY(weir_send(&request, &response));
    WEIR_TRY(weir_response_text(&response, &text));
    return weir_output(weir_format("[%d,%s,%s]", response.status, weir_json_quote(text),
                                   weir_json_quote(weir_response_header(&response, "x-one"))));
}

static void response_is_recorded_and_replayed(void) {
    weir_test_key *key = new_key(fetch);
    weir_test_response response = {.status = 200, .body = "hello", .headers = {{"X-One", "1"}}};
    size_t count;
    weir_test_on_request(key, give, &response);
    GIVES(key, weir_test_run(key, "tested", "false"), "[200,\"hello\",\"1\"]");
    GIVES(key, weir_test_again(key), "[200,\"hello\",\"1\"]");
    const weir_test_call *calls = weir_test_calls(key, &count);
    CHECK(count == 1 && calls[0].replayed);
    SAME(calls[0].function_id, "PUT https://a.example/x");
    const weir_test_request *requests = weir_test_requests(key, &count);
    CHECK(count == 1 && weir_test_header(&requests[0], "Idempotency-Key") != NULL);
    SAME(requests[0].body, "hi");
    weir_test_free(key);
}

static void what_is_no_good_response_is_a_failure(void) {
    const struct {
        weir_test_response response;
        const char *kind;
        bool retryable;
        long long wait;
    } all[] = {
        {{.status = 404}, "http/status", false, -1},
        {{.status = 429, .headers = {{"Retry-After", "7"}}}, "http/status", true, 7000},
        {{.status = 503, .headers = {{"Retry-After", "soon"}}}, "http/status", true, -1},
        {{.failure = "http/timeout"}, "http/timeout", true, -1},
        {{.failure = "http/connection"}, "http/connection", true, -1},
        {{.failure = "http/denied"}, "http/denied", false, -1},
        {{.status = 200, .body = "\xff"}, "http/body", false, -1},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        weir_test_key *key = new_key(fetch);
        weir_test_on_request(key, give, (void *)&all[i].response);
        const weir_failure *failure = weir_test_run(key, "tested", "false");
        FAILS(failure, all[i].kind);
        CHECK(failure && failure->retryable == all[i].retryable && failure->retry_after_ms == all[i].wait);
        weir_test_free(key);
    }
}

static void failed_status_tells_the_answer_cut_at_1000_characters(void) {
    weir_test_key *key = new_key(fetch);
    char body[2003] = "", wanted[2100];
    for (int i = 0; i < 1001; i++) strcat(body, "é");
    weir_test_response response = {.status = 500, .body = body};
    weir_test_on_request(key, give, &response);
    const weir_failure *failure = weir_test_run(key, "tested", "false");
    snprintf(wanted, sizeof wanted, "{\"status\":500,\"text\":\"%.2000s\"}", body);
    SAME(failure ? failure->details : NULL, wanted);
    /* An action that takes any status goes on, and its replay too. */
    snprintf(wanted, sizeof wanted, "[500,\"%s\",null]", body);
    GIVES(key, weir_test_run(key, "tested", "true"), wanted);
    weir_test_free(key);
}

static weir_test_response by_url(const weir_test_request *request, void *data) {
    (void)data;
    if (strstr(request->url, "bad")) return (weir_test_response){.status = 500};
    return (weir_test_response){.status = 200, .body = request->body ? request->body : "0"};
}

static weir_failure *fetch_all(const weir_event *event) {
    (void)event;
    weir_request requests[] = {{.method = "GET", .url = "https://a.example/"}, {.method = "GET", .url = "https://bad.example/"},
                               {.method = "GET", .url = "https://a.example/"}};
    weir_answer answers[3];
    WEIR_TRY(weir_send_all(requests, 3, answers));
    return weir_output(weir_format("[%d,%s,%d]", answers[0].response.status, weir_json_quote(answers[1].failure->kind),
                                   answers[2].response.status));
}

static void several_requests_have_each_its_own_result_and_key(void) {
    weir_test_key *key = new_key(fetch_all);
    size_t count;
    weir_test_on_request(key, by_url, NULL);
    GIVES(key, weir_test_run(key, "tested", NULL), "[200,\"http/status\",200]");
    const weir_test_request *requests = weir_test_requests(key, &count);
    CHECK(count == 3 && strcmp(weir_test_header(&requests[0], "Idempotency-Key"), weir_test_header(&requests[2], "Idempotency-Key")) != 0);
    weir_test_free(key);
}

static void answer_with(weir_test_response response) {
    weir_test_key *key = new_key(fetch);
    weir_test_on_request(key, give, &response);
    weir_test_run(key, "tested", "true");
    weir_test_free(key);
}

static void answer_mistyped(void) { answer_with((weir_test_response){.failure = "http/time-out"}); }
static void answer_without_status(void) { answer_with((weir_test_response){.body = "hello"}); }
static void answer_with_large_status(void) { answer_with((weir_test_response){.status = 65736}); }
static void answer_with_bare_header(void) { answer_with((weir_test_response){.status = 200, .headers = {{"X-One", NULL}}}); }

static void answer_that_no_host_gives_ends_the_test(void) {
    ENDS(answer_mistyped, "PUT https://a.example/x?q=1 was answered with failure `http/time-out`: there are http/denied, ");
    ENDS(answer_without_status, "PUT https://a.example/x?q=1 was answered with status 0: ");
    ENDS(answer_with_large_status, "was answered with status 65736: ");
    ENDS(answer_with_bare_header, "was answered with header X-One, which has no value");
}

static const char *body_bytes[2];
static int attempts;

static weir_failure *put_bytes(const weir_event *event) {
    weir_response response;
    weir_request request = {.method = "PUT", .url = "https://a.example/", .body = body_bytes[attempts > 0], .body_bytes = 3};
    (void)event;
    attempts++;
    return weir_send(&request, &response);
}

static void requests_are_compared_by_all_bytes_of_their_bodies(void) {
    const char *all[][2] = {{"a\0b", "a\0c"}, {"a\xff" "b", "a\xfe" "b"}, {"\xef\xbf\xbd", "\xff\xff\xff"}, {"abc", "abc"}};
    weir_test_response response = {.status = 200};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        weir_test_key *key = new_key(put_bytes);
        weir_test_on_request(key, give, &response);
        memcpy(body_bytes, all[i], sizeof body_bytes);
        attempts = 0;
        FAILS(weir_test_run(key, "tested", NULL), NULL);
        FAILS(weir_test_again(key), i < 3 ? "divergence" : NULL);
        weir_test_free(key);
    }
}

static weir_failure *fetch_none(const weir_event *event) {
    (void)event;
    return weir_send_all(NULL, 0, NULL);
}

/* That nothing leaks shows at the end of the process. */
static void attempt_cut_off_and_what_is_empty_leave_no_memory_behind(void) {
    weir_test_key *key = new_key(fetch_all);
    weir_test_response empty = {.status = 200, .body = "", .headers = {{"X-One", ""}}};
    weir_test_on_request(key, by_url, NULL);
    weir_test_crash_in(key, "GET https://bad.example/");
    FAILS(weir_test_run(key, "tested", NULL), "crash");
    weir_test_on_request(key, give, &empty);
    doing = fetch;
    GIVES(key, weir_test_run(key, "tested", "true"), "[200,\"\",\"\"]");
    doing = fetch_none;
    GIVES(key, weir_test_run(key, "tested", NULL), NULL);
    weir_test_free(key);
}

static weir_failure *parallel(const weir_event *event) {
    const char *bad = weir_json_string(event->payload);
    weir_request_call calls[] = {
        {.function_id = "quote", .arguments = "\"a\"", .request = {.method = "POST", .url = "https://a.example/", .json = "3"}},
        {.function_id = "quote", .arguments = "\"b\"", .find = find,
         .request = {.method = "POST", .url = bad ? bad : "https://b.example/", .json = "4"}},
    };
    WEIR_TRY(weir_durable_all(calls, 2));
    const char *second = calls[1].failure ? weir_json_quote(calls[1].failure->kind) : calls[1].result;
    return weir_output(weir_format("[%s,%s]", calls[0].result, second));
}

/* [S16] */
static void parallel_calls_are_each_recorded_and_reconciled(void) {
    weir_test_key *key = new_key(parallel);
    size_t count;
    weir_test_on_request(key, by_url, NULL);
    weir_test_crash_in(key, "quote");
    FAILS(weir_test_run(key, "tested", NULL), "crash");
    found = true;
    GIVES(key, weir_test_again(key), "[3,77]");
    GIVES(key, weir_test_again(key), "[3,77]");
    const weir_test_request *requests = weir_test_requests(key, &count);
    CHECK(count == 3);
    SAME(weir_test_header(&requests[2], "Idempotency-Key"), weir_test_header(&requests[0], "Idempotency-Key"));
    GIVES(key, weir_test_run(key, "tested", "\"https://bad.example/\""), "[3,\"http/status\"]");
    weir_test_free(key);
}

static weir_failure *equal_calls(const weir_event *event) {
    weir_request get = {.method = "GET", .url = "https://a.example/"};
    weir_request_call calls[] = {
        {.function_id = "quote", .arguments = "{\"a\":1,\"b\":2}", .request = get},
        {.function_id = "quote", .arguments = "{\"b\":2, \"a\":1}", .request = get},
    };
    (void)event;
    return weir_durable_all(calls, 2);
}

/* [S16] */
static void equal_calls_at_once_are_refused(void) {
    weir_test_key *key = new_key(equal_calls);
    size_t count;
    weir_test_on_request(key, by_url, NULL);
    const weir_failure *failure = weir_test_run(key, "tested", NULL);
    FAILS(failure, "trap");
    CHECK(failure && strstr(failure->message, "one with the same arguments is open") != NULL);
    weir_test_requests(key, &count);
    CHECK(count == 0);
    weir_test_free(key);
}
