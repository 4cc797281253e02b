/* The SDK's own tests. Each is a function that tells by its name what holds. */
#include "weir_test.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failed;

#define CHECK(condition)                                                                                                   \
    do {                                                                                                                   \
        if (!(condition)) failed++, fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, __func__, #condition);          \
    } while (0)

#define SAME(seen, wanted) same(__LINE__, __func__, seen, wanted)

static void same(int line, const char *test, const char *seen, const char *wanted) {
    if (seen && wanted ? strcmp(seen, wanted) == 0 : seen == wanted) return;
    failed++;
    fprintf(stderr, "%s:%d: %s: %s, wanted %s\n", __FILE__, line, test, seen ? seen : "(none)", wanted ? wanted : "(none)");
}

/* What the action `tested` does. */
static weir_failure *(*doing)(const weir_event *event);

weir_failure *tested(const weir_event *event);
weir_failure *tested(const weir_event *event) { return doing(event); }

/* Of each test. */
static int executed;
static char ids[8][200];
static bool found;
static const char *refusal;

static weir_test_key *new_key(weir_failure *(*action)(const weir_event *event)) {
    executed = 0;
    found = false;
    refusal = NULL;
    doing = action;
    return weir_test_new("k");
}

static void run_gives(int line, const char *test, weir_test_key *key, const weir_failure *failure, const char *output) {
    same(line, test, failure ? failure->message : NULL, NULL);
    same(line, test, weir_test_output(key, 0), output);
}

#define GIVES(key, failure, output) run_gives(__LINE__, __func__, key, failure, output)
#define FAILS(failure, wanted) fails(__LINE__, __func__, failure, wanted)

static void fails(int line, const char *test, const weir_failure *failure, const char *kind) {
    same(line, test, failure ? failure->kind : NULL, kind);
}

/* --- Durable calls --- */

static weir_failure *execute(const weir_call *call, void *data, const char **result) {
    (void)data;
    snprintf(ids[executed], sizeof ids[0], "%s", call->id);
    *result = weir_format("%d", ++executed);
    return NULL;
}

static weir_failure *double_charge(const weir_event *event) {
    const char *first, *second;
    WEIR_TRY(weir_durable("charge", event->payload, execute, NULL, &first));
    WEIR_TRY(weir_durable("charge", event->payload, execute, NULL, &second));
    WEIR_TRY(weir_memory_set(WEIR_SHORT_TERM, "charged", second));
    if (weir_json_bool(weir_json_get(event->payload, "busy"), false)) return weir_retryable("busy", "later");
    return weir_output(weir_format("[%s,%s]", first, second));
}

static void next_attempt_replays_the_recorded_calls(void) {
    weir_test_key *key = new_key(double_charge);
    size_t count;
    FAILS(weir_test_run(key, "tested", "{\"busy\":true}"), "busy");
    SAME(weir_test_memory(key, ""), "{}");
    FAILS(weir_test_again(key), "busy");
    const weir_test_call *calls = weir_test_calls(key, &count);
    CHECK(executed == 2 && count == 2 && calls[0].replayed && calls[1].replayed);
    SAME(calls[1].result, "2");
    weir_test_free(key);
}

static void completed_action_run_again_does_the_same_and_executes_nothing(void) {
    weir_test_key *key = new_key(double_charge);
    GIVES(key, weir_test_run(key, "tested", "{}"), "[1,2]");
    GIVES(key, weir_test_again(key), "[1,2]");
    CHECK(executed == 2 && strcmp(ids[0], ids[1]) != 0);
    weir_test_free(key);
}

static weir_failure *decline(const weir_call *call, void *data, const char **result) {
    WEIR_TRY(execute(call, data, result));
    return weir_failure_with_details(weir_fatal("card-declined", "no funds, %d", 7), " [7] ");
}

static weir_failure *declined(const weir_event *event) {
    weir_failure *failure = weir_durable("charge", event->payload, decline, NULL, NULL);
    if (!failure) return weir_fatal("no-failure", "it succeeded");
    return weir_output(weir_format("[%s,%s,%s]", weir_json_quote(failure->kind), weir_json_quote(failure->message),
                                   weir_json_copy(failure->details)));
}

