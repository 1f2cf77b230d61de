//! `server.tls`: reads certificate and key. Whether they belong together is found where they are
//! used.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Context, pem};
use crate::config::error::ErrorKind;
use crate::config::report::Report;
use crate::config::section::Section;
use crate::config::setting::Text;
use crate::config::shape;
use crate::config::snapshot::ServerTls;

/// `None` where there is none, or an error in the report.
pub(super) fn server_tls(
    server: &Section<'_>,
    context: &Context<'_>,
    report: &mut Report,
) -> Option<Arc<ServerTls>> {
    server.node("tls")?;
    let section = server.table("tls", &shape::SERVER_TLS, report);
    let certificates = file(&section, &shape::CERT, context, report, pem::certificates);
    let key = file(&section, &shape::CERT_KEY, context, report, pem::private_key);
    Some(Arc::new(ServerTls { certificates: certificates?, key: key? }))
}

fn file<T>(
    section: &Section<'_>,
    text: &Text,
    context: &Context<'_>,
    report: &mut Report,
    parse: impl Fn(&[u8]) -> Result<T, &'static str>,
) -> Option<T> {
    let (path, place) = section.text(text, report)?;
    let path: PathBuf = context.texts.folder(place).join(path);
    let read = pem::read(&path, parse);
    read.map_err(|message| {
        let error = section.error(ErrorKind::File, text.key, message, report);
        error.help(format!("the file is `{}`", path.display()));
    })
    .ok()
}
