//! The report as one HTML file: nothing to fetch, no script.
//!
//! Never puts text in unescaped.

use super::svg::{Line, Plot, escape};
use super::{Report, Side, text};
use crate::stats::Metric;
use crate::units::float;

/// The whole page.
pub fn of(report: &Report) -> String {
    let settings = &report.settings;
    let title = escape(&format!("tidegate-load: {}", settings.target));
    let mut plots = String::new();
    plots.push_str(&curves(report));
    plots.push_str(&seconds("Requests per second", &report.through, |row| float(row.ok)));
    plots.push_str(&latency_by_second(&report.through));
    if report.through.requests.events > 0 {
        plots.push_str(&seconds("Events per second", &report.through, |row| float(row.events)));
    }
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <style>{STYLE}</style></head><body><h1>{title}</h1>\
         <p><code>{}</code></p><pre>{}</pre>{plots}\
         <p>{} at {} ms since 1970. Percentiles of good answers, from the intended start.</p>\
         </body></html>\n",
        escape(&settings.command.join(" ")),
        escape(&text::of(report)),
        escape(&report.tool),
        report.unix_ms
    )
}

/// One plot per metric, through and direct together; x has a step per nine.
fn curves(report: &Report) -> String {
    let mut plots = String::new();
    for metric in Metric::ALL {
        let line = |side: &Side, label: &str| {
            let distribution = side.durations.get(metric.name())?;
            let points = distribution.curve.iter().filter(|(percent, _)| *percent < 100.0);
            let points = points.map(|(percent, ms)| (nines(*percent), *ms)).collect();
            Some(Line { label: label.to_owned(), points })
        };
        let direct = report.direct.as_ref().and_then(|side| line(side, "direct"));
        let label = if direct.is_some() { "through" } else { metric.name() };
        let lines: Vec<_> = line(&report.through, label).into_iter().chain(direct).collect();
        let ticks = [0.0, 50.0, 90.0, 99.0, 99.9, 99.99];
        let plot = Plot {
            lines,
            title: metric.name().replace('_', " "),
            x_label: "percentile".to_owned(),
            x_ticks: ticks.iter().map(|p| (nines(*p), format!("{p}"))).collect(),
            y_label: "ms".to_owned(),
        };
        plots.push_str(&plot.svg());
    }
    plots
}

/// 0 for the minimum, 1 for p90, 2 for p99.
fn nines(percent: f64) -> f64 {
    -(1.0 - percent / 100.0).log10()
}

fn seconds(title: &str, side: &Side, value: fn(&super::SecondRow) -> f64) -> String {
    let points = side.seconds.iter().map(|row| (x(row), value(row))).collect();
    by_second(title, "1/s", vec![Line { label: String::new(), points }], side)
}

fn latency_by_second(side: &Side) -> String {
    let line = |label: &str, value: fn(&super::SecondRow) -> f64| Line {
        label: label.to_owned(),
        points: side.seconds.iter().map(|row| (x(row), value(row))).collect(),
    };
    let lines = vec![line("p50", |row| row.p50_ms), line("p99", |row| row.p99_ms)];
    by_second("Latency by second", "ms", lines, side)
}

fn by_second(title: &str, y_label: &str, lines: Vec<Line>, side: &Side) -> String {
    let step = side.seconds.len().div_ceil(10).max(1);
    let x_ticks = side.seconds.iter().step_by(step);
    let x_ticks = x_ticks.map(|row| (x(row), row.second.to_string())).collect();
    Plot {
        lines,
        title: title.to_owned(),
        x_label: "second".to_owned(),
        x_ticks,
        y_label: y_label.to_owned(),
    }
    .svg()
}

fn x(row: &super::SecondRow) -> f64 {
    float(u64::try_from(row.second).unwrap_or(0))
}

const STYLE: &str = "body{font:15px system-ui,sans-serif;max-width:60em;margin:2em auto}\
    pre{background:#f4f4f4;padding:1em;overflow-x:auto}figure{margin:2em 0}\
    figcaption{font-weight:600}svg{width:100%;font:11px system-ui,sans-serif}\
    svg text{fill:#555}.grid{stroke:#ddd}";
