/* Failures. */
#include "internal.h"

static weir_failure *make_failure(bool retryable, const char *kind, const char *message, va_list arguments) {
    weir_failure *failure = weir_alloc(sizeof *failure);
    *failure = (weir_failure){retryable, -1, kind, weir_vformat(message, arguments), NULL};
    return failure;
}

weir_failure *weir_fatal(const char *kind, const char *message, ...) {
    va_list arguments;
    va_start(arguments, message);
    weir_failure *failure = make_failure(false, kind, message, arguments);
    va_end(arguments);
    return failure;
}

weir_failure *weir_retryable(const char *kind, const char *message, ...) {
    va_list arguments;
    va_start(arguments, message);
    weir_failure *failure = make_failure(true, kind, message, arguments);
    va_end(arguments);
    return failure;
}

weir_failure *weir_failure_after(weir_failure *failure, long long wait_ms) {
    failure->retry_after_ms = wait_ms;
    return failure;
}

weir_failure *weir_failure_with_details(weir_failure *failure, const char *details) {
    failure->details = details;
    return failure;
}

weir_failure *weir_failure_take(weir_action_types_failure_t *taken) {
    weir_failure *failure = weir_alloc(sizeof *failure);
    failure->retryable = taken->retryable;
    failure->retry_after_ms = taken->retry_after_ms.is_some ? (long long)taken->retry_after_ms.val : -1;
    failure->kind = weir_take(&taken->kind);
    failure->message = weir_take(&taken->message);
    if (taken->details.is_some) failure->details = weir_take(&taken->details.val);
    return failure;
}

weir_action_types_failure_t weir_failure_lend(const weir_failure *failure) {
    weir_action_types_failure_t lent = {.retryable = failure->retryable};
    lent.kind = weir_lend(failure->kind);
    lent.message = weir_lend(failure->message);
    if (failure->retry_after_ms >= 0) {
        lent.retry_after_ms.is_some = true;
        lent.retry_after_ms.val = failure->retry_after_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)failure->retry_after_ms;
    }
    if (failure->details) {
        lent.details.is_some = true;
        if (weir_json_lend("details", failure->details, &lent.details.val)) {
            const char *instead = weir_json_quote(weir_format("details are no JSON: %.200s", failure->details));
            lent.details.val = weir_lend(instead);
        }
    }
    return lent;
}
