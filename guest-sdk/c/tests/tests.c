/* The SDK's own tests. Each is a function that tells by its name what holds. */
#include "durable.c"
#include "http.c"
#include "effects.c"
#include "json.c"
#include "files.c"

int main(void) {
    next_attempt_replays_the_recorded_calls();
    completed_action_run_again_does_the_same_and_executes_nothing();
    failed_outcome_is_replayed_with_kind_message_and_details();
    loop_that_tries_again_sends_the_same_id_and_replays_its_way();
    retryable_failure_that_ends_the_attempt_is_not_recorded();
    empty_result_replays_as_one();
    reconciler_that_finds_the_effect_spares_the_call();
    call_that_never_happened_is_executed_with_the_same_id();
    reconciler_that_does_not_know_is_asked_again_and_one_that_fails_decides();
    plain_call_cut_off_is_executed_again_with_the_same_id();
    call_that_lost_its_reconciler_is_not_executed();
    call_that_differs_from_the_recorded_one_is_a_divergence();
    what_a_replay_would_skip_is_refused_in_a_body();
    arguments_that_are_no_json_open_no_call();
    what_a_body_draws_and_reads_changes_nothing_after_it();
    reconciler_whose_result_is_no_json_is_asked_again();
    arguments_are_compared_as_values();
    name_that_the_host_does_not_take_ends_the_attempt();
    response_is_recorded_and_replayed();
    what_is_no_good_response_is_a_failure();
    failed_status_tells_the_answer_cut_at_1000_characters();
    several_requests_have_each_its_own_result_and_key();
    requests_are_compared_by_all_bytes_of_their_bodies();
    equal_calls_at_once_are_refused();
    answer_that_no_host_gives_ends_the_test();
    attempt_cut_off_and_what_is_empty_leave_no_memory_behind();
    parallel_calls_are_each_recorded_and_reconciled();
    action_sees_where_it_stands();
    key_that_is_no_text_is_percent_encoded();
    sensory_memory_lives_for_one_run();
    value_does_not_go_over_an_object_nor_below_a_value();
    object_whose_last_field_is_removed_stays();
    json_text_passes_as_it_is();
    actions_that_are_not_whole_are_refused();
    unknown_action_is_a_failure();
    what_a_test_does_to_a_key_inside_an_action_ends_the_test();
    what_a_test_allocates_lives_while_it_looks_at_memory();
    json_is_read_where_it_stands();
    what_is_no_json_is_seen();
    each_block_of_the_guide_is_compiled_here();
    the_guide_does_as_it_says();
    copy_of_the_contract_equals_the_projects_byte_by_byte();
    printf("%s\n", failed ? "FAILED" : "ok: 42 tests");
    return failed != 0;
}