/* [S15] */
static void failed_outcome_is_replayed_with_kind_message_and_details(void) {
    weir_test_key *key = new_key(declined);
    GIVES(key, weir_test_run(key, "tested", "1"), "[\"card-declined\",\"no funds, 7\",[7]]");
    GIVES(key, weir_test_again(key), "[\"card-declined\",\"no funds, 7\",[7]]");
    CHECK(executed == 1);
    weir_test_free(key);
}

static weir_failure *busy_twice(const weir_call *call, void *data, const char **result) {
    WEIR_TRY(execute(call, data, result));
    return executed < 3 ? weir_retryable("busy", "%d", executed) : NULL;
}

static weir_failure *try_three_times(const weir_event *event) {
    const char *result;
    (void)event;
    for (int i = 0; i < 3; i++)
        if (!weir_durable("charge", "\"a\"", busy_twice, NULL, &result)) return weir_output(result);
    return weir_fatal("gave-up", "three times");
}

/* [S12] [S15] */
static void loop_that_tries_again_sends_the_same_id_and_replays_its_way(void) {
    weir_test_key *key = new_key(try_three_times);
    GIVES(key, weir_test_run(key, "tested", NULL), "3");
    CHECK(strcmp(ids[0], ids[1]) == 0 && strcmp(ids[1], ids[2]) == 0);
    GIVES(key, weir_test_again(key), "3");
    CHECK(executed == 3);
    weir_test_free(key);
}

static weir_failure *once(const weir_event *event) {
    const char *result;
    WEIR_TRY(weir_durable("charge", event->payload, busy_twice, NULL, &result));
    return weir_output(result);
}

/* [S15] */
static void retryable_failure_that_ends_the_attempt_is_not_recorded(void) {
    weir_test_key *key = new_key(once);
    FAILS(weir_test_run(key, "tested", "1"), "busy");
    FAILS(weir_test_again(key), "busy");
    GIVES(key, weir_test_again(key), "3");
    weir_test_free(key);
}

static weir_failure *give_nothing(const weir_call *call, void *data, const char **result) {
    const char *dropped;
    (void)result;
    return execute(call, data, &dropped);
}

static weir_failure *nothing(const weir_event *event) {
    const char *result;
    WEIR_TRY(weir_durable("find", NULL, give_nothing, NULL, &result));
    (void)event;
    return weir_output(result);
}

/* [S17] */
static void empty_result_replays_as_one(void) {
    weir_test_key *key = new_key(nothing);
    GIVES(key, weir_test_run(key, "tested", NULL), "null");
    GIVES(key, weir_test_again(key), "null");
    CHECK(executed == 1);
    weir_test_free(key);
}

static weir_failure *find(const weir_call *call, void *data, bool *it_is, const char **result) {
    (void)call, (void)data;
    if (refusal) return strcmp(refusal, "provider-down") == 0 ? weir_retryable(refusal, "-") : weir_fatal(refusal, "-");
    *it_is = found;
    *result = "77";
    return NULL;
}

static weir_failure *reconciled(const weir_event *event) {
    const char *result;
    WEIR_TRY(weir_reconcilable("charge", event->payload, find, execute, NULL, &result));
    return weir_output(result);
}

/* The key after a crash between the effect and the record of `reconciled`. */
static weir_test_key *cut_off(void) {
    weir_test_key *key = new_key(reconciled);
    weir_test_crash_in(key, "charge");
    FAILS(weir_test_run(key, "tested", "1"), "crash");
    return key;
}

/* [S13] */
static void reconciler_that_finds_the_effect_spares_the_call(void) {
    weir_test_key *key = cut_off();
    found = true;
    GIVES(key, weir_test_again(key), "77");
    found = false;
    GIVES(key, weir_test_again(key), "77");
    CHECK(executed == 1);
    weir_test_free(key);
}

/* [S13] */
static void call_that_never_happened_is_executed_with_the_same_id(void) {
    weir_test_key *key = cut_off();
    GIVES(key, weir_test_again(key), "2");
    SAME(ids[1], ids[0]);
    weir_test_free(key);
}

