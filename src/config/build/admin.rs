//! `[admin]`: where the admin API listens and who may call it. Keeps a digest and drops the token.

use std::net::SocketAddr;

use sha2::{Digest, Sha256};

use super::Context;
use crate::config::error::ErrorKind;
use crate::config::report::Report;
use crate::config::section::Section;
use crate::config::snapshot::Admin;
use crate::config::{label, limits, shape};

pub(super) fn admin(root: &Section<'_>, context: &Context<'_>, report: &mut Report) -> Admin {
    let section = root.table("admin", &shape::ADMIN, report);
    let listen = listen(&section, report);
    let token_sha256 = token(&section, context, report);
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

fn token(section: &Section<'_>, context: &Context<'_>, report: &mut Report) -> Option<[u8; 32]> {
    let found = section.secret(&shape::ADMIN_TOKEN, context, report)?;
    let token = found.secret.expose();
    if let Err(message) = label::check_key(token) {
        section.error(ErrorKind::Invalid, shape::ADMIN_TOKEN.key, message, report);
        return None;
    }
    let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
    section.note_secret(&shape::ADMIN_TOKEN, found.secret.hint(), found.source, report);
    Some(digest)
}
