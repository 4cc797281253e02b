/* Where an invocation stands, events, log. */
#include "kept.h"

void weir_action_invocation_key(component_string_t *key) { give(key, host()->key); }

bool weir_action_invocation_key_is_text(void) { return host()->key_is_text; }

uint64_t weir_action_invocation_sequence_number(void) { return host()->runs - 1; }

bool weir_action_invocation_source_timestamp_ms(uint64_t *at) {
    *at = host()->timestamp_ms;
    return host()->has_timestamp;
}

static bool give_last(const list *list, const component_string_t *name, component_string_t *value) {
    const char *found = last_of(list, keep_lent(running, name));
    if (found) give(value, found);
    return found != NULL;
}

bool weir_action_invocation_header(component_string_t *name, component_string_t *value) {
    return give_last(&host()->headers, name, value);
}

bool weir_action_config_get(component_string_t *name, component_string_t *value) {
    return give_last(&host()->config, name, value);
}

uint64_t weir_action_invocation_now_ms(void) {
    weir_test_key *key = host();
    if (!open_call(key)) key->clock_us++; /* A body's readings move nothing, for a replay skips them. */
    return key->start_ms + key->clock_us / 1000;
}

static uint64_t mix(uint64_t z) {
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    return (z ^ z >> 27) * 0x94d049bb133111eb;
}

static uint64_t fold(const char *text, uint64_t z) {
    for (; *text; text++) z = mix(z ^ (unsigned char)*text);
    return z;
}

/* SplitMix64 over the task, the number of calls begun, and the number of draws since; those of bodies apart. */
uint32_t weir_action_invocation_random_u32(void) {
    weir_test_key *key = host();
    int stream = open_call(key) != NULL;
    if (key->drawn_since[stream] != key->asked.count) key->drawn[stream] = 0;
    key->drawn_since[stream] = key->asked.count;
    const char *seed = keep_format(key, "%s %zu %d", key->event_id, key->asked.count, stream);
    return (uint32_t)(mix(fold(seed, ++key->drawn[stream])) >> 32);
}

void weir_action_log_write(uint8_t level, component_string_t *message) {
    weir_test_line *line = more(host(), &running->logs, sizeof *line);
    line->level = (weir_level)level;
    line->message = keep_lent(running, message);
}

void weir_action_events_emit(component_string_t *kind, component_string_t *payload, component_string_t *id) {
    refuse_while_open("emit");
    refuse_length("emit an event: its kind", kind, 128);
    give(id, keep_format(running, "%s/%zu", running->event_id, running->events.count));
    put_pair(running, &running->events, keep_lent(running, kind), keep_lent(running, payload));
}
