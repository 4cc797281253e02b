/* The code of the guide, ../README.md: it stands here too, where it is compiled and run. */

#include "weir.h"

static weir_failure *charge(const weir_event *event) {
    const char *total;
    WEIR_TRY(weir_memory_get(WEIR_SHORT_TERM, "total", &total)); // it lives with the key; NULL if nothing is there
    long long cents = weir_json_int(total, 0) + weir_json_int(weir_json_get(event->payload, "cents"), 0);
    WEIR_TRY(weir_memory_set(WEIR_SHORT_TERM, "total", weir_format("%lld", cents)));
    return weir_output(weir_format("{\"total\":%lld}", cents)); // leaves by the sink
}

static weir_failure *order(const weir_event *event) {
    const char *payload = event->payload;
    const char *id = weir_json_string(weir_json_get(payload, "id"));            // NULL if it is no string
    double rate = weir_json_number(weir_json_get(payload, "rate"), 1.0);        // 1.0 if it is no number
    const char *lines = weir_json_get(payload, "lines");                        // NULL if it is not there
    weir_buffer names = {0};
    for (const char *line = NULL; (line = weir_json_next(lines, line));)
        weir_append(&names, "%s,", weir_json_string(weir_json_get(line, "name")));
    if (!id) return weir_fatal("payload", "an order needs an id");
    return weir_output(weir_format("{\"id\":%s,\"rate\":%s,\"names\":%s,\"lines\":%s}", weir_json_quote(id),
                                   weir_json_of_number(rate), weir_json_quote(names.text), weir_json_copy(lines)));
}

static weir_failure *remember(const weir_event *event) {
    const char *const *names, *found;
    size_t count;
    bool was;
    WEIR_TRY(weir_memory_set(WEIR_SENSORY, "step", "1"));                         // lives for this run
    WEIR_TRY(weir_memory_set(WEIR_SHORT_TERM, "order.last", event->payload));     // lives with the key; parents are made
    WEIR_TRY(weir_memory_get(WEIR_SHORT_TERM, "order", &found));                  // an object: all that is below it
    WEIR_TRY(weir_memory_fields(WEIR_SHORT_TERM, "order", &names, &count));       // NULL if no object is there
    WEIR_TRY(weir_memory_remove(WEIR_SHORT_TERM, "order", &was));
    const char *path = weir_format("seen.%s", weir_escape("a.b"));                // dots in a name are escaped
    return weir_memory_set(WEIR_SHORT_TERM, path, "true");
}

static weir_failure *quote(const weir_event *event) {
    const char *rate;
    weir_response response;
    WEIR_TRY(weir_get("https://rates.example/eur", &response));
    WEIR_TRY(weir_response_json(&response, &rate));
    weir_header shop = {"X-Shop", "12"};
    weir_request requests[] = {
        {.method = "POST", .url = "https://fraud.example/", .json = event->payload, .headers = &shop, .headers_count = 1},
        {.method = "DELETE", .url = "https://stock.example/1", .timeout_ms = 2000, .any_status = true},
    };
    weir_answer answers[2];
    WEIR_TRY(weir_send_all(requests, 2, answers)); // at once
    WEIR_TRY(answers[0].failure);
    WEIR_TRY(answers[1].failure);
    if (answers[1].response.status == 404) weir_log(WEIR_WARN, "was gone");
    return weir_output(rate);
}

static weir_failure *find_charge(const weir_call *call, void *order, bool *found, const char **receipt) {
    weir_response response;
    weir_request request = {.method = "GET", .url = weir_format("https://pay.example/?id=%s", call->id), .any_status = true};
    (void)order;
    WEIR_TRY(weir_send(&request, &response));
    *found = response.status == 200;               // it happened, and this is its result
    return *found ? weir_response_json(&response, receipt) : NULL;
}

static weir_failure *new_charge(const weir_call *call, void *order, const char **receipt) {
    weir_response response;
    weir_header id = {"Idempotency-Key", call->id};
    weir_request request = {.method = "POST", .url = "https://pay.example/", .json = order, .headers = &id, .headers_count = 1};
    WEIR_TRY(weir_send(&request, &response));
    return weir_response_json(&response, receipt);
}

static weir_failure *settle(const weir_event *event) {
    const char *receipt;
    WEIR_TRY(weir_reconcilable("charge", event->payload, find_charge, new_charge, (void *)event->payload, &receipt));
    return weir_output(receipt);
}

static weir_failure *limit(const weir_event *event) {
    if (weir_json_int(weir_json_get(event->payload, "cents"), 0) == 0)
        return weir_fatal("card-declined", "no funds for %s", event->id); // trying again would not help
    return weir_failure_after(weir_retryable("busy", "come back"), 5000);
}

#include "weir_test.h"

#include <assert.h>
#include <string.h>

static weir_test_response created(const weir_test_request *request, void *data) {
    (void)data;
    return (weir_test_response){.status = request->body ? 201 : 404, .body = "\"receipt 7\""};
}

static void charge_that_never_happened_is_made(void) {
    weir_test_key *key = weir_test_new("ann");
    weir_test_on_request(key, created, NULL);
    weir_test_crash_in(key, "charge"); // the process dies before the outcome is recorded
    assert(strcmp(weir_test_run(key, "settle", "{\"cents\":250}")->kind, "crash") == 0);
    assert(!weir_test_again(key)); // asks whether it happened, and makes it
    assert(strcmp(weir_test_output(key, 0), "\"receipt 7\"") == 0);
    weir_test_free(key);
}

extern void run_guide(void);

void run_guide(void) { charge_that_never_happened_is_made(); }

extern weir_failure *tested(const weir_event *event);

WEIR_ACTIONS(
    {"charge", WEIR_ON("input"), charge},
    {"order", WEIR_ON("input"), order},
    {"remember", WEIR_ON("input"), remember},
    {"quote", WEIR_ON("input"), quote},
    {"settle", WEIR_ON("input"), settle},
    {"limit", WEIR_ON("input"), limit},
    {"tested", WEIR_ON("input", "next"), tested})
