// The headers as C++ reads them.
#include "weir.h"
#include "weir_test.h"

static weir_failure *count(const weir_event *event) {
    auto body = [](const weir_call *call, void *, const char **result) -> weir_failure * {
        *result = weir_json_quote(call->id);
        return nullptr;
    };
    const char *id;
    WEIR_TRY(weir_durable("count", event->payload, body, nullptr, &id));
    return weir_output(id);
}

WEIR_ACTIONS({"count", WEIR_ON("input", "again"), count})
