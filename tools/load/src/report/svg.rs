//! Line plots as inline SVG: no script, no font, nothing fetched.
//!
//! Never more than two axes; numbers are rounded to a tenth of a pixel.

use std::fmt::Write as _;

/// One line of a plot.
#[derive(Clone, Debug)]
pub struct Line {
    pub label: String,
    /// In plot order; x and y as they are.
    pub points: Vec<(f64, f64)>,
}

/// A plot before it is drawn.
#[derive(Clone, Debug)]
pub struct Plot {
    pub lines: Vec<Line>,
    pub title: String,
    pub x_label: String,
    /// Places on the x axis and what to write there.
    pub x_ticks: Vec<(f64, String)>,
    pub y_label: String,
}

impl Plot {
    /// The drawing; empty when there are fewer than two points.
    pub fn svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| line.points.iter());
        if points().count() < 2 {
            return String::new();
        }
        let x_min = points().map(|p| p.0).fold(f64::INFINITY, f64::min);
        let x_max = points().map(|p| p.0).fold(f64::NEG_INFINITY, f64::max);
        let y_top = ceiling(points().map(|p| p.1).fold(0.0, f64::max));
        let x = |value: f64| {
            LEFT + (value - x_min) / (x_max - x_min).max(f64::MIN_POSITIVE) * INNER_WIDTH
        };
        let y = |value: f64| TOP + INNER_HEIGHT - value / y_top * INNER_HEIGHT;
        let mut out = format!(
            "<figure><figcaption>{}</figcaption>\
             <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
            escape(&self.title),
            escape(&self.title)
        );
        for step in 0..=4 {
            let value = y_top * f64::from(step) / 4.0;
            let at = y(value);
            let right = LEFT + INNER_WIDTH;
            // Writing to a String cannot fail.
            let _ = write!(
                out,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 6.0,
                at + 4.0,
                short(value)
            );
        }
        for (value, text) in &self.x_ticks {
            let _ = write!(
                out,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                x(*value),
                TOP + INNER_HEIGHT + 16.0,
                escape(text)
            );
        }
        self.draw_lines(&mut out, x, y);
        let _ = write!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
             <text x=\"4\" y=\"12\">{}</text></svg></figure>",
            LEFT + INNER_WIDTH / 2.0,
            HEIGHT - 4.0,
            escape(&self.x_label),
            escape(&self.y_label)
        );
        out
    }

    fn draw_lines(&self, out: &mut String, x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) {
        for (index, line) in (0_u8..).zip(&self.lines) {
            let colour = COLOURS.get(usize::from(index) % COLOURS.len()).unwrap_or(&"#000");
            let mut path = String::new();
            for (px, py) in &line.points {
                let _ = write!(path, "{:.1},{:.1} ", x(*px), y(*py));
            }
            let place = LEFT + 10.0 + f64::from(index) * 150.0;
            let _ = write!(
                out,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\
                 <text x=\"{place:.1}\" y=\"{:.1}\" fill=\"{colour}\">{}</text>",
                path.trim_end(),
                TOP + 2.0,
                escape(&line.label)
            );
        }
    }
}

/// Text that is safe in HTML, attributes included.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// The next of 1, 2, 5, 10, 20, … at or above `value`.
fn ceiling(value: f64) -> f64 {
    let mut step = 0.001;
    loop {
        for factor in [1.0, 2.0, 5.0] {
            if step * factor >= value {
                return step * factor;
            }
        }
        step *= 10.0;
        if step > 1e15 {
            return value.max(1.0);
        }
    }
}

/// At most four characters or so.
fn short(value: f64) -> String {
    if value >= 1e6 {
        format!("{}M", value / 1e6)
    } else if value >= 1e4 {
        format!("{}k", value / 1e3)
    } else {
        let text = format!("{value:.4}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

const COLOURS: [&str; 6] = ["#1769aa", "#c43e00", "#2e7d32", "#6a1b9a", "#795548", "#00838f"];
const HEIGHT: f64 = 260.0;
const INNER_HEIGHT: f64 = 190.0;
const INNER_WIDTH: f64 = 640.0;
const LEFT: f64 = 60.0;
const TOP: f64 = 26.0;
const WIDTH: f64 = 720.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_means_something_in_html_is_left() {
        let text = "<script>alert('\"&\"')</script>";
        let escaped = "&lt;script&gt;alert(&#39;&quot;&amp;&quot;&#39;)&lt;/script&gt;";
        assert_eq!(escape(text), escaped);
    }

    #[test]
    fn a_plot_has_a_line_per_series_and_stays_inside() {
        let line = |label: &str| Line {
            label: label.to_owned(),
            points: vec![(0.0, 1.0), (5.0, 30.0), (10.0, 0.0)],
        };
        let plot = Plot {
            lines: vec![line("a<b"), line("c")],
            title: "t".to_owned(),
            x_label: "s".to_owned(),
            x_ticks: vec![(0.0, "0".to_owned())],
            y_label: "ms".to_owned(),
        };
        let svg = plot.svg();
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert!(svg.contains("points=\"60.0,212.2 380.0,102.0 700.0,216.0\""), "{svg}");
        assert!(svg.contains("a&lt;b") && !svg.contains("a<b"));
    }

    #[test]
    fn a_plot_of_nothing_is_nothing() {
        let plot = Plot {
            lines: Vec::new(),
            title: String::new(),
            x_label: String::new(),
            x_ticks: Vec::new(),
            y_label: String::new(),
        };
        assert_eq!(plot.svg(), "");
    }

    #[test]
    fn axes_end_at_round_numbers() {
        for (value, top) in [(0.0, 0.001), (0.3, 0.5), (1.0, 1.0), (1.1, 2.0), (4321.0, 5000.0)] {
            assert!((ceiling(value) - top).abs() < top * 1e-9, "{value}");
        }
        assert_eq!(
            (short(0.25), short(20_000.0), short(5e6)),
            ("0.25".into(), "20k".into(), "5M".into())
        );
    }
}
