/* Actions: how the host's two questions are answered. And where an invocation stands. */
#include "internal.h"

#include <string.h>

static const weir_action *find_action(const char *name) {
    for (size_t i = 0; i < weir_actions_count; i++)
        if (strcmp(weir_actions[i].name, name) == 0) return &weir_actions[i];
    return NULL;
}

void weir_check_actions(const weir_action *actions, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const char *name = actions[i].name;
        if (!name || !*name)
            weir_trap(weir_format("action %zu of WEIR_ACTIONS has no name: {\"charge\", WEIR_ON(\"input\"), charge} has one", i + 1));
        if (!actions[i].kinds[0])
            weir_trap(weir_format("action `%s` listens to no kind of events: give it one, WEIR_ON(\"input\")", name));
        if (!actions[i].run) weir_trap(weir_format("action `%s` has no function: give it the one that it runs", name));
        for (size_t k = 0; k < i; k++)
            if (strcmp(actions[k].name, name) == 0)
                weir_trap(weir_format("two actions have the name `%s`: give one another name", name));
    }
}

void exports_weir_action_actions_describe(exports_weir_action_actions_json_t *described) {
    weir_buffer text = {0};
    weir_append(&text, "{\"sdk\":\"c %s\",\"actions\":[", WEIR_VERSION);
    weir_check_actions(weir_actions, weir_actions_count);
    for (size_t i = 0; i < weir_actions_count; i++) {
        const weir_action *action = &weir_actions[i];
        weir_append(&text, "%s{\"name\":%s,\"listens_to\":[", i ? "," : "", weir_json_quote(action->name));
        for (size_t k = 0; k < LENGTH(action->kinds) && action->kinds[k]; k++)
            weir_append(&text, "%s%s", k ? "," : "", weir_json_quote(action->kinds[k]));
        weir_append(&text, "]}");
    }
    weir_append(&text, "]}");
    component_string_dup(described, text.text);
    weir_free_all();
}

/* A copy of a failure that outlives the invocation: who asked frees it. */
static void hand_over(const weir_failure *failure, weir_action_types_failure_t *to) {
    *to = weir_failure_lend(failure);
    component_string_t *texts[] = {&to->kind, &to->message, &to->details.val};
    for (size_t i = 0; i < LENGTH(texts) - !to->details.is_some; i++) {
        component_string_t lent = *texts[i];
        component_string_dup_n(texts[i], (const char *)lent.ptr, lent.len);
    }
}

bool exports_weir_action_actions_invoke(component_string_t *name, exports_weir_action_actions_event_t *event,
                                        exports_weir_action_actions_failure_t *failed) {
    weir_bodies = 0;
    weir_event taken = {weir_take(&event->id), weir_take(&event->kind), weir_take(&event->payload)};
    const char *wanted = weir_take(name);
    weir_open_invocation(wanted, taken.id);
    const weir_action *action = find_action(wanted);
    weir_failure *failure = action ? action->run(&taken)
                                   : weir_fatal("unknown-action", "this component has no action `%s`", wanted);
    if (failure) hand_over(failure, failed);
    weir_close_invocation();
    weir_free_all();
    return !failure;
}

const char *weir_key(void) {
    component_string_t key;
    weir_action_invocation_key(&key);
    return weir_take(&key);
}

bool weir_key_is_text(void) { return weir_action_invocation_key_is_text(); }

uint64_t weir_sequence_number(void) { return weir_action_invocation_sequence_number(); }

bool weir_source_timestamp_ms(uint64_t *at) { return weir_action_invocation_source_timestamp_ms(at); }

const char *weir_event_header(const char *name) {
    component_string_t lent = weir_lend(name), value;
    return weir_action_invocation_header(&lent, &value) ? weir_take(&value) : NULL;
}

uint64_t weir_now_ms(void) { return weir_action_invocation_now_ms(); }

uint32_t weir_random_u32(void) { return weir_action_invocation_random_u32(); }

const char *weir_config(const char *name) {
    component_string_t lent = weir_lend(name), value;
    return weir_action_config_get(&lent, &value) ? weir_take(&value) : NULL;
}

weir_failure *weir_required_config(const char *name, const char **value) {
    *value = weir_config(name);
    if (*value) return NULL;
    return weir_fatal("config", "the manifest gives no config.%s: add it to this [[component]]", name);
}

void weir_log(weir_level level, const char *message, ...) {
    va_list arguments;
    va_start(arguments, message);
    component_string_t lent = weir_lend(weir_vformat(message, arguments));
    va_end(arguments);
    weir_action_log_write((uint8_t)level, &lent);
}