/* [S13] */
static void reconciler_that_does_not_know_is_asked_again_and_one_that_fails_decides(void) {
    weir_test_key *key = cut_off();
    refusal = "provider-down";
    FAILS(weir_test_again(key), "provider-down");
    refusal = "refused";
    FAILS(weir_test_again(key), "refused");
    refusal = NULL;
    FAILS(weir_test_again(key), "refused");
    CHECK(executed == 1);
    weir_test_free(key);
}

static weir_failure *plain(const weir_event *event) {
    return weir_durable("charge", event->payload, execute, NULL, NULL);
}

static weir_failure *other_arguments(const weir_event *event) {
    (void)event;
    return weir_durable("charge", "\"other\"", execute, NULL, NULL);
}

static weir_failure *no_call(const weir_event *event) {
    (void)event;
    return NULL;
}

static void plain_call_cut_off_is_executed_again_with_the_same_id(void) {
    weir_test_key *key = new_key(plain);
    weir_test_crash_in(key, "charge");
    FAILS(weir_test_run(key, "tested", "1"), "crash");
    FAILS(weir_test_again(key), NULL);
    CHECK(executed == 2);
    SAME(ids[1], ids[0]);
    weir_test_free(key);
}

static void call_that_lost_its_reconciler_is_not_executed(void) {
    weir_test_key *key = cut_off();
    doing = plain;
    FAILS(weir_test_again(key), "divergence");
    CHECK(executed == 1);
    weir_test_free(key);
}

/* [S14] */
static void call_that_differs_from_the_recorded_one_is_a_divergence(void) {
    weir_test_key *key = new_key(plain);
    FAILS(weir_test_run(key, "tested", "1"), NULL);
    doing = other_arguments;
    FAILS(weir_test_again(key), "divergence");
    doing = no_call;
    FAILS(weir_test_again(key), "divergence");
    CHECK(executed == 1);
    weir_test_free(key);
}

static weir_failure *inner(const weir_call *call, void *what, const char **result) {
    (void)call;
    if (strcmp(what, "set") == 0) return weir_memory_set(WEIR_SHORT_TERM, "a", "1");
    if (strcmp(what, "emit") == 0) return weir_emit("a", "1");
    if (strcmp(what, "all") == 0) {
        weir_request_call one = {.function_id = "inner", .request = {.method = "GET", .url = "https://a.example/"}};
        return weir_durable_all(&one, 1);
    }
    return weir_durable("inner", "1", execute, NULL, result);
}

static weir_failure *inner_find(const weir_call *call, void *what, bool *it_is, const char **result) {
    (void)it_is;
    return inner(call, what, result);
}

static weir_failure *inside(const weir_event *event) {
    const char *what = weir_json_string(event->payload);
    weir_body *body = strcmp(what, "find") == 0 ? execute : inner;
    return weir_reconcilable("outer", "1", inner_find, body, (void *)what, NULL);
}

/* [S12] */
static void what_a_replay_would_skip_is_refused_in_a_body(void) {
    const char *all[] = {"\"set\"", "\"emit\"", "\"call\"", "\"all\"", "\"find\""};
    for (size_t i = 0; i < 5; i++) {
        weir_test_key *key = new_key(inside);
        const weir_failure *failure;
        if (i == 4) {
            weir_test_crash_in(key, "outer");
            FAILS(weir_test_run(key, "tested", all[i]), "crash");
            failure = weir_test_again(key);
        } else {
            failure = weir_test_run(key, "tested", all[i]);
        }
        FAILS(failure, "trap");
        CHECK(failure && strstr(failure->message, "a replay would skip") != NULL);
        SAME(weir_test_memory(key, ""), "{}");
        weir_test_free(key);
    }
}

static weir_failure *unwritable(const weir_event *event) {
    (void)event;
    return weir_durable("charge", "{a:1}", execute, NULL, NULL);
}

static void arguments_that_are_no_json_open_no_call(void) {
    weir_test_key *key = new_key(unwritable);
    size_t count;
    FAILS(weir_test_run(key, "tested", NULL), "json");
    weir_test_calls(key, &count);
    CHECK(executed == 0 && count == 0);
    weir_test_free(key);
}

