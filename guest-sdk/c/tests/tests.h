/* What the SDK's own tests share. */
#ifndef TESTS_H
#define TESTS_H

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

#endif
