/* Text, and memory that lives until the action returns. */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef union block {
    union block *next;
    max_align_t align;
} block;

static block *blocks;

static void *allocate(size_t bytes) {
    block *made = bytes < SIZE_MAX - sizeof(block) ? calloc(1, sizeof(block) + bytes) : NULL;
    if (!made) weir_trap("there is no memory left");
    made->next = blocks;
    blocks = made;
    return made + 1;
}

void *weir_alloc(size_t bytes) { return allocate(bytes); }

void weir_free_all(void) {
    while (blocks) {
        block *next = blocks->next;
        free(blocks);
        blocks = next;
    }
}

char *weir_copy(const char *text, size_t bytes) {
    char *copy = allocate(bytes + 1);
    if (bytes) memcpy(copy, text, bytes);
    return copy;
}

const char *weir_take(component_string_t *text) {
    char *taken = weir_copy((const char *)text->ptr, text->len);
    if (text->len) free(text->ptr);
    return taken;
}

component_string_t weir_lend_bytes(const char *text, size_t bytes) {
    return (component_string_t){(uint8_t *)text, bytes};
}

component_string_t weir_lend(const char *text) {
    text = weir_make_text(text ? text : "");
    return weir_lend_bytes(text, strlen(text));
}

char *weir_vformat(const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int bytes = vsnprintf(NULL, 0, format, arguments);
    if (bytes < 0) weir_trap("weir_format: printf does not take this format");
    char *text = allocate((size_t)bytes + 1);
    vsnprintf(text, (size_t)bytes + 1, format, again);
    va_end(again);
    return text;
}

char *weir_format(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *text = weir_vformat(format, arguments);
    va_end(arguments);
    return text;
}

void weir_append(weir_buffer *buffer, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const char *more = weir_vformat(format, arguments);
    va_end(arguments);
    size_t bytes = strlen(more);
    if (!buffer->text || buffer->bytes_max - buffer->bytes <= bytes) {
        size_t bytes_max = (buffer->bytes + bytes + 1) * 2;
        char *larger = allocate(bytes_max);
        if (buffer->bytes) memcpy(larger, buffer->text, buffer->bytes);
        buffer->text = larger;
        buffer->bytes_max = bytes_max;
    }
    memcpy(buffer->text + buffer->bytes, more, bytes + 1);
    buffer->bytes += bytes;
}

size_t weir_character(const char *at, const char *end) {
    const unsigned char *byte = (const unsigned char *)at;
    size_t left = (size_t)(end - at);
    if (left == 0) return 0;
    if (byte[0] < 0x80) return 1;
    size_t bytes = byte[0] < 0xc2 ? 0 : byte[0] < 0xe0 ? 2 : byte[0] < 0xf0 ? 3 : byte[0] < 0xf5 ? 4 : 0;
    if (bytes == 0 || bytes > left) return 0;
    unsigned char low = byte[0] == 0xe0 ? 0xa0 : byte[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = byte[0] == 0xed ? 0x9f : byte[0] == 0xf4 ? 0x8f : 0xbf;
    if (byte[1] < low || byte[1] > high) return 0;
    for (size_t i = 2; i < bytes; i++)
        if (byte[i] < 0x80 || byte[i] > 0xbf) return 0;
    return bytes;
}

bool weir_is_text(const char *text, size_t bytes) {
    const char *end = text + bytes;
    while (text < end) {
        size_t character = weir_character(text, end);
        if (!character) return false;
        text += character;
    }
    return true;
}

const char *weir_make_text(const char *text) {
    size_t bytes = strlen(text);
    if (weir_is_text(text, bytes)) return text;
    char *made = allocate(bytes * 3 + 1), *to = made;
    for (const char *end = text + bytes; text < end;) {
        size_t character = weir_character(text, end);
        memcpy(to, character ? text : "\xEF\xBF\xBD", character ? character : 3);
        to += character ? character : 3;
        text += character ? character : 1;
    }
    return made;
}