static weir_failure *draw(const weir_call *call, void *data, const char **result) {
    (void)call, (void)data;
    for (int i = 0; i < 2500; i++) weir_now_ms();
    *result = weir_format("%lu", (unsigned long)weir_random_u32());
    return NULL;
}

static weir_failure *draws_in_a_body(const weir_event *event) {
    const char *drawn;
    (void)event;
    WEIR_TRY(weir_durable("draw", NULL, draw, NULL, &drawn));
    unsigned long first = weir_random_u32(), second = weir_random_u32();
    if (first == second || strtoul(drawn, NULL, 10) == first) return weir_fatal("equal", "%lu", first);
    return weir_output(weir_format("[%lu,%lu,%llu]", first, second, (unsigned long long)weir_now_ms()));
}

/* [S10] */
static void what_a_body_draws_and_reads_changes_nothing_after_it(void) {
    weir_test_key *key = new_key(draws_in_a_body);
    FAILS(weir_test_run(key, "tested", NULL), NULL);
    char first[200];
    snprintf(first, sizeof first, "%s", weir_test_output(key, 0));
    GIVES(key, weir_test_again(key), first);
    weir_test_free(key);
}

/* --- HTTP --- */

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

/* --- What an action sees, remembers and emits --- */

static weir_failure *where(const weir_event *event) {
    const char *limit;
    uint64_t at = 0;
    bool dated = weir_source_timestamp_ms(&at);
    WEIR_TRY(weir_required_config("limit", &limit));
    weir_log(WEIR_WARN, "limit %s", limit);
    return weir_output(weir_format("[%s,%d,%llu,%s,%d,%llu,%s,%s,%s,%llu]", weir_json_quote(weir_key()), weir_key_is_text(),
                                   (unsigned long long)weir_sequence_number(), weir_json_quote(event->kind), dated,
                                   (unsigned long long)at, weir_json_quote(weir_event_header("tenant")),
                                   weir_json_quote(weir_event_header("other")), limit, (unsigned long long)weir_now_ms()));
}

static void action_sees_where_it_stands(void) {
    weir_test_key *key = new_key(where);
    size_t count;
    const weir_failure *failure = weir_test_run(key, "tested", NULL);
    FAILS(failure, "config");
    CHECK(failure && strstr(failure->message, "config.limit"));
    weir_test_set_config(key, "limit", "10");
    weir_test_set_header(key, "tenant", "t");
    weir_test_at_ms(key, 5000);
    GIVES(key, weir_test_run(key, "tested", NULL), "[\"k\",1,1,\"input\",1,5000,\"t\",null,10,5000]");
    const weir_test_line *lines = weir_test_logs(key, &count);
    CHECK(count == 1 && lines[0].level == WEIR_WARN);
    SAME(lines[0].message, "limit 10");
    weir_test_free(key);
}

static weir_failure *chain(const weir_event *event) {
    const char *seen, *first, *second;
    long long n = weir_json_int(event->payload, 0);
    WEIR_TRY(weir_memory_get(WEIR_SENSORY, "seen", &seen));
    WEIR_TRY(weir_memory_set(WEIR_SENSORY, "seen", seen = weir_format("%lld", weir_json_int(seen, 0) + n)));
    if (n == 3) return weir_output(seen);
    WEIR_TRY(weir_emit_with_id("next", weir_format("%lld", n + 1), &first));
    WEIR_TRY(weir_emit_with_id("unheard", weir_json_quote(first), &second));
    return strcmp(first, second) ? NULL : weir_fatal("same-id", "%s", first);
}

static void sensory_memory_lives_for_one_run(void) {
    weir_test_key *key = new_key(chain);
    for (int run = 0; run < 2; run++) {
        FAILS(weir_test_run(key, "tested", "1"), NULL);
        SAME(weir_test_event_kind(key, 1), "unheard");
        FAILS(weir_test_follow(key, "tested", "next", weir_test_event_payload(key, 0)), NULL);
        GIVES(key, weir_test_follow(key, "tested", "next", weir_test_event_payload(key, 0)), "6");
        SAME(weir_test_sensory(key, "seen"), "6");
    }
    weir_test_free(key);
}

