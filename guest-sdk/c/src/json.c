/* JSON, read where it stands. */
#include "internal.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Deeper JSON is taken for none. */
#define DEPTH_MAX 256

static const char *space(const char *at) {
    while (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r') at++;
    return at;
}

static int digit_of(char character) {
    if (character >= '0' && character <= '9') return character - '0';
    if (character >= 'a' && character <= 'f') return character - 'a' + 10;
    if (character >= 'A' && character <= 'F') return character - 'A' + 10;
    return -1;
}

/* The four hexadecimal digits behind \u, or -1. */
static long unit_at(const char *at) {
    long unit = 0;
    for (int i = 0; i < 4; i++) {
        int digit = digit_of(at[i]);
        if (digit < 0) return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

static const char *end_of_string(const char *at) {
    for (at++; *at != '"';) {
        if (*at == '\\') {
            if (at[1] == 'u' ? unit_at(at + 2) < 0 : !at[1] || !strchr("\"\\/bfnrt", at[1])) return NULL;
            at += at[1] == 'u' ? 6 : 2;
        } else {
            if ((unsigned char)*at < 0x20) return NULL; /* the end, too */
            size_t bytes = 1;
            if ((unsigned char)*at >= 0x80) bytes = weir_character(at, at + strnlen(at, 4));
            if (!bytes) return NULL;
            at += bytes;
        }
    }
    return at + 1;
}

static const char *end_of_digits(const char *at) {
    if (*at < '0' || *at > '9') return NULL;
    while (*at >= '0' && *at <= '9') at++;
    return at;
}

static const char *end_of_number(const char *at) {
    if (*at == '-') at++;
    at = *at == '0' ? at + 1 : end_of_digits(at);
    if (at && *at == '.') at = end_of_digits(at + 1);
    if (at && (*at == 'e' || *at == 'E')) {
        at++;
        if (*at == '+' || *at == '-') at++;
        at = end_of_digits(at);
    }
    return at;
}

static const char *end_of_word(const char *at, const char *word) {
    size_t bytes = strlen(word);
    return strncmp(at, word, bytes) == 0 ? at + bytes : NULL;
}

static const char *end_of_value(const char *at, int depth);

static const char *end_of_items(const char *at, char close, int depth) {
    bool object = close == '}';
    if (depth == DEPTH_MAX) return NULL;
    at = space(at + 1);
    if (*at == close) return at + 1;
    for (;;) {
        if (object) {
            if (*at != '"' || !(at = end_of_string(at))) return NULL;
            at = space(at);
            if (*at != ':') return NULL;
            at++;
        }
        at = end_of_value(space(at), depth + 1);
        if (!at) return NULL;
        at = space(at);
        if (*at == close) return at + 1;
        if (*at != ',') return NULL;
        at = space(at + 1);
    }
}

static const char *end_of_value(const char *at, int depth) {
    switch (*at) {
    case '{': return end_of_items(at, '}', depth);
    case '[': return end_of_items(at, ']', depth);
    case '"': return end_of_string(at);
    case 't': return end_of_word(at, "true");
    case 'f': return end_of_word(at, "false");
    case 'n': return end_of_word(at, "null");
    default: return end_of_number(at);
    }
}

const char *weir_json_end(const char *value) { return end_of_value(space(value), 0); }

weir_failure *weir_json_lend(const char *what, const char *value, component_string_t *lent) {
    if (!value) value = "null";
    const char *begin = space(value), *end = weir_json_end(begin);
    if (!end) return weir_fatal("json", "%s is no JSON: %.200s", what, value);
    *lent = weir_lend_bytes(begin, (size_t)(end - begin));
    return NULL;
}

const char *weir_json_copy(const char *value) {
    component_string_t lent;
    if (weir_json_lend("a value", value, &lent)) return NULL;
    return weir_copy((const char *)lent.ptr, lent.len);
}

weir_json_kind weir_json_kind_of(const char *value) {
    if (!value) return WEIR_JSON_NULL;
    value = space(value);
    if (!end_of_value(value, 0)) return WEIR_JSON_NONE;
    switch (*value) {
    case '{': return WEIR_JSON_OBJECT;
    case '[': return WEIR_JSON_LIST;
    case '"': return WEIR_JSON_STRING;
    case 't':
    case 'f': return WEIR_JSON_BOOL;
    case 'n': return WEIR_JSON_NULL;
    default: return WEIR_JSON_NUMBER;
    }
}

/* Where the item begins that follows what ends at `at`, with its name if it has one; NULL at the end. */
static const char *next_item(const char *list, const char *item, const char **name) {
    char open = *list;
    const char *at;
    if (item) {
        if (!(at = weir_json_end(item))) return NULL;
        at = space(at);
        if (*at != ',') return NULL;
    } else {
        at = list;
    }
    at = space(at + 1);
    if (*at == ']' || *at == '}') return NULL;
    if (open == '{') {
        *name = at;
        if (*at != '"' || !(at = end_of_string(at))) return NULL;
        at = space(at);
        if (*at != ':') return NULL;
        at = space(at + 1);
    }
    return at;
}

static const char *list_or_object(const char *value) {
    if (!value) return NULL;
    value = space(value);
    return *value == '[' || *value == '{' ? value : NULL;
}

const char *weir_json_next(const char *list, const char *item) {
    const char *name;
    list = list_or_object(list);
    return list ? next_item(list, item, &name) : NULL;
}

const char *weir_json_name(const char *object, const char *item) {
    const char *name = NULL;
    object = list_or_object(object);
    if (!object || *object != '{') return NULL;
    for (const char *at = NULL; (at = next_item(object, at, &name));)
        if (at == item) return weir_json_string(name);
    return NULL;
}

const char *weir_json_get(const char *object, const char *name) {
    const char *found = NULL, *quoted = NULL;
    size_t bytes = strlen(name);
    object = list_or_object(object);
    if (!object || *object != '{') return NULL;
    for (const char *item = NULL; (item = next_item(object, item, &quoted));) {
        bool same = strncmp(quoted + 1, name, bytes) == 0 && quoted[bytes + 1] == '"';
        /* It may be escaped. */
        size_t plain = strcspn(quoted + 1, "\"\\");
        if (quoted[plain + 1] == '\\') same = strcmp(weir_json_string(quoted), name) == 0;
        if (same) found = item;
    }
    return found;
}

long long weir_json_int(const char *value, long long otherwise) {
    if (!value) return otherwise;
    value = space(value);
    const char *end = *value == '-' || (*value >= '0' && *value <= '9') ? end_of_number(value) : NULL;
    char *read;
    if (!end) return otherwise;
    errno = 0;
    long long number = strtoll(value, &read, 10);
    return errno || read != end ? otherwise : number;
}

double weir_json_number(const char *value, double otherwise) {
    if (!value) return otherwise;
    value = space(value);
    if (*value != '-' && (*value < '0' || *value > '9')) return otherwise;
    return end_of_number(value) ? strtod(value, NULL) : otherwise;
}

bool weir_json_bool(const char *value, bool otherwise) {
    if (!value) return otherwise;
    value = space(value);
    if (end_of_word(value, "true")) return true;
    return end_of_word(value, "false") ? false : otherwise;
}

static char *put_character(char *to, unsigned long point) {
    if (point < 0x80) {
        *to++ = (char)point;
    } else if (point < 0x800) {
        *to++ = (char)(0xc0 | point >> 6);
        *to++ = (char)(0x80 | (point & 0x3f));
    } else if (point < 0x10000) {
        *to++ = (char)(0xe0 | point >> 12);
        *to++ = (char)(0x80 | (point >> 6 & 0x3f));
        *to++ = (char)(0x80 | (point & 0x3f));
    } else {
        *to++ = (char)(0xf0 | point >> 18);
        *to++ = (char)(0x80 | (point >> 12 & 0x3f));
        *to++ = (char)(0x80 | (point >> 6 & 0x3f));
        *to++ = (char)(0x80 | (point & 0x3f));
    }
    return to;
}

/* The character that \u begins at `at`, of one or two units; where it ends goes to `end`. */
static unsigned long escaped_character(const char *at, const char **end) {
    unsigned long first = (unsigned long)unit_at(at + 2);
    *end = at + 6;
    if (first >= 0xd800 && first < 0xdc00 && at[6] == '\\' && at[7] == 'u') {
        long second = unit_at(at + 8);
        if (second >= 0xdc00 && second < 0xe000) {
            *end = at + 12;
            return 0x10000 + ((first - 0xd800) << 10) + ((unsigned long)second - 0xdc00);
        }
    }
    return first >= 0xd800 && first < 0xe000 ? 0xfffd : first;
}

const char *weir_json_string(const char *value) {
    if (!value) return NULL;
    const char *at = space(value), *end = *at == '"' ? end_of_string(at) : NULL;
    if (!end) return NULL;
    char *text = weir_alloc((size_t)(end - at)), *to = text;
    for (at++; at < end - 1;) {
        if (*at != '\\') {
            *to++ = *at++;
        } else if (at[1] == 'u') {
            to = put_character(to, escaped_character(at, &at));
        } else {
            const char *escapes = "bfnrt", *escape = strchr(escapes, at[1]);
            *to++ = escape ? "\b\f\n\r\t"[escape - escapes] : at[1];
            at += 2;
        }
    }
    return text;
}

const char *weir_json_quote(const char *text) {
    if (!text) return "null";
    text = weir_make_text(text);
    char *quoted = weir_alloc(strlen(text) * 6 + 3), *to = quoted;
    *to++ = '"';
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') {
            *to++ = '\\';
            *to++ = *text;
        } else if ((unsigned char)*text < 0x20) {
            to += sprintf(to, "\\u%04x", (unsigned)*text);
        } else {
            *to++ = *text;
        }
    }
    *to++ = '"';
    return quoted;
}

const char *weir_json_of_number(double number) {
    if (!isfinite(number)) return "null";
    for (int digits = 15; digits < 17; digits++) {
        const char *text = weir_format("%.*g", digits, number);
        if (strtod(text, NULL) == number) return text;
    }
    return weir_format("%.17g", number);
}
