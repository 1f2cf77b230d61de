//! The admin API: an axum server on the control thread's runtime (CONFIG.md, admin endpoints).
//! Never on a request's path; never shows a provider key.

mod body;
mod guard;
mod health;
mod keys;
mod keys_set;
mod listener;
mod metrics;
mod operations;
mod problem;
mod requests;
mod route;
mod status;
mod time;
mod usage;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{Method, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use utoipa::openapi::{InfoBuilder, OpenApiBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::plane::Plane;
use crate::shared::clock::Millis;
use crate::shared::pulse::ControlPlane;
use listener::Bounded;
use problem::Problem;

/// Takes the address, before anything else is begun.
///
/// # Errors
/// The kernel's.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves until the process ends.
///
/// # Errors
/// When the runtime cannot take the listener.
pub async fn serve(plane: Arc<Plane>, listener: TcpListener) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    axum::serve(Bounded::new(listener), router(plane)).await
}

/// What the API offers, for machines.
#[cfg(test)]
fn document() -> utoipa::openapi::OpenApi {
    endpoints().into_openapi()
}

fn endpoints() -> OpenApiRouter<Arc<Plane>> {
    let info = InfoBuilder::new()
        .title("Tidegate admin API")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "With `admin.token` set, every endpoint but /health, /livez, /readyz and \
             /openapi.json needs `authorization: Bearer TOKEN`.",
        ))
        .build();
    OpenApiRouter::with_openapi(OpenApiBuilder::new().info(info).build())
        .routes(routes!(health::health))
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(status::status))
        .routes(routes!(status::providers))
        .routes(routes!(keys::list))
        .routes(routes!(keys::one, keys_set::set, keys_set::remove))
        .routes(routes!(keys::reset))
        .routes(routes!(keys::limit))
        .routes(routes!(metrics::metrics))
        .routes(routes!(requests::list))
        .routes(routes!(requests::one))
        .routes(routes!(usage::usage))
        .routes(routes!(route::route))
        .routes(routes!(operations::reload))
        .routes(routes!(operations::drain))
        .routes(routes!(operations::events))
}

fn router(plane: Arc<Plane>) -> Router {
    let (router, document) = endpoints().split_for_parts();
    router
        .route("/openapi.json", get(move || std::future::ready(Json(document))))
        .method_not_allowed_fallback(not_allowed)
        .fallback(nothing)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(plane.clone(), guard::guard))
        .with_state(plane)
}

async fn nothing(uri: Uri) -> Problem {
    Problem::not_found(format!("There is nothing at {}.", uri.path()))
}

async fn not_allowed(State(_): State<Arc<Plane>>, method: Method) -> impl IntoResponse {
    let status = axum::http::StatusCode::METHOD_NOT_ALLOWED;
    Problem::new(status, format!("{method} is not served here."))
}

/// What is told to who asks for a change that nobody carries out.
fn unheard(plane: &Plane) -> Problem {
    Problem::unavailable(match plane.shared.pulse.of(Millis::now()) {
        ControlPlane::Ok => "The gateway is about to end.",
        ControlPlane::Failed | ControlPlane::Stuck => {
            "The control plane does not work: requests are served, and nothing can be changed \
             until a restart."
        }
    })
}

/// A key and its settings, with room to spare.
const BODY_BYTES_MAX: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    /// After a wanted change: `UPDATE_SNAPSHOTS=1 cargo test openapi`.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test may block")]
    fn the_openapi_document_is_the_committed_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/control_plane/admin/openapi.json");
        let document = document().to_pretty_json().expect("a document is JSON") + "\n";
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            std::fs::write(path, &document).expect("the snapshot can be written");
        }
        let committed = std::fs::read_to_string(path).expect("the snapshot is there");
        assert!(document == committed, "differs from the committed openapi.json");
    }
}
