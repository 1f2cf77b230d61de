//! Looks at an answer as it passes: usage, outcome, times. Cannot change a byte: it borrows them.

use super::detail::Capture;
use crate::protocol::http1::head::ResponseHead;
use crate::protocol::http1::header::Known;
use crate::protocol::json::text::Text;
use crate::protocol::rate_limit::summary::Summary;
use crate::protocol::usage::{Observed, Observer};
use crate::shared::clock::Millis;
use crate::shared::journal::{Answered, Gaps, Record};

/// What is seen of one answer.
#[derive(Debug)]
pub struct Observation {
    /// Where more of it is to be told than its record does.
    pub capture: Option<Capture>,
    gaps: Gaps,
    head_at: Millis,
    first_event_at: Option<Millis>,
    last_read_at: Option<Millis>,
    /// What its head says of limits.
    pub limits: Option<Summary>,
    /// `None` for bodies that are encoded, or whose kind says nothing of itself.
    observer: Option<Observer>,
    organization_id: Text<64>,
    passed: u64,
    request_id: Text<64>,
}

impl Observation {
    /// Of the answer with this head. `observer`: for its body, where it can be read.
    pub fn new(head: &ResponseHead, bytes: &[u8], observer: Option<Observer>) -> Self {
        let text = |known| head.fields.value(known, bytes).map(Text::cut);
        Self {
            capture: None,
            gaps: Gaps::default(),
            head_at: Millis::now(),
            first_event_at: None,
            last_read_at: None,
            limits: None,
            observer,
            organization_id: text(Known::AnthropicOrganizationId)
                .or_else(|| text(Known::OpenaiOrganization))
                .unwrap_or_default(),
            passed: 0,
            request_id: text(Known::RequestId)
                .or_else(|| text(Known::XRequestId))
                .unwrap_or_default(),
        }
    }

    /// Takes in the payload of one read.
    pub fn push(&mut self, payload: &[u8]) {
        if payload.is_empty() {
            return;
        }
        let now = Millis::now();
        if let Some(before) = self.last_read_at.replace(now) {
            self.gaps.count(now.since(before));
        }
        self.passed = self.passed.saturating_add(u64::try_from(payload.len()).unwrap_or(u64::MAX));
        if let Some(capture) = &mut self.capture {
            capture.push(payload, now);
        }
        if let Some(observer) = &mut self.observer {
            observer.push(payload);
            if self.first_event_at.is_none() && observer.events() > 0 {
                self.first_event_at = Some(now);
            }
        }
    }

    /// Writes what was seen over what stands in `record`, for an exchange that began at
    /// `started`. `clean`: the answer came to its end as far as the transport can tell.
    pub fn finish(&mut self, clean: bool, started: Millis, record: &mut Record) {
        let Record { answered, texts, .. } = record;
        let Answered {
            bytes,
            estimated,
            events,
            gaps,
            limits,
            model,
            organization_id,
            outcome,
            request_id,
            service_tier,
            stop_reason,
            ttfb_ms,
            ttft_ms,
            usage,
        } = answered;
        *bytes = self.passed;
        *gaps = self.gaps;
        *limits = self.limits;
        *organization_id = texts.add(self.organization_id.as_bytes());
        *request_id = texts.add(self.request_id.as_bytes());
        *ttfb_ms = Some(self.head_at.since(started));
        *ttft_ms = self.first_event_at.map(|at| at.since(started));
        let mut tell = |observed: &Observed| {
            *estimated = observed.estimated;
            *events = observed.events;
            *model = texts.add(known(observed.model.as_ref()));
            *outcome = Some(observed.outcome);
            *service_tier = texts.add(known(observed.service_tier.as_ref()));
            *stop_reason = texts.add(known(observed.stop_reason.as_ref()));
            *usage = observed.usage;
        };
        match self.observer.take() {
            Some(observer) => observer.finish_with(clean, tell),
            None => tell(&Observed::default()),
        }
    }
}

fn known<const N: usize>(text: Option<&Text<N>>) -> &[u8] {
    text.map(Text::as_bytes).unwrap_or_default()
}
