//! A picture of times: two marks a row on a logarithmic scale of milliseconds.

use std::fmt::Write as _;

/// One row.
pub struct Point {
    pub name: String,
    /// Milliseconds.
    pub ours: f64,
    pub theirs: f64,
}

const WIDTH: f64 = 760.0;
const LEFT: f64 = 210.0;
const RIGHT: f64 = 90.0;
const TOP: f64 = 70.0;
const ROW: f64 = 22.0;
const OURS: &str = "#0b64dd";
const THEIRS: &str = "#98a2b3";

/// An SVG document; the longest times first.
pub fn pairs(title: &str, points: &[Point]) -> String {
    let mut rows: Vec<&Point> = points
        .iter()
        .filter(|point| point.ours > 0.0 && point.theirs > 0.0)
        .collect();
    rows.sort_by(|a, b| b.theirs.total_cmp(&a.theirs));
    let all = rows.iter().flat_map(|point| [point.ours, point.theirs]);
    let (low, high) = all.fold((f64::MAX, f64::MIN), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    // Whole powers of ten around all of it.
    let (first, last) = (
        low.log10().floor(),
        high.log10().ceil().max(low.log10().floor() + 1.0),
    );
    let x = |ms: f64| LEFT + (ms.log10() - first) / (last - first) * (WIDTH - LEFT - RIGHT);
    let height = TOP + ROW * rows.len() as f64 + 20.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n<text x=\"12\" y=\"22\" font-size=\"15\" fill=\"#1d2a3e\">{title}</text>\n"
    );
    for (at, colour, name) in [(LEFT, OURS, "datapulse"), (LEFT + 110.0, THEIRS, "peer")] {
        let _ = writeln!(
            svg,
            "<circle cx=\"{at}\" cy=\"40\" r=\"5\" fill=\"{colour}\"/><text x=\"{}\" y=\"44\" fill=\"#1d2a3e\">{name}</text>",
            at + 10.0
        );
    }
    for power in first as i32..=last as i32 {
        let ms = 10f64.powi(power);
        let _ = writeln!(
            svg,
            "<line x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{TOP}\" y2=\"{1}\" stroke=\"#e3e8f2\"/><text x=\"{0:.1}\" y=\"{2}\" fill=\"#5a6d8c\" text-anchor=\"middle\">{ms} ms</text>",
            x(ms),
            height - 12.0,
            TOP - 6.0
        );
    }
    for (number, point) in rows.iter().enumerate() {
        let y = TOP + ROW * (number as f64 + 0.6);
        let (ours, theirs) = (x(point.ours), x(point.theirs));
        let _ = writeln!(
            svg,
            "<text x=\"12\" y=\"{0:.1}\" fill=\"#1d2a3e\">{1}</text><line x1=\"{2:.1}\" x2=\"{3:.1}\" y1=\"{4:.1}\" y2=\"{4:.1}\" stroke=\"#cad3e2\" stroke-width=\"2\"/><circle cx=\"{3:.1}\" cy=\"{4:.1}\" r=\"5\" fill=\"{THEIRS}\"/><circle cx=\"{2:.1}\" cy=\"{4:.1}\" r=\"5\" fill=\"{OURS}\"/><text x=\"{5}\" y=\"{0:.1}\" fill=\"#1d2a3e\" text-anchor=\"end\">{6:.1}×</text>",
            y + 4.0,
            point.name,
            ours,
            theirs,
            y,
            WIDTH - 14.0,
            point.theirs / point.ours
        );
    }
    svg.push_str("</svg>\n");
    svg
}

#[cfg(test)]
mod tests {
    use super::{Point, pairs};

    #[test]
    fn longer_is_further_right_and_the_longest_stands_first() {
        let point = |name: &str, ours, theirs| Point {
            name: name.to_owned(),
            ours,
            theirs,
        };
        let svg = pairs("t", &[point("a", 1.0, 10.0), point("b", 10.0, 100.0)]);
        let place = |text: &str| svg.find(text).expect("is there");
        assert!(place(">b<") < place(">a<"));
        // 1 ms at the left edge, 100 ms at the right one.
        assert!(svg.contains("cx=\"210.0\"") && svg.contains("cx=\"670.0\""));
        assert_eq!(svg.matches("10.0×").count(), 2);
    }
}
