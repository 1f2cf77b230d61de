//! `[[header_rule]]`: rules in file order. Refuses what no rule may touch.

use crate::config::error::ErrorKind;
use crate::config::header_rule::HeaderRule;
use crate::config::report::Report;
use crate::config::section::Section;
use crate::config::setting::Text;
use crate::config::{limits, shape};

/// All rules; with an error in the report the list may be short of some.
pub(super) fn header_rules(root: &Section<'_>, report: &mut Report) -> Vec<HeaderRule> {
    let sections = root.tables("header_rule", &shape::HEADER_RULE, report);
    if sections.len() > limits::HEADER_RULES_MAX {
        let message = format!("must have at most {} entries", limits::HEADER_RULES_MAX);
        root.error(ErrorKind::Invalid, "header_rule", message, report);
    }
    sections.iter().filter_map(|section| header_rule(section, report)).collect()
}

fn header_rule(section: &Section<'_>, report: &mut Report) -> Option<HeaderRule> {
    let on = section.choice_made(&limits::HEADER_RULE_ON, report);
    let action = section.choice_made(&limits::HEADER_RULE_ACTION, report);
    let header = section.text(&shape::HEADER_RULE_HEADER, report);
    let optional = |text: &Text, report: &mut Report| {
        section.text(text, report).map_or_else(String::new, |(text, _)| text.to_owned())
    };
    let value = optional(&shape::HEADER_RULE_VALUE, report);
    let find = optional(&shape::HEADER_RULE_FIND, report);
    let enabled = section.switch(&limits::HEADER_RULE_ENABLED, report);
    let header = header?.0.to_owned();
    let rule = HeaderRule { action: action?, enabled, find, header, on: on?, value };
    if let Err((key, why)) = rule.check() {
        section.error(ErrorKind::Invalid, key, why, report);
    }
    Some(rule)
}
