//! Tests of the suite itself: a correct store in memory passes, and each planted flaw fails the clause about it.

#![expect(clippy::unwrap_used, reason = "tests fail by it")]

mod double;

use double::{Doubles, Flaw};
use skep_contract::{Clause, Harness as _, catches, clauses, run};

fn applicable(harness: &Doubles) -> Vec<Clause> {
    let all = clauses().into_iter();
    all.filter(|clause| clause.needs.iter().all(|need| harness.lacks(*need).is_none())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_correct_store_passes() {
    let harness = Doubles(Flaw::None);
    let mut failures = Vec::new();
    let clauses = applicable(&harness);
    assert!(clauses.len() > 150, "only {} clauses run", clauses.len());
    for clause in clauses {
        if let Err(failure) = run(&harness, &clause).await {
            failures.push(format!("{}::{}: {failure}", clause.subject, clause.name));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

/// Pairs of a flaw and a clause that must fail. Each flaw occurs at least once.
const CAUGHT: &[(Flaw, &str, &str)] = &[
    (Flaw::DropCommits, "unit_of_work", "a_dropped_unit_leaves_nothing"),
    (Flaw::DropCommits, "unit_of_work", "a_caller_may_hang_up_at_any_await"),
    (Flaw::DropCommits, "users", "an_undone_insert_leaves_nothing"),
    (Flaw::DropCommits, "orders", "an_undone_save_leaves_what_was"),
    (Flaw::DropCommits, "outbox", "an_undone_event_is_not_there"),
    (Flaw::DropCommits, "sessions", "a_caller_may_hang_up_at_any_await"),
    (Flaw::ForgetsErrors, "sessions", "an_error_ends_the_unit"),
    (Flaw::ForgetsErrors, "orders", "an_error_ends_the_unit"),
    (Flaw::ShowsDrafts, "user_queries", "nothing_is_shown_before_the_commit"),
    (Flaw::ReadsChange, "product_queries", "a_reading_unit_sees_one_state"),
    (Flaw::RollbackCommits, "unit_of_work", "a_rolled_back_unit_leaves_nothing"),
    (Flaw::RollbackCommits, "idempotency", "an_undone_unit_leaves_no_key"),
    (Flaw::ForgetsErrors, "unit_of_work", "an_error_kills_the_unit"),
    (Flaw::ForgetsErrors, "unit_of_work", "an_error_kills_the_commit"),
    (Flaw::ForgetsErrors, "unit_of_work", "a_stale_save_kills_the_unit"),
    (Flaw::CommitLies, "unit_of_work", "a_failed_commit_is_reported_and_leaves_nothing"),
    (Flaw::CommitLies, "unit_of_work", "a_lost_commit_is_never_reported_as_stored"),
    (Flaw::CommitLies, "place_order", "nothing_is_stored_without_the_rest"),
    (Flaw::ShowsDrafts, "unit_of_work", "nothing_is_visible_before_commit"),
    (Flaw::ShowsDrafts, "unit_of_work", "a_dropped_unit_leaves_nothing"),
    (Flaw::LagsBehind, "unit_of_work", "committed_data_is_visible_on_every_instance"),
    (Flaw::LagsBehind, "order_queries", "a_change_shows_at_once"),
    (Flaw::LagsBehind, "session_queries", "a_revocation_shows_at_once_on_every_instance"),
    (Flaw::ReadsChange, "unit_of_work", "a_reading_unit_sees_one_state"),
    (Flaw::LosesUpdates, "products", "no_change_is_lost_among_many_writers"),
    (Flaw::LosesUpdates, "users", "no_change_is_lost_among_many_writers"),
    (Flaw::HoldsNothing, "users", "of_admins_that_go_at_once_one_stays"),
    (Flaw::HoldsNothing, "stock", "of_units_that_hold_all_levels_one_leaves_its_product"),
    (Flaw::LosesUpdates, "users", "of_racing_units_one_takes_a_value"),
    (Flaw::LosesUpdates, "stock", "no_piece_is_lost_among_many_writers"),
    (Flaw::LosesUpdates, "orders", "of_two_writers_one_is_stale"),
    (Flaw::LosesUpdates, "idempotency", "parallel_claims_are_new_once"),
    (Flaw::LosesUpdates, "place_order", "sixty_four_buyers_get_thirty_two_pieces"),
    (Flaw::LosesUpdates, "place_order", "fifty_parallel_repeats_make_one_order"),
    (Flaw::LosesUpdates, "jobs", "racing_workers_run_no_more_jobs_than_the_queue_allows"),
    (Flaw::IgnoresVersions, "users", "a_stale_save_is_rejected"),
    (Flaw::IgnoresVersions, "products", "a_stale_save_is_rejected"),
    (Flaw::IgnoresVersions, "orders", "a_stale_save_is_rejected"),
    (Flaw::IgnoresVersions, "stock", "a_batch_is_stale_if_one_of_its_levels_is"),
    (Flaw::SavesTheMissing, "orders", "a_save_of_nothing_is_rejected"),
    (Flaw::SavesTheMissing, "products", "a_save_of_nothing_is_rejected"),
    (Flaw::NamesTheWrongRule, "users", "a_taken_value_is_refused_by_its_rule"),
    (Flaw::NamesTheWrongRule, "orders", "a_taken_value_is_refused_by_its_rule"),
    (Flaw::NamesTheWrongRule, "users", "a_save_cannot_take_a_taken_value"),
    (Flaw::NamesTheWrongRule, "sessions", "of_racing_units_one_takes_a_value"),
    (Flaw::NamesTheWrongRule, "orders", "a_product_has_one_line_of_an_order"),
    (Flaw::NamesTheWrongRule, "stock", "a_row_of_the_ledger_is_written_once"),
    (Flaw::RoundsPrices, "products", "values_survive"),
    (Flaw::RoundsPrices, "products", "many_are_found_by_one_call"),
    (Flaw::RoundsPrices, "products", "a_save_stores_every_field_and_answers_the_next_version"),
    (Flaw::RoundsPrices, "product_queries", "it_is_shown_as_stored"),
    (Flaw::RoundsPrices, "product_queries", "extreme_keys_are_sorted_and_paged"),
    (Flaw::CutsMilliseconds, "products", "values_survive"),
    (Flaw::SortsLines, "orders", "a_thousand_lines_survive_in_order"),
    (Flaw::SavesLines, "orders", "a_save_leaves_lines_and_totals_alone"),
    (Flaw::NeverReplays, "idempotency", "a_filled_key_is_replayed_byte_by_byte"),
    (Flaw::NeverReplays, "place_order", "fifty_parallel_repeats_make_one_order"),
    (Flaw::IgnoresFingerprints, "idempotency", "another_command_is_a_mismatch"),
    (Flaw::IgnoresFingerprints, "place_order", "another_command_with_the_key_is_refused"),
    (Flaw::NeverForgets, "idempotency", "an_expired_key_is_new_again"),
    (Flaw::SharesKeys, "idempotency", "keys_of_other_principals_are_different_keys"),
    (Flaw::SweepsAll, "idempotency", "a_sweep_forgets_no_more_than_its_limit"),
    (Flaw::SweepsAll, "sessions", "a_sweep_forgets_no_more_than_its_limit"),
    (Flaw::SweepsAll, "known_networks", "a_sweep_forgets_no_more_than_its_limit"),
    (Flaw::SweepsAll, "account_links", "a_sweep_forgets_no_more_than_its_limit"),
    (Flaw::RollbackCommits, "account_links", "an_undone_link_is_not_there"),
    (Flaw::ConsumesTwice, "account_links", "a_link_is_used_once_in_time_and_no_other_with_it"),
    (Flaw::ConsumesTwice, "users", "a_hash_is_renewed_only_in_place_of_the_old_one"),
    (Flaw::LosesUpdates, "users", "of_fifty_that_renew_a_hash_at_once_one_does"),
    (Flaw::LosesUpdates, "account_links", "of_fifty_that_use_a_link_at_once_one_does"),
    (Flaw::RollbackCommits, "known_networks", "an_undone_list_is_not_there"),
    (Flaw::KeepsRevoked, "sessions", "what_has_ended_is_swept_and_nothing_else"),
    (Flaw::NeverSettles, "outbox", "a_committed_event_is_settled_as_stored"),
    (Flaw::EndsTwice, "reservations", "a_reservation_ends_once"),
    (Flaw::EndsTwice, "reservations", "of_two_units_that_end_it_one_succeeds"),
    (Flaw::RevokesTwice, "sessions", "a_session_ends_once"),
    (Flaw::RotatesTwice, "sessions", "a_refresh_token_is_replaced_once"),
    (Flaw::RotatesTwice, "sessions", "racing_units_replace_a_refresh_token_once"),
    (Flaw::RenewsTheEnded, "sessions", "a_session_that_has_ended_or_has_no_cookie_is_not_renewed"),
    (Flaw::LosesUpdates, "sessions", "racing_units_replace_a_refresh_token_once"),
    (Flaw::KeepsOneSessionMore, "sessions", "the_newest_sessions_of_a_user_stay"),
    (Flaw::KeepsOneSessionMore, "sessions", "racing_units_each_keep_the_newest"),
    (Flaw::KeepsTheToken, "setup_tokens", "of_eight_that_replace_it_at_once_one_is_left"),
    (Flaw::ShowsOrphans, "stock_queries", "stock_without_its_product_is_not_found"),
    (Flaw::ExpiresLate, "reservations", "what_has_expired_is_listed"),
    (Flaw::ExpiresLate, "order_queries", "overdue_orders_are_listed_and_no_others"),
    (Flaw::CountsExpired, "stock_queries", "what_has_expired_is_not_shown_as_reserved"),
    (Flaw::CountsExpired, "orders", "the_lines_of_open_orders_are_counted"),
    (Flaw::KeepsNothing, "reservations", "a_kept_reservation_does_not_expire"),
    (Flaw::KeepsNothing, "expire_orders", "overdue_orders_end_and_the_others_wait"),
    (Flaw::EndsTwice, "reservations", "only_active_reservations_are_kept"),
    (Flaw::LosesUpdates, "expire_orders", "of_buyers_of_an_expired_piece_one_gets_it"),
    (Flaw::IgnoresScopes, "order_queries", "a_scope_hides_others"),
    (Flaw::IgnoresScopes, "order_queries", "a_scope_applies_before_paging_and_counting"),
    (Flaw::SkipsEquals, "order_queries", "every_row_is_on_one_page_in_every_order"),
    (Flaw::SkipsEquals, "product_queries", "every_row_is_on_one_page_in_every_order"),
    (Flaw::SkipsEquals, "product_queries", "every_row_is_on_one_page_while_rows_come_and_go"),
    (Flaw::ListsArchived, "product_queries", "what_has_left_is_not_listed_nor_counted"),
    (Flaw::ListsEveryLine, "order_queries", "a_page_has_at_most_a_thousand_lines_but_one_order"),
    (Flaw::EndsAtTheCut, "order_queries", "pages_of_great_orders_hold_every_order_once"),
    (Flaw::CountsThePage, "product_queries", "all_pages_are_counted"),
    (Flaw::CountsEveryRow, "product_queries", "rows_are_counted_up_to_a_bound"),
    (Flaw::CountsEveryRow, "order_queries", "rows_are_counted_up_to_a_bound"),
    (Flaw::KeepsEveryKey, "instance_keys", "one_key_of_a_purpose_is_kept"),
    (Flaw::KeepsEveryKey, "instance_keys", "of_eight_instances_that_start_at_once_one_keeps_its_key"),
    (Flaw::KeepsEveryKey, "instance_keys", "a_purpose_has_one_next_key_and_any_number_of_retired_ones"),
    (Flaw::ForgetsToRetire, "instance_keys", "a_next_key_replaces_the_active_one"),
    (Flaw::ActivatesAgain, "instance_keys", "a_key_that_is_not_next_is_not_activated"),
    (Flaw::ActivatesAgain, "instance_keys", "without_an_active_key_no_key_is_activated"),
    (Flaw::ActivatesAgain, "instance_keys", "of_eight_instances_that_activate_a_key_at_once_one_succeeds"),
    (Flaw::KeepsEveryKey, "field_keys", "a_number_is_taken_once"),
    (Flaw::KeepsEveryKey, "field_keys", "of_eight_instances_that_add_a_key_at_once_one_stores_it"),
    (Flaw::ForgetsRetiredKeys, "instance_keys", "only_expired_keys_are_deleted"),
    (Flaw::FindsDefects, "health", "a_store_that_works_has_no_fatal_defect"),
    (Flaw::MigratesToInspect, "health", "an_inspection_of_an_empty_store_migrates_nothing"),
    (Flaw::TouchesNewer, "migrations", "a_newer_step_is_refused"),
    (Flaw::TouchesUnknownSets, "migrations", "an_unknown_set_is_refused"),
    (Flaw::RecordsWhatFailed, "migrations", "a_step_that_fails_is_not_recorded_and_keeps_those_before_it"),
    (Flaw::RunsHostsFirst, "migrations", "a_host_brings_a_set_that_runs_after_ours"),
    (Flaw::IgnoresTheNamedSet, "migrations", "down_takes_back_the_set_it_names"),
    (Flaw::TakesBackTheNeeded, "migrations", "a_set_that_another_is_built_on_stays"),
    (Flaw::MigratesAgain, "migrations", "up_again_changes_nothing"),
    (Flaw::MigratesAgain, "migrations", "eight_instances_that_start_at_once_all_find_it_done"),
];

/// How often a clause runs before its flaw counts as missed.
const CHANCES: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_flaw_is_caught() {
    let mut passed = Vec::new();
    for (flaw, subject, name) in CAUGHT {
        let harness = Doubles(*flaw);
        let all = applicable(&harness);
        let clause = all.iter().find(|clause| (clause.subject, clause.name) == (*subject, *name));
        let clause = clause.ok_or_else(|| format!("there is no {subject}::{name}")).unwrap();
        // A clause about a race may pass by chance.
        let mut caught = false;
        for _ in 0..CHANCES {
            caught = catches(&harness, clause).await;
            if caught {
                break;
            }
        }
        if !caught {
            passed.push(format!("{subject}::{name} does not catch {flaw:?}"));
        }
    }
    assert!(passed.is_empty(), "{passed:#?}");
}
