//! What an exchange adds to its worker's labelled counts. Never drops, never waits.

use super::Exchange;
use super::failure::Kind;
use crate::shared::gate::Subject;
use crate::shared::journal::Ended;
use crate::shared::tally::{Fault, Model};

impl Exchange<'_> {
    /// The exchange ended so; the usage is what was seen of its answer.
    pub(super) fn count(&self, ended: &Ended, failure: Option<&Kind>) {
        let tally = &self.client.local.cell().tally;
        let provider = self.provider_name();
        let model = self.model_label((200..300).contains(&ended.status));
        tally.exchange((provider, model, ended.status), &self.seen.answered.usage);
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

    /// Something went wrong at `provider`.
    pub(super) fn count_fault(&self, provider: &str, fault: Fault) {
        self.client.local.cell().tally.fault(provider, fault);
    }

    /// An attempt came to nothing; what the client or a drain ended is nobody's fault.
    pub(super) fn count_no_answer(&self, provider: &str, kind: &Kind) {
        if !matches!(kind, Kind::ClientGone | Kind::Draining) {
            self.count_fault(provider, Fault::UpstreamError(kind.code()));
        }
    }

    fn model_label(&self, answered: bool) -> Model {
        let model = self.model.as_deref().unwrap_or_default();
        self.client.local.shared.models.label(model, answered)
    }
}
