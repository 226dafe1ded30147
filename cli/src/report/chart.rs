//! Pictures in SVG, without text in them: words stand beside, where they wrap, scale and are read aloud.
//!
//! Colours are classes of the page's style. Every picture has a title and is stretched to its column.

use std::fmt::Write as _;

use dihya_compliance::page::escape;

/// A picture of 1,000 units across, however wide it is shown.
pub(super) struct Picture {
    out: String,
}

impl Picture {
    /// `what` is read aloud in its place.
    pub(super) fn new(class: &str, height: u32, what: &str) -> Picture {
        let out = format!(
            "<svg class=\"{class}\" viewBox=\"0 0 1000 {height}\" preserveAspectRatio=\"none\" role=\"img\" \
             aria-label=\"{0}\"><title>{0}</title>",
            escape(what)
        );
        Picture { out }
    }

    /// `tip` is shown where the mouse rests on it.
    pub(super) fn rect(&mut self, class: &str, [x, y, width, height]: [f64; 4], tip: &str) {
        let rect = format!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\"",
            width.max(0.0),
            height.max(0.0)
        );
        // A String takes everything, here and below.
        let _ = match tip {
            "" => write!(self.out, "{rect}/>"),
            tip => write!(self.out, "{rect}><title>{}</title></rect>", escape(tip)),
        };
    }

    /// Many rectangles of one colour, without tips.
    pub(super) fn rects(&mut self, class: &str, rects: impl Iterator<Item = [f64; 4]>) {
        let mut path = String::new();
        for [x, y, width, height] in rects {
            let _ = write!(path, "M{x:.1} {y:.1}h{width:.1}v{height:.1}h{:.1}z", -width);
        }
        if !path.is_empty() {
            let _ = write!(self.out, "<path class=\"{class}\" d=\"{path}\"/>");
        }
    }

    /// A line from top to bottom.
    pub(super) fn tick(&mut self, class: &str, x: f64, height: u32) {
        let _ = write!(
            self.out,
            "<line class=\"{class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"0\" y2=\"{height}\" vector-effect=\"non-scaling-stroke\"/>"
        );
    }

    pub(super) fn end(self) -> String {
        self.out + "</svg>"
    }
}

/// Words under a picture, at equal distances.
pub(super) fn axis(labels: &[String]) -> String {
    let labels: String = labels.iter().map(|label| format!("<span>{}</span>", escape(label))).collect();
    format!("<div class=\"axis\" aria-hidden=\"true\">{labels}</div>")
}

/// A bar in a table's cell: a part of the whole.
pub(super) fn bar(part: u64, whole: u64) -> String {
    let width = 1000.0 * part as f64 / whole.max(1) as f64;
    // The number stands in the cell beside it.
    format!(
        "<svg class=\"bar\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <rect class=\"series\" width=\"{width:.1}\" height=\"10\"/></svg>"
    )
}
