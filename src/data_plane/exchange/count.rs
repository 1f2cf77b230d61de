//! What an exchange adds to its worker's labelled counts. Never drops, never waits.

use super::Exchange;
use super::conclude::Trail;
use super::failure::{Kind, Side};
use super::route::Route;
use crate::config::route::Plan;
use crate::shared::gate::Subject;
use crate::shared::journal::Record;
use crate::shared::routing::rules::Role;
use crate::shared::tally::{Fault, Model};

impl Exchange<'_> {
    /// The exchange ended so; the usage is what was seen of its answer.
    pub(super) fn count(&self, record: &Record, failure: Option<&Kind>) {
        let tally = &self.client.local.cell().tally;
        let provider = self.provider_name();
        let model = self.model_label((200..300).contains(&record.ended.status));
        tally.exchange((provider, model, record.ended.status), &record.answered.usage);
        if let Some(Kind::AtCap(subject, _)) = failure {
            let at_provider = matches!(subject, Subject::Credential | Subject::Provider);
            let provider = if at_provider { provider } else { "" };
            tally.fault(provider, Fault::AdmissionReject(subject.reason()));
        }
    }

    /// The provider answered 429.
    pub(super) fn count_limit(&self, provider: &str) {
        self.client.local.cell().tally.rate_limit(provider, self.model_label(false));
    }

    /// An alternative serves because a primary is limited.
    pub(super) fn count_alternative(&self, route: &Route<'_>, trail: &Trail<'_>, status: u16) {
        let snapshot = &self.setup.snapshot;
        let rule = self.decision.rule.and_then(|rule| snapshot.routes.get(rule));
        let Some(Plan::LimitsAlternative { primaries, alternatives }) =
            rule.map(|rule| &rule.strategy.plan)
        else {
            return;
        };
        let primary = primaries.first().and_then(|&index| snapshot.providers.get(index));
        let is_bypass = self.decision.role == Role::Bypass;
        if let Some(primary) = primary
            && alternatives.contains(&route.index)
            && !is_bypass
            && trail.exhausted.cooling > 0
        {
            let model = self.model_label((200..300).contains(&status));
            let tally = &self.client.local.cell().tally;
            tally.alternative(&primary.name, &route.provider.name, model);
        }
    }

    /// Something went wrong at `provider`.
    pub(super) fn count_fault(&self, provider: &str, fault: Fault) {
        self.client.local.cell().tally.fault(provider, fault);
    }

    /// An attempt came to nothing; what ended on another side is no fault of the provider's.
    pub(super) fn count_no_answer(&self, provider: &str, kind: &Kind) {
        if kind.side() == Side::Upstream {
            self.count_fault(provider, Fault::UpstreamError(kind.code()));
        }
    }

    /// An attempt was answered: one of the 5xx class is the provider's error, whoever serves then.
    pub(super) fn count_status(&self, provider: &str, status: u16) {
        let kind = match status {
            500 => "status_500",
            502 => "status_502",
            503 => "status_503",
            504 => "status_504",
            529 => "status_529",
            // A label for each number would be the provider's to fill the table with.
            501 | 505..=599 => "status_5xx",
            _ => return,
        };
        self.count_fault(provider, Fault::UpstreamError(kind));
    }

    fn model_label(&self, answered: bool) -> Model {
        let model = self.real_model().unwrap_or_default();
        self.client.local.shared.models.label(model, answered)
    }
}
