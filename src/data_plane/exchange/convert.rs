//! Requests in the form of a provider that speaks another, and what their answers need to come back
//! in the client's (PROTOCOL 7). Used only where forms differ; never touches a body that passes.

use super::failure::Kind;
use super::route::Route;
use super::{Asked, Body, Exchange};
use crate::protocol::dialect::translate::stream::Stream;
use crate::protocol::dialect::translate::{Echo, Forms, Lossy, Order, request};

/// What is kept of a translated request until its answer is there.
#[derive(Debug)]
pub struct Translation {
    /// What the answer must know of it.
    pub echo: Echo,
    /// What was left behind.
    pub lossy: Lossy,
}

impl Exchange<'_> {
    /// The body in the form that the route's provider takes.
    ///
    /// # Errors
    /// `Untranslatable`.
    pub(super) fn translated(
        &mut self,
        route: &Route<'_>,
        forms: Forms,
        asked: &Asked,
    ) -> Result<Body, Kind> {
        let order = Order {
            from: forms.client,
            max_tokens_default: route.provider.max_tokens_default,
            model: route.candidate.model.as_deref(),
            to: forms.provider,
        };
        let translated = request::request(asked.body.of(self.request.bytes()), &order)
            .map_err(|refused| Kind::Untranslatable(Box::new(refused)))?;
        let created = self.client.local.shared.wall.now().0 / 1_000;
        let echo = Echo { created, ..translated.echo };
        self.translation = Some(Box::new(Translation { echo, lossy: translated.lossy }));
        Ok(Body::Own(translated.body.into()))
    }

    /// What a translated answer must know of its request.
    pub(super) fn echo(&self) -> Echo {
        self.translation.as_ref().map(|translation| translation.echo.clone()).unwrap_or_default()
    }

    /// What turns a provider's stream into the client's.
    pub(super) fn converter(&self, forms: Forms) -> Converter {
        Converter {
            out: Vec::new(),
            stream: Stream::new(forms.provider, forms.client, &self.echo()),
        }
    }
}

/// A stream under translation.
#[derive(Debug)]
pub struct Converter {
    /// What the last read became.
    pub out: Vec<u8>,
    /// The translation.
    pub stream: Stream,
}
