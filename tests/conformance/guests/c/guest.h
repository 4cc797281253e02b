/* The conformance guest in C; tests/conformance/README.md says what each action does. */
#ifndef GUEST_H
#define GUEST_H

#include "weir.h"

/* Takes the steps of an event's script. */
weir_failure *run_script(const weir_event *event, weir_buffer *seen);

/* Takes the steps, and adds what they see, with a comma behind each. */
weir_failure *run_steps(const char *steps, weir_buffer *seen);

/* What a caught failure is seen as. */
const char *show(const weir_failure *failure);

/* Sees what came of a request, or of several. */
weir_failure *see_request(const char *step, const char **saw);
weir_failure *see_requests(const char *steps, const char **saw);

/* Ends as nobody meant it to. */
weir_failure *crash(const weir_event *event);

#endif
