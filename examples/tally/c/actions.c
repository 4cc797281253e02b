#include "weir.h"

static weir_failure *add(const char *path, long long more, long long *sum) {
    const char *before;
    WEIR_TRY(weir_memory_get(WEIR_SHORT_TERM, path, &before));
    *sum = weir_json_int(before, 0) + more;
    return weir_memory_set(WEIR_SHORT_TERM, path, weir_format("%lld", *sum));
}

static weir_failure *twice(const weir_call *call, void *amount, const char **result) {
    (void)call;
    *result = weir_format("%lld", *(long long *)amount * 2);
    return NULL;
}

static weir_failure *tally(const weir_event *event) {
    long long amount = weir_json_int(weir_json_get(event->payload, "amount"), 0), count, total;
    const char *doubled;
    WEIR_TRY(add("c.count", 1, &count));
    WEIR_TRY(add("c.total", amount, &total));
    WEIR_TRY(weir_durable("double", weir_format("%lld", amount), twice, &amount, &doubled));
    return weir_output(weir_format("{\"language\":\"c\",\"count\":%lld,\"total\":%lld,\"doubled\":%s}", count, total, doubled));
}

WEIR_ACTIONS({"tally-c", WEIR_ON("input"), tally})
