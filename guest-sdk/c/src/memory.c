/* Keyed memory, and events. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* The host's words: they name the path. */
static weir_failure *refused(weir_action_memory_memory_error_t *error) {
    const char *kinds[] = {"memory/invalid-path", "memory/type-mismatch", "memory/other"};
    const char *why = weir_take(&error->val.other);
    return weir_fatal(kinds[error->tag < LENGTH(kinds) ? error->tag : 2], "%s", why);
}

weir_failure *weir_memory_get(weir_scope scope, const char *path, const char **value) {
    component_string_t lent = weir_lend(path);
    weir_action_memory_option_json_t found;
    weir_action_memory_memory_error_t error;
    *value = NULL;
    if (!weir_action_memory_get((uint8_t)scope, &lent, &found, &error)) return refused(&error);
    if (found.is_some) *value = weir_take(&found.val);
    return NULL;
}

weir_failure *weir_memory_set(weir_scope scope, const char *path, const char *value) {
    component_string_t lent = weir_lend(path), json;
    weir_action_memory_memory_error_t error;
    WEIR_TRY(weir_json_lend(weir_format("the value for memory path `%s`", path), value, &json));
    return weir_action_memory_set((uint8_t)scope, &lent, &json, &error) ? NULL : refused(&error);
}

weir_failure *weir_memory_remove(weir_scope scope, const char *path, bool *was) {
    component_string_t lent = weir_lend(path);
    weir_action_memory_memory_error_t error;
    bool unasked;
    return weir_action_memory_remove((uint8_t)scope, &lent, was ? was : &unasked, &error) ? NULL : refused(&error);
}

weir_failure *weir_memory_exists(weir_scope scope, const char *path, bool *is) {
    component_string_t lent = weir_lend(path);
    weir_action_memory_memory_error_t error;
    return weir_action_memory_exists((uint8_t)scope, &lent, is, &error) ? NULL : refused(&error);
}

weir_failure *weir_memory_fields(weir_scope scope, const char *path, const char *const **names, size_t *count) {
    component_string_t lent = weir_lend(path);
    component_option_list_string_t found;
    weir_action_memory_memory_error_t error;
    *names = NULL;
    *count = 0;
    if (!weir_action_memory_fields((uint8_t)scope, &lent, &found, &error)) return refused(&error);
    if (!found.is_some) return NULL;
    const char **taken = weir_alloc((found.val.len + 1) * sizeof *taken);
    for (size_t i = 0; i < found.val.len; i++) taken[i] = weir_take(&found.val.ptr[i]);
    if (found.val.len) free(found.val.ptr);
    *names = taken;
    *count = found.val.len;
    return NULL;
}

weir_failure *weir_memory_new_object(weir_scope scope, const char *path) {
    component_string_t lent = weir_lend(path);
    weir_action_memory_memory_error_t error;
    return weir_action_memory_new_object((uint8_t)scope, &lent, &error) ? NULL : refused(&error);
}

const char *weir_escape(const char *name) {
    char *escaped = weir_alloc(strlen(name) * 2 + 1), *to = escaped;
    for (; *name; name++) {
        if (*name == '.' || *name == '\\') *to++ = '\\';
        *to++ = *name;
    }
    return escaped;
}

weir_failure *weir_emit_with_id(const char *kind, const char *payload, const char **id) {
    component_string_t lent = weir_lend(kind), json, given;
    WEIR_TRY(weir_json_lend("the payload of an event", payload, &json));
    weir_action_events_emit(&lent, &json, &given);
    *id = weir_take(&given);
    return NULL;
}

weir_failure *weir_emit(const char *kind, const char *payload) {
    const char *id;
    return weir_emit_with_id(kind, payload, &id);
}

weir_failure *weir_output(const char *payload) { return weir_emit("output", payload); }