static weir_failure *set_at(const weir_event *event) {
    WEIR_TRY(weir_memory_set(WEIR_SHORT_TERM, "order.count", "1"));
    WEIR_TRY(weir_memory_new_object(WEIR_SHORT_TERM, "empty"));
    WEIR_TRY(weir_memory_new_object(WEIR_SHORT_TERM, "empty"));
    return weir_memory_set(WEIR_SHORT_TERM, weir_json_string(event->payload), "2");
}

/* [S8] */
static void value_does_not_go_over_an_object_nor_below_a_value(void) {
    const char *all[][2] = {
        {"\"\"", "memory/type-mismatch"},         {"\"order\"", "memory/type-mismatch"},
        {"\"order.count.x\"", "memory/type-mismatch"}, {"\"empty\"", "memory/type-mismatch"},
        {"\"a..b\"", "memory/invalid-path"},      {"\"a\\\\b\"", "memory/invalid-path"},
        {"\"a.\"", "memory/invalid-path"},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        weir_test_key *key = new_key(set_at);
        FAILS(weir_test_run(key, "tested", all[i][0]), all[i][1]);
        SAME(weir_test_memory(key, ""), "{}");
        weir_test_free(key);
    }
    weir_test_key *key = new_key(set_at);
    FAILS(weir_test_run(key, "tested", "\"a\\\\.b\""), NULL);
    SAME(weir_test_memory(key, ""), "{\"a.b\":2,\"empty\":{},\"order\":{\"count\":1}}");
    weir_test_free(key);
}

static weir_failure *removes(const weir_event *event) {
    bool was, is, none;
    (void)event;
    WEIR_TRY(weir_memory_remove(WEIR_SHORT_TERM, "a.b", &was));
    WEIR_TRY(weir_memory_remove(WEIR_SHORT_TERM, "a.b.c", &none));
    WEIR_TRY(weir_memory_exists(WEIR_SHORT_TERM, "a", &is));
    return weir_output(weir_format("[%d,%d,%d]", was, none, is));
}

static void object_whose_last_field_is_removed_stays(void) {
    weir_test_key *key = new_key(removes);
    weir_test_set_memory(key, "a.b", "{\"c\":1}");
    GIVES(key, weir_test_run(key, "tested", NULL), "[1,0,1]");
    SAME(weir_test_memory(key, ""), "{\"a\":{}}");
    SAME(weir_test_memory(key, "a.b"), NULL);
    weir_test_free(key);
}

static weir_failure *echo(const weir_event *event) { return weir_output(event->payload); }

static void json_text_passes_as_it_is(void) {
    const char *all[] = {"12345678901234567890123", "-0", "1e308", "\"\\ud800\"", "\"<&>\"", "\"\\u0000\"", "{\"b\":1,\"a\":2}", "null", "\"😀\""};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        weir_test_key *key = new_key(echo);
        GIVES(key, weir_test_run(key, "tested", all[i]), all[i]);
        weir_test_free(key);
    }
}

static void unknown_action_is_a_failure(void) {
    weir_test_key *key = new_key(echo);
    FAILS(weir_test_run(key, "nobody", NULL), "unknown-action");
    weir_test_free(key);
}

/* --- JSON, inside an action, for it needs the action's memory --- */

