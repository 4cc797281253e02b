/* Arguments as the host compares them: fields sorted, duplicates in their order; strings decoded, but for halves of surrogate
 * pairs; numbers as written; no white space. What is read here is JSON: the SDK has looked. */
#include "kept.h"

typedef struct field {
    struct field *next;
    const char *name, *value;
} field;

static const char *write_canonical(weir_buffer *to, const char *at);

static const char *past_space(const char *at) { return at + strspn(at, " \t\r\n"); }

static unsigned long unit_behind(const char *escape) {
    char digits[5] = {0};
    memcpy(digits, escape + 2, 4);
    return strtoul(digits, NULL, 16);
}

/* How long the escape is that begins here. `whole`: it is a character, and no NUL. */
static size_t escape_at(const char *at, bool *whole) {
    *whole = true;
    if (at[1] != 'u') return 2;
    unsigned long first = unit_behind(at);
    if (first >= 0xd800 && first < 0xdc00 && at[6] == '\\' && at[7] == 'u' && unit_behind(at + 6) >> 10 == 0xdc00 >> 10)
        return 12;
    *whole = first != 0 && first >> 11 != 0xd800 >> 11;
    return 6;
}

static const char *write_string(weir_buffer *to, const char *at) {
    weir_append(to, "\"");
    for (at++; *at != '"';) {
        size_t plain = strcspn(at, "\"\\");
        weir_append(to, "%.*s", (int)plain, at);
        at += plain;
        if (*at == '"') break;
        bool whole;
        size_t bytes = escape_at(at, &whole);
        if (whole) {
            const char *quoted = weir_json_quote(weir_json_string(weir_format("\"%.*s\"", (int)bytes, at)));
            weir_append(to, "%.*s", (int)strlen(quoted) - 2, quoted + 1);
        } else {
            weir_append(to, "%.*s", (int)bytes, at);
        }
        at += bytes;
    }
    weir_append(to, "\"");
    return at + 1;
}

static const char *write_list(weir_buffer *to, const char *at) {
    weir_append(to, "[");
    for (at = past_space(at + 1); *at != ']';) {
        at = past_space(write_canonical(to, at));
        if (*at != ',') break;
        weir_append(to, ",");
        at = past_space(at + 1);
    }
    weir_append(to, "]");
    return at + 1;
}

static const char *write_object(weir_buffer *to, const char *at) {
    field *first = NULL;
    for (at = past_space(at + 1); *at != '}';) {
        weir_buffer name = {0}, value = {0};
        at = past_space(write_string(&name, at)) + 1; /* the colon */
        at = past_space(write_canonical(&value, past_space(at)));
        field *made = weir_alloc(sizeof *made), **place = &first;
        while (*place && strcmp((*place)->name, name.text) <= 0) place = &(*place)->next;
        *made = (field){*place, name.text, value.text};
        *place = made;
        if (*at == ',') at = past_space(at + 1);
    }
    weir_append(to, "{");
    for (const field *one = first; one; one = one->next)
        weir_append(to, "%s%s:%s", one == first ? "" : ",", one->name, one->value);
    weir_append(to, "}");
    return at + 1;
}

/* Writes the value that begins here; where it ends. */
static const char *write_canonical(weir_buffer *to, const char *at) {
    if (*at == '{') return write_object(to, at);
    if (*at == '[') return write_list(to, at);
    if (*at == '"') return write_string(to, at);
    size_t bytes = strcspn(at, ",]} \t\r\n");
    weir_append(to, "%.*s", (int)bytes, at);
    return at + bytes;
}

static const char *canonical(weir_test_key *key, const component_string_t *json) {
    weir_buffer text = {0};
    write_canonical(&text, keep_lent(key, json));
    return keep_copy(key, text.text);
}
