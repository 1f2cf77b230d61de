//! One of the two databases as its writer holds it: opened anew when it failed or was deleted, and
//! checkpointed when that is asked for, not in the midst of a write. Never decides what is written.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;

use super::database;
use super::health::{Database, Health};

/// A database and its connection, while it has one.
#[derive(Debug)]
pub(super) struct File {
    connection: Option<Connection>,
    database: Database,
    directory: PathBuf,
    health: Arc<Health>,
}

impl File {
    /// Nothing is opened yet.
    pub fn new(database: Database, directory: &Path, health: &Arc<Health>) -> Self {
        let (directory, health) = (directory.to_owned(), health.clone());
        Self { connection: None, database, directory, health }
    }

    /// Does `work`, all or none of it; `None`, told and counted, when it could not be done.
    pub fn with<T>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Option<T> {
        let done = self.try_with(work);
        if done.is_some() {
            self.health.is_well(self.database);
        }
        done
    }

    /// The same for work that proves nothing of whether rows can be put in.
    pub fn try_with<T>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Option<T> {
        match self.opened().and_then(work) {
            Ok(done) => Some(done),
            Err(error) => {
                self.connection = None;
                self.health.failed(self.database, &error);
                None
            }
        }
    }

    /// Moves what was written into the database proper, and waits for the disk, once that is
    /// `above` bytes. A failure changes nothing: the log of writes grows until a write fails, and
    /// that is told.
    pub fn checkpoint(&mut self, above: u64) {
        if self.log_bytes() > above
            && let Ok(connection) = self.opened()
        {
            let _later = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        }
    }

    /// Opens anew before the next use.
    pub fn close(&mut self) {
        self.connection = None;
    }

    /// Bytes that were written and are not in the database proper.
    fn log_bytes(&self) -> u64 {
        let log = self.directory.join(format!("{}-wal", self.database.name()));
        log.metadata().map_or(0, |log| log.len())
    }

    /// The connection, made anew when there is none or its file is gone: what is written to a
    /// deleted file is lost without a word.
    fn opened(&mut self) -> rusqlite::Result<&mut Connection> {
        if !self.directory.join(self.database.name()).exists() {
            self.connection = None;
        }
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => match self.database {
                Database::Logs => database::open_logs(&self.directory)?,
                Database::State => database::open_state(&self.directory)?,
            },
        };
        Ok(self.connection.insert(connection))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::super::logs;
    use super::super::pages::tests::{Folder, rows};
    use super::*;

    #[test]
    fn a_log_of_writes_grows_until_it_is_asked_for_and_begins_anew_then() {
        let folder = Folder::new("checkpoint");
        let health = Arc::default();
        let mut file = File::new(Database::Logs, &folder.0, &health);
        let beside = |file: &mut File| file.with(|logs| logs::insert(logs, &rows(0..200))).unwrap();
        // Far more than what SQLite would wait for by itself.
        while file.log_bytes() < 40 * 1024 * 1024 {
            beside(&mut file);
        }
        let grown = file.log_bytes();
        file.checkpoint(grown);
        assert_eq!(file.log_bytes(), grown, "not long enough");
        file.checkpoint(grown - 1);
        beside(&mut file);
        assert!(file.log_bytes() < grown / 8, "{} of {grown}", file.log_bytes());
        assert_eq!(health.errors(), 0);
    }

    #[test]
    fn a_deleted_file_is_made_anew_with_the_next_write() {
        let folder = Folder::new("made-anew");
        let mut file = File::new(Database::Logs, &folder.0, &Arc::default());
        for _ in 0..2 {
            assert!(file.with(|logs| logs::insert(logs, &rows(0..3))).is_some());
            let kept: i64 = file
                .with(|logs| logs.query_row("SELECT sum(count) FROM pages", [], |row| row.get(0)))
                .unwrap();
            assert_eq!(kept, 3);
            for name in ["logs.db", "logs.db-wal", "logs.db-shm"] {
                std::fs::remove_file(folder.0.join(name)).unwrap();
            }
        }
    }
}
