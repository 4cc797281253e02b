/* The guide, and the contract. */
#include "tests.h"

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
