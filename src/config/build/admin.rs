//! `[admin]`: where the admin API listens and who may call it. What runs keeps a digest and drops
//! the token; only who calls another gateway is given it.

use std::net::SocketAddr;

use sha2::{Digest, Sha256};

use super::Context;
use crate::config::error::ErrorKind;
use crate::config::report::Report;
use crate::config::secret::Secret;
use crate::config::section::Section;
use crate::config::snapshot::Admin;
use crate::config::tree::Table;
use crate::config::{label, limits, shape};

pub(super) fn admin(root: &Section<'_>, context: &Context<'_>, report: &mut Report) -> Admin {
    let section = root.table("admin", &shape::ADMIN, report);
    let listen = listen(&section, report);
    let token = token(&section, context, report);
    let token_sha256 = token.map(|token| Sha256::digest(token.expose().as_bytes()).into());
    if let Some(address) = listen
        && !address.ip().is_loopback()
        && section.node(shape::ADMIN_TOKEN.key).is_none()
    {
        let message = format!("must not be `{address}` without a token: it is not loopback");
        section
            .error(ErrorKind::Conflict, limits::ADMIN_LISTEN.key, message, report)
            .help("set admin.token, or listen on 127.0.0.1");
    }
    Admin { listen, token_sha256 }
}

/// How a gateway's admin API is reached.
#[derive(Debug)]
pub struct Access {
    /// `None` is "off".
    pub listen: Option<SocketAddr>,
    /// What it asks for.
    pub token: Option<Secret>,
}

/// The way to the admin API of a gateway that runs with what is written. A token that the asker
/// has is not looked for.
pub(in crate::config) fn access(
    written: &Table,
    (context, has_token): (&Context<'_>, bool),
    report: &mut Report,
) -> Access {
    let root = Section::root(&shape::ROOT, written, report);
    let section = root.table("admin", &shape::ADMIN, report);
    let listen = listen(&section, report);
    let token = if has_token { None } else { token(&section, context, report) };
    Access { listen, token }
}

fn listen(section: &Section<'_>, report: &mut Report) -> Option<SocketAddr> {
    let (text, _) = section.text_or(&limits::ADMIN_LISTEN, report);
    if text == "off" {
        return None;
    }
    let address = text.parse().ok();
    if address.is_none() {
        let message = "must be an IP address and a port, such as \"127.0.0.1:8788\", or \"off\"";
        section.error(ErrorKind::Invalid, limits::ADMIN_LISTEN.key, message, report);
    }
    address
}

fn token(section: &Section<'_>, context: &Context<'_>, report: &mut Report) -> Option<Secret> {
    let found = section.secret(&shape::ADMIN_TOKEN, context, report)?;
    if let Err(message) = label::check_key(found.secret.expose()) {
        section.error(ErrorKind::Invalid, shape::ADMIN_TOKEN.key, message, report);
        return None;
    }
    section.note_secret(&shape::ADMIN_TOKEN, found.secret.hint(), found.source, report);
    Some(found.secret)
}
