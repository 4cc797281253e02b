/* What an action sees, remembers and emits. */
#include "tests.h"

#include "src/internal.h"

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

static weir_failure *sees_key(const weir_event *event) {
    return weir_output(weir_format("[%s,%d,%s]", weir_json_quote(weir_key()), weir_key_is_text(), weir_json_quote(event->id)));
}

/* [S19] */
static void key_that_is_no_text_is_percent_encoded(void) {
    const char *all[][2] = {
        {"\xff" "a\x01 %-_.~Z9", "[\"%FFa%01%20%25-_.~Z9\",0,\"%FFa%01%20%25-_.~Z9/0/0\"]"},
        {"é%FF", "[\"é%FF\",1,\"é%FF/0/0\"]"},
        {"", "[\"\",1,\"/0/0\"]"},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        doing = sees_key;
        weir_test_key *key = weir_test_new(all[i][0]);
        GIVES(key, weir_test_run(key, "tested", NULL), all[i][1]);
        weir_test_free(key);
    }
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

/* The key whose action runs. */
static weir_test_key *own;

static weir_failure *looks_at_memory(const weir_event *event) {
    (void)event;
    weir_test_memory(own, "a");
    return NULL;
}

static weir_failure *looks_at_sensory(const weir_event *event) {
    (void)event;
    weir_test_sensory(own, "a");
    return NULL;
}

static weir_failure *sets_memory(const weir_event *event) {
    (void)event;
    weir_test_set_memory(own, "a", "1");
    return NULL;
}

static weir_failure *frees_its_key(const weir_event *event) {
    (void)event;
    weir_test_free(own);
    return NULL;
}

static weir_failure *runs_again(const weir_event *event) {
    (void)event;
    weir_test_again(own);
    return NULL;
}

static void run_own(weir_failure *(*action)(const weir_event *event)) { weir_test_run(own = new_key(action), "tested", NULL); }

static void memory_looked_at_inside(void) { run_own(looks_at_memory); }
static void sensory_looked_at_inside(void) { run_own(looks_at_sensory); }
static void memory_set_inside(void) { run_own(sets_memory); }
static void key_freed_inside(void) { run_own(frees_its_key); }
static void run_inside(void) { run_own(runs_again); }

static void what_a_test_does_to_a_key_inside_an_action_ends_the_test(void) {
    ENDS(memory_looked_at_inside, "weir_test_memory is called inside an action: call it when weir_test_run has returned");
    ENDS(sensory_looked_at_inside, "weir_test_sensory is called inside an action");
    ENDS(memory_set_inside, "weir_test_set_memory is called inside an action");
    ENDS(key_freed_inside, "weir_test_free is called inside an action");
    ENDS(run_inside, "weir_test_again is called inside an action");
}

static void what_a_test_allocates_lives_while_it_looks_at_memory(void) {
    weir_test_key *key = new_key(echo);
    const char *path = weir_format("%s.%s", "a", weir_escape("b.c"));
    weir_test_set_memory(key, path, "1");
    SAME(weir_test_memory(key, path), "1");
    SAME(path, "a.b\\.c");
    weir_test_free(key);
}

static void check(const weir_action *actions, size_t count) { weir_check_actions(actions, count); }

static void action_without_name(void) { check((weir_action[]){{"a", WEIR_ON("input"), echo}, {NULL, WEIR_ON("input"), echo}}, 2); }
static void action_with_empty_name(void) { check((weir_action[]){{"", WEIR_ON("input"), echo}}, 1); }
static void action_without_kinds(void) { check((weir_action[]){{.name = "a", .run = echo}}, 1); }
static void action_without_function(void) { check((weir_action[]){{"a", WEIR_ON("input"), NULL}}, 1); }
static void actions_of_one_name(void) { check((weir_action[]){{"a", WEIR_ON("input"), echo}, {"a", WEIR_ON("next"), echo}}, 2); }

static void actions_that_are_not_whole_are_refused(void) {
    ENDS(action_without_name, "action 2 of WEIR_ACTIONS has no name: {\"charge\", WEIR_ON(\"input\"), charge}");
    ENDS(action_with_empty_name, "action 1 of WEIR_ACTIONS has no name");
    ENDS(action_without_kinds, "action `a` listens to no kind of events: give it one, WEIR_ON(\"input\")");
    ENDS(action_without_function, "action `a` has no function");
    ENDS(actions_of_one_name, "two actions have the name `a`: give one another name");
    check(weir_actions, weir_actions_count);
}
