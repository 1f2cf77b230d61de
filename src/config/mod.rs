//! What the operator wrote becomes what runs. A `Snapshot` that exists is valid.
