//! Every interleaving of a worker that counts and a scrape that reads: a count never goes back, and
//! nothing is lost; with a second writer something is.

use loom::sync::Arc;
use loom::thread;

use super::*;

/// A worker counts twice, and a scrape reads twice meanwhile.
fn count_and_scrape(second_writer: bool) {
    loom::model(move || {
        let count = Arc::new(Count::default());
        let counting = |count: &Arc<Count>| {
            let count = count.clone();
            thread::spawn(move || {
                count.add(1);
                count.add(2);
            })
        };
        let worker = counting(&count);
        let other = second_writer.then(|| counting(&count));
        let (first, second) = (count.load(), count.load());
        assert!(first <= second, "a count went back");
        worker.join().expect("the worker ends");
        let writers = 1 + u64::from(other.is_some());
        if let Some(other) = other {
            other.join().expect("the other ends");
        }
        assert_eq!(count.load(), 3 * writers, "a count is lost");
    });
}

#[test]
fn one_writer_loses_nothing_and_readers_see_it_grow() {
    count_and_scrape(false);
}

/// The mutant twin: load and store are not enough for two.
#[test]
#[should_panic(expected = "a count")]
fn a_second_writer_is_caught() {
    count_and_scrape(true);
}

/// A total over two workers is never more than what they counted, nor less than what they had
/// counted before the scrape began.
#[test]
fn a_sum_over_workers_lies_between_what_was_and_what_is() {
    loom::model(|| {
        let counts = Arc::new([Count::default(), Count::default()]);
        counts[0].add(5);
        let workers = [0, 1].map(|at| {
            let counts = counts.clone();
            thread::spawn(move || counts[at].add(1))
        });
        let sum: u64 = counts.iter().map(Count::load).sum();
        assert!((5..=7).contains(&sum), "{sum}");
        for worker in workers {
            worker.join().expect("a worker ends");
        }
        assert_eq!(counts.iter().map(Count::load).sum::<u64>(), 7);
    });
}
