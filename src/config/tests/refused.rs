//! What is refused, and the very words: for each test a configuration, `refused/NAME.toml`, and all
//! that is told of it, `refused/NAME.txt`.

use super::Scene;
use crate::config::Look;

/// One test for each pair of files.
macro_rules! refused {
    ($($name:ident,)*) => { $(
        #[test]
        fn $name() {
            let written = include_str!(concat!("refused/", stringify!($name), ".toml"));
            let told = include_str!(concat!("refused/", stringify!($name), ".txt"));
            check(written, told);
        }
    )* };
}

refused! {
    a_syntax_error_is_told_at_its_line,
    an_unknown_table_or_key_comes_with_the_nearest_known_one,
    a_wrong_type_is_named,
    a_time_is_bounded_and_has_a_unit,
    a_size_or_a_number_is_bounded,
    a_word_is_one_of_a_few,
    a_listener_is_an_address_with_a_port_and_stands_once,
    a_list_of_listeners_is_not_empty,
    a_name_server_is_an_address,
    a_listener_beyond_loopback_refuses_open,
    lame_duck_is_shorter_than_the_deadline,
    lame_duck_by_default_is_shorter_than_the_deadline_too,
    a_provider_has_a_name_a_dialect_and_a_base_url,
    a_provider_name_stands_once,
    a_provider_key_is_one_a_header_can_carry,
    a_provider_key_stands_once_by_name_and_by_value,
    a_caller_has_a_name_and_one_key,
    a_caller_stands_once_by_name_and_by_key,
    a_secret_that_is_not_where_it_should_be_is_named,
    a_root_that_cannot_be_used_is_told,
    the_cap_of_a_key_or_a_caller_is_bounded,
    a_key_is_reserved_for_callers_there_are,
    a_cooldown_grows_from_its_base_to_its_ceiling,
    a_pattern_is_a_regular_expression,
    a_model_class_has_a_pattern_and_a_name,
    a_pool_is_chosen_from_and_retried_as_the_words_say,
    an_admin_api_beyond_loopback_needs_a_token_and_a_seal_a_long_key,
    an_admin_address_is_an_address_or_off_and_a_token_has_no_space,
    a_route_has_a_name_and_a_strategy,
    a_strategy_leads_to_providers_there_are_once_each,
    weights_are_above_zero_and_their_sum_fits,
    a_gate_has_one_primary_a_threshold_and_something_inside,
    a_rule_matches_by_patterns_and_callers_there_are,
    a_breaker_opens_after_some_failures_and_grows,
    a_header_rule_touches_nothing_of_the_gateways_own,
    a_watched_stream_has_bounds,
}

fn check(written: &str, told: &str) {
    let scene = Scene::new()
        .variable("KEY", "some-key")
        .variable("KEY_2", "some-other-key")
        .variable("KEY_3", "some-third-key")
        .variable("GATEWAY_KEY", "tg-one")
        .variable("GATEWAY_KEY_2", "tg-two")
        .variable("GATEWAY_KEY_3", "tg-three")
        .file("tidegate.toml", written);
    let errors = scene.errors();
    let mut rendered = String::new();
    for error in &errors {
        rendered.push_str(&error.render(Look::Plain));
        rendered.push('\n');
    }
    assert_eq!(rendered, told);
    // Whatever was planted as a secret is nowhere in it, nor in what a machine would read.
    let all = format!("{rendered}{errors:?}").replace("sk-planted", "");
    assert!(!all.contains("planted"), "{all}");
}
