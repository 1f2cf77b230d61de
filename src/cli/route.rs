//! `tidegate route --explain`: where a request would go by a configuration, and why not elsewhere.
//! Asks no provider; knows nothing of a running gateway.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use tidegate::config;
use tidegate::control_plane::explain::{self, Asked};
use tidegate::shared::clock::{Millis, WallClock};
use tidegate::shared::credential::walk::Now;
use tidegate::shared::keyed_hash::KeyedHash;
use tidegate::shared::ledger::Ledger;
use tidegate::shared::setup::Setup;

use super::{Written, output};

/// The request that is not made.
#[derive(Args, Debug)]
pub(super) struct Route {
    /// Tell the candidates in order, and why each other provider is skipped
    #[arg(long, required = true)]
    explain: bool,
    /// Path of the request, with its prefix
    #[arg(long, value_name = "P")]
    path: Option<String>,
    /// Model that its body names
    #[arg(long, value_name = "M")]
    model: Option<String>,
    /// Name of a caller
    #[arg(long, value_name = "C")]
    caller: Option<String>,
    /// Field of the request; may be given more than once
    #[arg(long, value_name = "'N: V'")]
    header: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    written: Written,
}

pub(super) fn run(route: Route) -> ExitCode {
    let Route { explain: _, path, model, caller, header, json, written } = route;
    let loaded = match config::load(&written.sources()) {
        Ok(loaded) => loaded,
        Err(errors) => return output::refused(&errors),
    };
    // State of a gateway that has just begun; no identity leaves this process.
    let keyed = KeyedHash::new(&[0; 32]);
    let mut ledger = Ledger::new(keyed.clone(), 1);
    let Ok((pools, _all_new)) = ledger.turn(&loaded.snapshot, 1) else {
        return output::failed("more keys than the table has room for");
    };
    let setup = Setup::new(loaded.snapshot, pools, Arc::new(()), &keyed);
    let now = Now { millis: Millis::now(), wall: WallClock::start().now() };
    let asked = Asked { caller, headers: header, method: None, model, path };
    match explain::explain(&setup, &asked, now) {
        Ok(told) if json => match serde_json::to_string_pretty(&told) {
            Ok(text) => output::data(&(text + "\n")),
            Err(error) => output::failed(&error.to_string()),
        },
        Ok(told) => {
            eprintln!("as after a start; POST /api/v1/route of a running gateway knows its state");
            output::data(&told.to_string())
        }
        Err(why) => {
            eprintln!("tidegate: {why}");
            ExitCode::from(output::WRONG)
        }
    }
}
