//! What can be wrong with an answer.
//!
//! Never text: every kind has one name, the same in all reports.

/// Why an exchange does not count as good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Not HTTP/1.1, or framed in a way that no two readers read alike.
    BadHttp,
    /// The body is not what the provider says it sent.
    Changed,
    /// The connection ended before the first byte of an answer.
    ClosedBeforeAnswer,
    ConnectFailed,
    /// The stream tells an error.
    ErrorEvent,
    /// Bytes after the answer that belong to nobody.
    ExtraBytes,
    /// A whole and well framed stream that lacks its last event.
    IncompleteStream,
    /// The status is none of the expected ones.
    Status,
    TimedOut,
    /// The connection ended inside the answer.
    Truncated,
    /// The request could not be sent.
    WriteFailed,
}

/// How faults are summed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Changed,
    Lost,
    Other,
    Truncated,
}

impl Fault {
    /// All kinds, in the order of reports.
    pub const ALL: [Self; 11] = [
        Self::BadHttp,
        Self::Changed,
        Self::ClosedBeforeAnswer,
        Self::ConnectFailed,
        Self::ErrorEvent,
        Self::ExtraBytes,
        Self::IncompleteStream,
        Self::Status,
        Self::TimedOut,
        Self::Truncated,
        Self::WriteFailed,
    ];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::BadHttp => "bad_http",
            Self::Changed => "changed",
            Self::ClosedBeforeAnswer => "closed_before_answer",
            Self::ConnectFailed => "connect_failed",
            Self::ErrorEvent => "error_event",
            Self::ExtraBytes => "extra_bytes",
            Self::IncompleteStream => "incomplete_stream",
            Self::Status => "status",
            Self::TimedOut => "timed_out",
            Self::Truncated => "truncated",
            Self::WriteFailed => "write_failed",
        }
    }

    /// Lost: no answer came. Changed: bytes are not the provider's. Truncated: some are missing.
    pub fn class(self) -> Class {
        match self {
            Self::Changed | Self::ExtraBytes => Class::Changed,
            Self::ClosedBeforeAnswer | Self::ConnectFailed | Self::TimedOut | Self::WriteFailed => {
                Class::Lost
            }
            Self::BadHttp | Self::ErrorEvent | Self::Status => Class::Other,
            Self::IncompleteStream | Self::Truncated => Class::Truncated,
        }
    }
}
