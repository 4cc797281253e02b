/* Durable calls: recorded, replayed, reconciled; what an action does around them. */
#include "tests.h"

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

static const char *found_text = "77";

static weir_failure *find(const weir_call *call, void *data, bool *it_is, const char **result) {
    (void)call, (void)data;
    *it_is = found;
    *result = found_text;
    if (refusal) return strcmp(refusal, "provider-down") == 0 ? weir_retryable(refusal, "-") : weir_fatal(refusal, "-");
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
    /* Whatever it set before. */
    for (int set = 0; set < 2; set++) {
        weir_test_key *key = cut_off();
        found = set;
        refusal = "provider-down";
        FAILS(weir_test_again(key), "provider-down");
        FAILS(weir_test_again(key), "provider-down");
        refusal = "refused";
        FAILS(weir_test_again(key), "refused");
        refusal = NULL;
        FAILS(weir_test_again(key), "refused");
        CHECK(executed == 1);
        weir_test_free(key);
    }
}

/* [S13] */
static void reconciler_whose_result_is_no_json_is_asked_again(void) {
    weir_test_key *key = cut_off();
    size_t count;
    found = true;
    found_text = "oops";
    FAILS(weir_test_again(key), "json");
    weir_test_calls(key, &count);
    CHECK(count == 0);
    found_text = "77";
    GIVES(key, weir_test_again(key), "77");
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

static const char *const *spelled;

static weir_failure *with_spelled(const weir_event *event) {
    const char *result;
    (void)event;
    WEIR_TRY(weir_durable("charge", spelled[executed > 0], execute, NULL, &result));
    return weir_output(result);
}

/* [S12] */
static void arguments_are_compared_as_values(void) {
    const struct {
        const char *spellings[2];
        bool same;
    } all[] = {
        {{"{\"a\":1,\"b\":[2,{\"d\":null,\"c\":true}]}", "{ \"b\" : [ 2 , {\"c\":true,\"d\":null} ] , \"a\" : 1 }"}, true},
        {{"{\"\\u00e9\":\"\\u0041\\/\\u000a\\ud83d\\ude00\"}", "{\"é\":\"A/\\n😀\"}"}, true},
        {{"[{},[],\"\"]", "[ { } , [ ] , \"\" ]"}, true},
        {{"{\"a\":1,\"a\":0}", "{\"a\":0,\"a\":1}"}, false},
        {{"[1.0]", "[1]"}, false},
        {{"[1,2]", "[2,1]"}, false},
        {{"\"a\\u0000b\"", "\"a\\u0000c\""}, false},
        {{"\"\\ud800\"", "\"\\ufffd\""}, false},
        {{"\"\\ud800\\ud83d\\ude00\"", "\"\\ud800😀\""}, true},
        {{"\"\\\\u0041\"", "\"A\""}, false},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        weir_test_key *key = new_key(with_spelled);
        spelled = all[i].spellings;
        FAILS(weir_test_run(key, "tested", "1"), NULL);
        const weir_failure *failure = weir_test_again(key);
        if (all[i].same == (failure != NULL)) failed++, fprintf(stderr, "%s and %s are compared wrongly\n", spelled[0], spelled[1]);
        if (!all[i].same) FAILS(failure, "divergence");
        CHECK(executed == 1);
        weir_test_free(key);
    }
}

static size_t spelled_bytes;

static weir_failure *call_of_a_name(const weir_event *event) {
    char *name = weir_alloc(spelled_bytes + 1);
    const char *result;
    memset(name, 'n', spelled_bytes);
    name[spelled_bytes] = 0;
    if (strcmp(event->payload, "\"emit\"") == 0) return weir_emit(name, "1");
    weir_failure *failure = weir_durable(name, "1", execute, NULL, &result);
    (void)failure; // Even if the action goes on, the attempt is over.
    return NULL;
}

static void name_that_the_host_does_not_take_ends_the_attempt(void) {
    const struct {
        const char *step;
        size_t bytes;
        const char *message;
    } all[] = {
        {"\"call\"", 0, "begin a durable call: its function id must be 1 to 1024 bytes, not 0"},
        {"\"call\"", 1, NULL},
        {"\"call\"", 1024, NULL},
        {"\"call\"", 1025, "begin a durable call: its function id must be 1 to 1024 bytes, not 1025"},
        {"\"emit\"", 0, "emit an event: its kind must be 1 to 128 bytes, not 0"},
        {"\"emit\"", 1, NULL},
        {"\"emit\"", 128, NULL},
        {"\"emit\"", 129, "emit an event: its kind must be 1 to 128 bytes, not 129"},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        weir_test_key *key = new_key(call_of_a_name);
        spelled_bytes = all[i].bytes;
        const weir_failure *failure = weir_test_run(key, "tested", all[i].step);
        FAILS(failure, all[i].message ? "trap" : NULL);
        if (failure && all[i].message) SAME(failure->message, all[i].message);
        CHECK(executed == (all[i].message == NULL && strcmp(all[i].step, "\"call\"") == 0));
        weir_test_free(key);
    }
}
