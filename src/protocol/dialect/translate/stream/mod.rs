//! A provider's stream in the form of the client, event by event.
