//! Panics where a test asks for one, so that what survives can be seen. A release build
//! has none of it.

use super::Exchange;

impl Exchange<'_> {
    /// Panics when the request names this place in `x-panic-at`, in debug builds.
    pub(super) fn may_panic(&self, place: &str) {
        if !cfg!(debug_assertions) {
            return;
        }
        let bytes = self.request.bytes();
        let mut fields = self.request.head.fields.iter();
        let asks = fields.any(|field| {
            field.name.of(bytes).eq_ignore_ascii_case(b"x-panic-at")
                && field.value.of(bytes) == place.as_bytes()
        });
        assert!(!asks, "on purpose at {place}");
    }
}
