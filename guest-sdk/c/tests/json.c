/* JSON, read inside an action where it needs the action's memory. */
#include "tests.h"

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
