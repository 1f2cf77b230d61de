//! One connection: requests one after another, the plain ones by the hot path.
//!
//! Never decides an answer.

use crate::exchange::{self, Next};
use crate::fast::Served;
use crate::link::Link;
use crate::worker::Local;

/// Serves `link` until either side ends it.
pub async fn serve(mut link: Link, local: &Local) {
    let connection = local.shared.next_connection();
    let mut out = Vec::with_capacity(OUT_FIRST);
    loop {
        match serve_plain(&mut link, local, &mut out) {
            Served::Done(_) => {}
            Served::Incomplete => {
                if out.is_empty() {
                    if !link.fill(READ_MAX).await {
                        return;
                    }
                    continue;
                }
            }
            Served::NotPlain => {
                if out.is_empty() {
                    match exchange::run_one(&mut link, local, connection).await {
                        Next::Finish(finish) => return link.close(finish).await,
                        Next::Request => continue,
                    }
                }
            }
        }
        let (written, buffer) = link.write(out).await;
        out = buffer;
        if written.is_err() {
            return;
        }
    }
}

/// Answers all plain requests at hand into `out`; tells what stopped it.
fn serve_plain(link: &mut Link, local: &Local, out: &mut Vec<u8>) -> Served {
    if !local.shared.is_plain() {
        return Served::NotPlain;
    }
    let mut fast = local.fast.borrow_mut();
    while out.len() < OUT_MAX {
        let before = out.len();
        let served = fast.serve(link.unread(), out);
        let Served::Done(taken) = served else { return served };
        link.consume(taken);
        if let Some(counters) = local.shared.counters(local.index) {
            counters.received();
            counters.answered(u64::try_from(out.len() - before).unwrap_or(0));
        }
    }
    Served::Done(0)
}

const OUT_FIRST: usize = 4 << 10;
const OUT_MAX: usize = 64 << 10;
const READ_MAX: usize = 256 << 10;
