//! Who may call the admin API: a bearer token where one is configured, and no browser that another
//! site has sent (DNS rebinding, cross-origin requests). Never tells which part was wrong.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::problem::Problem;
use crate::config::snapshot::Admin;
use crate::control_plane::plane::Plane;

/// Lets a request through, or answers it.
pub async fn guard(State(plane): State<Arc<Plane>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if HEALTH.contains(&path) {
        return next.run(request).await;
    }
    let setup = plane.shared.setup.load();
    let admin = &setup.snapshot.admin;
    let needs_token = path != "/openapi.json";
    if let Err(problem) = check(admin, request.headers(), needs_token) {
        return problem.into_response();
    }
    next.run(request).await
}

fn check(admin: &Admin, headers: &HeaderMap, needs_token: bool) -> Result<(), Problem> {
    let forbidden = |why| Err(Problem::new(StatusCode::FORBIDDEN, why));
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = text(header::HOST).unwrap_or("");
    if admin.listen.is_some_and(|listen| listen.ip().is_loopback()) && !is_loopback(host) {
        return forbidden(
            "The Host of a loopback address must be localhost or a loopback address.",
        );
    }
    if let Some(origin) = text(header::ORIGIN)
        && origin.split_once("://").is_none_or(|(_, from)| from != host)
    {
        return forbidden("Requests of other origins are not served.");
    }
    if headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") {
        return forbidden("Requests of other sites are not served.");
    }
    match &admin.token_sha256 {
        Some(token) if needs_token && !bears(headers, token) => {
            let detail = "The admin token is needed: `authorization: Bearer TOKEN`.";
            Err(Problem::new(StatusCode::UNAUTHORIZED, detail))
        }
        _ => Ok(()),
    }
}

/// Whether exactly one field holds the token. Digests of one length, compared in constant time.
fn bears(headers: &HeaderMap, token: &[u8; 32]) -> bool {
    let mut fields = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(field), None) = (fields.next(), fields.next()) else { return false };
    let Some((scheme, shown)) = field.as_bytes().split_at_checked("Bearer ".len()) else {
        return false;
    };
    let shown: [u8; 32] = Sha256::digest(shown).into();
    let is_token: bool = shown.ct_eq(token).into();
    is_token && scheme.eq_ignore_ascii_case(b"Bearer ")
}

/// Names that only lead to this host, with any port.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// For balancers and supervisors, without a token and by any name.
const HEALTH: [&str; 3] = ["/health", "/livez", "/readyz"];

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for &(name, value) in fields {
            headers.append(name, value.parse().expect("a field value"));
        }
        headers
    }

    fn verdict(listen: &str, fields: &[(&'static str, &str)]) -> bool {
        let admin = Admin {
            listen: Some(listen.parse().expect("an address")),
            token_sha256: Some(Sha256::digest(b"the-token").into()),
        };
        let mut all = vec![("host", "localhost:1")];
        if fields.iter().any(|(name, _)| *name == "host") {
            all.clear();
        }
        all.extend(fields);
        check(&admin, &headers(&all), true).is_ok()
    }

    #[test]
    fn only_the_very_token_opens() {
        for (value, opens) in [
            ("Bearer the-token", true),
            ("bearer the-token", true),
            ("Bearer the-toke", false),
            ("Bearer the-token ", true),
            ("Bearer  the-token", false),
            ("Bearer the-tokenn", false),
            ("Basic the-token", false),
            ("the-token", false),
            ("Bearer", false),
            ("", false),
        ] {
            // The field's own white space at its end is no part of its value.
            let value = value.trim_end();
            assert_eq!(verdict("127.0.0.1:1", &[("authorization", value)]), opens, "{value:?}");
        }
        assert!(!verdict("127.0.0.1:1", &[]));
        let twice = [("authorization", "Bearer the-token"), ("authorization", "Bearer the-token")];
        assert!(!verdict("127.0.0.1:1", &twice));
    }

    #[test]
    fn a_loopback_address_is_asked_by_a_loopback_name() {
        for (host, opens) in [
            ("localhost", true),
            ("LOCALHOST:8788", true),
            ("127.0.0.1:8788", true),
            ("127.9.9.9", true),
            ("[::1]:8788", true),
            ("localhost.evil.example", false),
            ("evil.example:8788", false),
            ("10.0.0.1:8788", false),
            ("", false),
        ] {
            let fields = [("host", host), ("authorization", "Bearer the-token")];
            assert_eq!(verdict("127.0.0.1:1", &fields), opens, "{host:?}");
            assert!(verdict("10.0.0.1:1", &fields), "{host:?} of an address that is not loopback");
        }
    }

    #[test]
    fn a_browser_is_served_only_from_its_own_origin() {
        let token = ("authorization", "Bearer the-token");
        for (fields, opens) in [
            ([("origin", "http://localhost:1"), token], true),
            ([("origin", "http://localhost:2"), token], false),
            ([("origin", "https://evil.example"), token], false),
            ([("origin", "null"), token], false),
            ([("sec-fetch-site", "cross-site"), token], false),
            ([("sec-fetch-site", "same-origin"), token], true),
        ] {
            assert_eq!(verdict("127.0.0.1:1", &fields), opens, "{fields:?}");
        }
    }
}
