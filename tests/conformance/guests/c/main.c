#include "guest.h"

static weir_failure *echo(const weir_event *event) { return weir_output(event->payload); }

static weir_failure *script(const weir_event *event) {
    weir_buffer seen = {0};
    if (weir_json_kind_of(weir_json_get(event->payload, "steps")) != WEIR_JSON_LIST)
        return weir_fatal("payload", "the payload of this `%s` event is no script: it has no list `steps`", event->kind);
    WEIR_TRY(run_script(event, &seen));
    if (seen.bytes) seen.text[seen.bytes - 1] = 0;
    return weir_output(weir_format("[%s]", seen.bytes ? seen.text : ""));
}

/* JSON is text in C, so `echo` and `raw` are the same. */
WEIR_ACTIONS(
    {"echo", WEIR_ON("input", "echo"), echo},
    {"raw", WEIR_ON("raw"), echo},
    {"script", WEIR_ON("script", "next"), script},
    {"crash", WEIR_ON("crash"), crash})
