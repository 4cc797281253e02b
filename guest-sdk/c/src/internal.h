/* What the parts of the SDK know of each other. */
#ifndef WEIR_INTERNAL_H
#define WEIR_INTERNAL_H

#include "../weir.h"
#include "component.h"

#include <stdarg.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* --- action.c --- */

/* Refuses actions that are not whole, or have one name. */
void weir_check_actions(const weir_action *actions, size_t count);

/* --- text.c --- */

/* Text of the contract as text of the SDK, and the other way. The first frees what the host handed over. */
const char *weir_take(component_string_t *text);
component_string_t weir_lend(const char *text);
component_string_t weir_lend_bytes(const char *text, size_t bytes);
char *weir_copy(const char *text, size_t bytes);
char *weir_vformat(const char *format, va_list arguments);
/* Frees all that was allocated for an invocation. */
void weir_free_all(void);
/* How many bytes of UTF-8 stand at `at`, as one character; 0 if it is none. */
size_t weir_character(const char *at, const char *end);
bool weir_is_text(const char *text, size_t bytes);
/* The text with U+FFFD for what is not UTF-8: the host takes nothing else. */
const char *weir_make_text(const char *text);

/* --- json.c --- */

/* Where a value ends, or NULL if it is no JSON. */
const char *weir_json_end(const char *value);
/* A value as the contract takes it; a failure if it is no JSON. */
weir_failure *weir_json_lend(const char *what, const char *value, component_string_t *lent);

/* --- failure.c --- */

weir_failure *weir_failure_take(weir_action_types_failure_t *taken);
/* What points to the failure's text, for as long as that lives. */
weir_action_types_failure_t weir_failure_lend(const weir_failure *failure);

/* --- durable.c --- */

/* Bodies that are running. */
extern int weir_bodies;

weir_failure *weir_read_outcome(weir_action_durable_call_outcome_t *outcome, const char **result);
weir_failure *weir_complete(uint32_t position, weir_failure *failure, const char *value, const char **result);
weir_failure *weir_not_reconcilable(const char *function_id);
void weir_refuse_in_body(const char *function_id);
/* Asks a reconciler. `decided`: the call was completed, with this outcome. A failure while it is not: to be asked again. */
weir_failure *weir_ask(const weir_action_durable_call_begun_t *begun, const weir_call *call, weir_reconciler *find,
                       void *data, bool *decided, const char **result);

/* --- http.c --- */

/* The first header of the name, in any case, or NULL. */
const char *weir_find_header(const weir_header *headers, size_t count, const char *name);
/* A request as the contract has it, with this Idempotency-Key, unless that is NULL or it has one. */
weir_failure *weir_request_lend(const weir_request *request, const char *key, weir_action_http_request_t *lent);
weir_failure *weir_answer_take(const weir_request *request, weir_action_http_result_response_http_error_t *answer,
                               weir_response *response);

/* --- guest.c, or weir_test.c --- */

void weir_open_invocation(const char *action, const char *event_id);
void weir_close_invocation(void);
void weir_call_begins(void);
/* Time and chance of the process are those of a body, of what is outside, or just later. */
void weir_enter_body(void);
void weir_leave_body(void);
void weir_pass_time(void);
/* Ends the attempt: the contract was used wrongly. */
_Noreturn void weir_trap(const char *why);

#endif