static weir_failure *reads_json(const weir_event *event) {
    const char *all = event->payload, *list = weir_json_get(all, "list");
    CHECK(weir_json_int(weir_json_get(all, "big"), 0) == 9223372036854775807);
    CHECK(weir_json_int(weir_json_get(all, "over"), -7) == -7);
    CHECK(weir_json_int(weir_json_get(all, "half"), -7) == -7);
    CHECK(weir_json_number(weir_json_get(all, "half"), 0) == 0.5);
    CHECK(weir_json_number(weir_json_get(all, "text"), -1) == -1);
    CHECK(weir_json_bool(weir_json_get(all, "yes"), false) && !weir_json_bool(weir_json_get(all, "half"), false));
    SAME(weir_json_string(weir_json_get(all, "text")), "a\"\\/\b\f\n\r\té😀\xEF\xBF\xBDz");
    CHECK(weir_json_string(list) == NULL && weir_json_get(all, "none") == NULL && weir_json_get(list, "x") == NULL);
    CHECK(weir_json_int(weir_json_get(all, "twice"), 0) == 2 && weir_json_int(weir_json_get(all, "é"), 0) == 3);
    long long sum = 0;
    for (const char *item = NULL; (item = weir_json_next(list, item));) sum += weir_json_int(item, 100);
    CHECK(sum == 6);
    CHECK(weir_json_next(weir_json_get(all, "empty"), NULL) == NULL);
    const char *first = weir_json_next(all, NULL);
    SAME(weir_json_name(all, first), "big");
    SAME(weir_json_copy(list), "[1, 2 ,3]");
    CHECK(weir_json_kind_of(list) == WEIR_JSON_LIST && weir_json_kind_of("") == WEIR_JSON_NONE);
    SAME(weir_json_quote("a\"\\\n\x01\xffé"), "\"a\\\"\\\\\\u000a\\u0001\xEF\xBF\xBDé\"");
    SAME(weir_json_of_number(0.1), "0.1");
    SAME(weir_json_of_number(1.0 / 3), "0.3333333333333333");
    SAME(weir_json_of_number(1e308 * 10), "null");
    SAME(weir_escape("a.b\\c"), "a\\.b\\\\c");
    return NULL;
}

static void json_is_read_where_it_stands(void) {
    weir_test_key *key = new_key(reads_json);
    FAILS(weir_test_run(key, "tested",
                        "{\"big\":9223372036854775807,\"over\":9223372036854775808,\"half\":0.5,\"yes\" : true,"
                        "\"text\":\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\\ud800z\",\"list\":[1, 2 ,3],"
                        "\"twice\":1,\"twice\":2,\"\\u00e9\":3,\"empty\":[ ]}"), NULL);
    weir_test_free(key);
}

static void what_is_no_json_is_seen(void) {
    const char *all[] = {"", "nul", "{", "[1,]", "{\"a\"}", "{\"a\":}", "{a:1}", "01x", "-", "1.", "1e", "\"a", "\"\\x\"", "\"\\u12g4\"",
                         "\"\n\"", "\"\xff\"", "\"\xed\xa0\x80\"", "[1 2]", "+1", ".5", "NaN"};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        /* A value ends where it ends: of `01x` the 0 is one. */
        bool none = strcmp(all[i], "01x") != 0;
        if ((weir_json_kind_of(all[i]) == WEIR_JSON_NONE) != none) failed++, fprintf(stderr, "%s is taken wrongly\n", all[i]);
    }
    char deep[1200];
    memset(deep, '[', 600);
    memset(deep + 600, ']', 600);
    deep[1199] = 0;
    CHECK(weir_json_kind_of(deep) == WEIR_JSON_NONE);
}

/* --- The guide, and the contract --- */

static char *read_file(const char *path) {
    FILE *file = fopen(path, "rb");
    char *text = calloc(1, 1 << 18);
    if (file) {
        if (fread(text, 1, (1 << 18) - 1, file) == 0) fprintf(stderr, "%s is empty\n", path);
        fclose(file);
    }
    return text;
}

static void without_space(char *text) {
    char *to = text;
    for (char *at = text; *at; at++)
        if (!isspace((unsigned char)*at)) *to++ = *at;
    *to = 0;
}

static void each_block_of_the_guide_is_compiled_here(void) {
    char *guide = read_file("README.md"), *code = read_file("tests/guide.c");
    int blocks = 0;
    without_space(code);
    for (char *block = guide; (block = strstr(block, "```c\n"));) {
        block += 5;
        char *end = strstr(block, "```");
        if (strstr(block, "int main") && strstr(block, "int main") < end) continue; /* That is below. */
        char *text = strndup(block, (size_t)(end - block));
        char *begin = strstr(text, "static "), *tail = strstr(text, "\nWEIR_ACTIONS");
        if (tail) *tail = 0;
        without_space(begin);
        if (!strstr(code, begin)) failed++, fprintf(stderr, "put this of README.md into tests/guide.c: %.80s…\n", begin);
        free(text);
        blocks++;
    }
    CHECK(blocks >= 6);
    free(guide);
    free(code);
}

extern void run_guide(void);

