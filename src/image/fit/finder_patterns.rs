//! Counts the finder patterns of QR codes, the squares in three corners of each code: the reader's
//! time grows with the square of their number and more, and a picture of five kilobytes can have
//! thousands.

use std::collections::BTreeSet;
use std::ops::Range;

/// What a picture may have, for its codes to be looked for: Chinese characters that are framed look
/// like finder patterns, too.
pub(super) const MOST: usize = 100;

/// The widths of a line through a finder pattern: black, white, black, white, black.
const WIDTHS: [usize; 5] = [1, 1, 3, 1, 1];
/// The square's area in percent of the frame's, as the reader judges it.
const AREAS: Range<usize> = 11..70;

/// A row's run of black pixels.
#[derive(Clone, Copy)]
struct Run {
    start: usize,
    end: usize,
    region: usize,
}

/// Regions of black pixels that touch each other, joined while the rows are read.
#[derive(Default)]
struct Regions {
    parents: Vec<usize>,
    areas: Vec<usize>,
}

impl Regions {
    fn add(&mut self, area: usize) -> usize {
        self.parents.push(self.parents.len());
        self.areas.push(area);
        self.parents.len() - 1
    }

    fn root(&mut self, region: usize) -> usize {
        let mut at = region;
        while self.parents[at] != at {
            self.parents[at] = self.parents[self.parents[at]];
            at = self.parents[at];
        }
        at
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        if one != other {
            self.parents[other] = one;
            self.areas[one] += self.areas[other];
        }
    }
}

/// Whether a picture has more finder patterns than [`MOST`]. Counts those that the reader would
/// find, and some more.
pub(super) fn are_too_many(
    (width, height): (usize, usize),
    is_black: impl Fn(usize, usize) -> bool,
) -> bool {
    let (mut regions, mut candidates) = (Regions::default(), Vec::new());
    let mut above: Vec<Run> = Vec::new();
    for y in 0..height {
        let mut row = runs(width, |x| is_black(x, y));
        for run in &mut row {
            run.region = regions.add(run.end - run.start);
        }
        touch(&above, &row, &mut regions);
        let patterns = row.windows(3).filter(|runs| is_pattern(runs));
        candidates.extend(patterns.map(|runs| [0, 1, 2].map(|index: usize| runs[index].region)));
        above = row;
    }
    if candidates.len() <= MOST {
        return false;
    }
    let mut frames = BTreeSet::new();
    for regions_of_line in candidates {
        let [left, square, right] = regions_of_line.map(|region| regions.root(region));
        let percent = regions.areas[square] * 100 / regions.areas[left];
        if left == right && left != square && AREAS.contains(&percent) {
            frames.insert(left);
        }
    }
    frames.len() > MOST
}

fn runs(width: usize, is_black: impl Fn(usize) -> bool) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut start = None;
    for x in 0..=width {
        match (x < width && is_black(x), start) {
            (true, None) => start = Some(x),
            (false, Some(from)) => {
                start = None;
                let (end, region) = (x, 0);
                runs.push(Run {
                    start: from,
                    end,
                    region,
                });
            }
            (true, Some(_)) | (false, None) => {}
        }
    }
    runs
}

/// Joins what lies above each other in two rows.
fn touch(above: &[Run], row: &[Run], regions: &mut Regions) {
    let mut upper = above.iter().peekable();
    for run in row {
        while let Some(over) = upper.peek() {
            if over.start < run.end && run.start < over.end {
                regions.join(over.region, run.region);
            }
            if over.end > run.end {
                break;
            }
            upper.next();
        }
    }
}

/// Judges the widths of three runs and of the gaps between them as the reader does.
fn is_pattern(runs: &[Run]) -> bool {
    let [left, square, right] = runs else {
        return false;
    };
    let widths = [
        left.end - left.start,
        square.start - left.end,
        square.end - square.start,
        right.start - square.end,
        right.end - right.start,
    ];
    let average = (widths[0] + widths[1] + widths[3] + widths[4]) / 4;
    let tolerance = average * 3 / 4;
    widths.iter().zip(WIDTHS).all(|(width, parts)| {
        let expected = parts * average;
        (expected - tolerance..=expected + tolerance).contains(width)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows and columns of finder patterns with modules of so many pixels.
    fn lattice(patterns: usize, module: usize) -> (usize, impl Fn(usize, usize) -> bool) {
        let pitch = 8 * module;
        let is_black = move |x: usize, y: usize| {
            let (column, row) = (x % pitch / module, y % pitch / module);
            let is_inside = |from, to| (from..to).contains(&column) && (from..to).contains(&row);
            is_inside(0, 7) && !is_inside(1, 6) || is_inside(2, 5)
        };
        (patterns * pitch, is_black)
    }

    #[test]
    fn finder_patterns_are_counted_whatever_their_size() {
        for (patterns, module, expected) in [
            (1, 1, false),
            (10, 1, false),
            (11, 1, true),
            (10, 4, false),
            (11, 4, true),
            (60, 2, true),
        ] {
            let (side, is_black) = lattice(patterns, module);
            let found = are_too_many((side, side), is_black);
            assert_eq!(found, expected, "{patterns} patterns, {module} pixels");
        }
    }

    #[test]
    fn frames_without_squares_and_lines_are_none() {
        let side = 400;
        let frame = |x: usize, y: usize| {
            let is_edge = |at: usize| matches!(at % 8, 0 | 6);
            x % 8 < 7 && y % 8 < 7 && (is_edge(x) || is_edge(y))
        };
        let line = |x: usize, _: usize| matches!(x % 8, 0 | 2..=4 | 6);
        assert!(!are_too_many((side, side), frame));
        assert!(!are_too_many((side, side), line));
        assert!(!are_too_many((0, 0), |_, _| true));
        assert!(!are_too_many((side, side), |_, _| true));
    }

    proptest::proptest! {
        #[test]
        fn no_picture_makes_it_panic(
            width in 0_usize..40,
            pixels in proptest::collection::vec(proptest::bool::ANY, 0..1_600),
        ) {
            let height = pixels.len().checked_div(width).unwrap_or(0);
            are_too_many((width, height), |x, y| pixels[y * width + x]);
        }
    }
}
