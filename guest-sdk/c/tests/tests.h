/* What the SDK's own tests share. */
#ifndef TESTS_H
#define TESTS_H

#include "weir_test.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* Whether a mistake of a test ends the process, with a line that has these words. */
#define ENDS(mistake, wanted) ends(__LINE__, __func__, mistake, wanted)

static void ends(int line, const char *test, void (*mistake)(void), const char *wanted) {
    char told[2000] = "";
    int to_us[2], status = 0;
    if (pipe(to_us) != 0) abort();
    pid_t child = fork();
    if (child == 0) {
        dup2(to_us[1], STDERR_FILENO);
        mistake();
        _exit(0);
    }
    close(to_us[1]);
    for (ssize_t at = 0, bytes; (bytes = read(to_us[0], told + at, sizeof told - 1 - (size_t)at)) > 0;) at += bytes;
    close(to_us[0]);
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2 && strstr(told, wanted)) return;
    failed++;
    fprintf(stderr, "%s:%d: %s: status %d, %s, wanted %s\n", __FILE__, line, test, status, told, wanted);
}

#endif