static weir_test_response shops(const weir_test_request *request, void *data) {
    (void)data;
    return strcmp(request->method, "DELETE") == 0 ? (weir_test_response){.status = 404} : (weir_test_response){.status = 200, .body = "1.5"};
}

static void the_guide_does_as_it_says(void) {
    weir_test_key *key = new_key(NULL);
    GIVES(key, weir_test_run(key, "charge", "{\"cents\":250}"), "{\"total\":250}");
    GIVES(key, weir_test_run(key, "charge", "{\"cents\":50}"), "{\"total\":300}");
    GIVES(key, weir_test_run(key, "order", "{\"id\":\"7\",\"lines\":[{\"name\":\"a\"},{\"name\":\"b\"}]}"),
          "{\"id\":\"7\",\"rate\":1,\"names\":\"a,b,\",\"lines\":[{\"name\":\"a\"},{\"name\":\"b\"}]}");
    FAILS(weir_test_run(key, "order", "{}"), "payload");
    FAILS(weir_test_run(key, "remember", "{}"), NULL);
    SAME(weir_test_memory(key, "seen.a\\.b"), "true");
    FAILS(weir_test_run(key, "limit", "{}"), "card-declined");
    CHECK(weir_test_run(key, "limit", "{\"cents\":1}")->retry_after_ms == 5000);
    weir_test_on_request(key, shops, NULL);
    GIVES(key, weir_test_run(key, "quote", "{}"), "1.5");
    run_guide();
    weir_test_free(key);
}

static void copy_of_the_contract_equals_the_projects_byte_by_byte(void) {
    DIR *folder = opendir("../../wit");
    int files = 0;
    if (!folder) {
        fprintf(stderr, "no project around this copy: its contract is not compared\n");
        return;
    }
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (!strstr(entry->d_name, ".wit")) continue;
        char original[400], copy[400];
        snprintf(original, sizeof original, "../../wit/%s", entry->d_name);
        snprintf(copy, sizeof copy, "wit/%s", entry->d_name);
        char *here = read_file(copy), *there = read_file(original);
        if (strcmp(here, there) != 0) failed++, fprintf(stderr, "copy wit/%s to guest-sdk/c/wit/\n", entry->d_name);
        free(here);
        free(there);
        files++;
    }
    closedir(folder);
    CHECK(files >= 9);
}

int main(void) {
    next_attempt_replays_the_recorded_calls();
    completed_action_run_again_does_the_same_and_executes_nothing();
    failed_outcome_is_replayed_with_kind_message_and_details();
    loop_that_tries_again_sends_the_same_id_and_replays_its_way();
    retryable_failure_that_ends_the_attempt_is_not_recorded();
    empty_result_replays_as_one();
    reconciler_that_finds_the_effect_spares_the_call();
    call_that_never_happened_is_executed_with_the_same_id();
    reconciler_that_does_not_know_is_asked_again_and_one_that_fails_decides();
    plain_call_cut_off_is_executed_again_with_the_same_id();
    call_that_lost_its_reconciler_is_not_executed();
    call_that_differs_from_the_recorded_one_is_a_divergence();
    what_a_replay_would_skip_is_refused_in_a_body();
    arguments_that_are_no_json_open_no_call();
    what_a_body_draws_and_reads_changes_nothing_after_it();
    response_is_recorded_and_replayed();
    what_is_no_good_response_is_a_failure();
    failed_status_tells_the_answer_cut_at_1000_characters();
    several_requests_have_each_its_own_result_and_key();
    parallel_calls_are_each_recorded_and_reconciled();
    action_sees_where_it_stands();
    sensory_memory_lives_for_one_run();
    value_does_not_go_over_an_object_nor_below_a_value();
    object_whose_last_field_is_removed_stays();
    json_text_passes_as_it_is();
    unknown_action_is_a_failure();
    json_is_read_where_it_stands();
    what_is_no_json_is_seen();
    each_block_of_the_guide_is_compiled_here();
    the_guide_does_as_it_says();
    copy_of_the_contract_equals_the_projects_byte_by_byte();
    printf("%s\n", failed ? "FAILED" : "ok: 31 tests");
    return failed != 0;
}
