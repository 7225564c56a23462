//! Medians, percentiles of what clients saw, quantiles of what the gateway counted.

use super::measure::Milli;

/// The middle value, and the smallest and largest of several runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Spread {
    pub(crate) median: Milli,
    pub(crate) least: Milli,
    pub(crate) most: Milli,
}

impl Spread {
    /// All zero when there are none.
    pub(crate) fn of(values: impl IntoIterator<Item = Milli>) -> Self {
        let mut values: Vec<Milli> = values.into_iter().collect();
        values.sort_unstable();
        let at = |index: usize| values.get(index).copied().unwrap_or_default();
        let half = values.len() / 2;
        let median = if values.len().is_multiple_of(2) && half > 0 {
            Milli(u64::midpoint(at(half - 1).0, at(half).0))
        } else {
            at(half)
        };
        Self { median, least: at(0), most: at(values.len().saturating_sub(1)) }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} ({}–{})", self.median, self.least, self.most)
    }
}

/// The value that so many of ten thousand do not exceed; 0 when there are none. `sorted` ascends.
pub(crate) fn percentile(sorted: &[u32], of_10_000: usize) -> u32 {
    let rank = (sorted.len() * of_10_000).div_ceil(10_000);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// Counts by upper bound, as Prometheus writes them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Histogram {
    /// Upper bound in microseconds (`None`: no bound), and how many lie at or under it.
    buckets: Vec<(Option<u64>, u64)>,
}

impl Histogram {
    /// The histogram `name` of a metrics page; empty when it is not on it.
    pub(crate) fn read(page: &str, name: &str) -> Self {
        let lines = page.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix("_bucket{le=\""));
        let buckets = lines.filter_map(|line| {
            let (bound, count) = line.split_once("\"} ")?;
            let bound = if bound == "+Inf" { None } else { Some(micros(bound)?) };
            Some((bound, count.trim().parse().ok()?))
        });
        Self { buckets: buckets.collect() }
    }

    /// What was added since `earlier`.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let before = |bound: Option<u64>| {
            earlier.buckets.iter().find(|(other, _)| *other == bound).map_or(0, |(_, count)| *count)
        };
        let added = |&(bound, count): &(Option<u64>, u64)| (bound, count.saturating_sub(before(bound)));
        Self { buckets: self.buckets.iter().map(added).collect() }
    }

    /// How many it counts.
    pub(crate) fn count(&self) -> u64 {
        self.buckets.last().map_or(0, |(_, count)| *count)
    }

    /// Microseconds that so many of ten thousand do not exceed, taken as evenly spread within their bucket; the
    /// highest bound for what lies above all of them.
    pub(crate) fn quantile(&self, of_10_000: u64) -> u64 {
        let rank = (self.count() * of_10_000).div_ceil(10_000).max(1);
        let (mut low, mut below) = (0, 0);
        for &(bound, count) in &self.buckets {
            let Some(high) = bound else { break };
            if count >= rank {
                return low + (high - low) * (rank - below) / (count - below);
            }
            (low, below) = (high, count);
        }
        low
    }
}

/// From seconds such as `0.0125`.
fn micros(seconds: &str) -> Option<u64> {
    let (whole, part) = seconds.split_once('.').unwrap_or((seconds, ""));
    let digits: String = part.chars().chain("000000".chars()).take(6).collect();
    Some(whole.parse::<u64>().ok()? * 1_000_000 + digits.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# TYPE own_seconds histogram\n\
        own_seconds_bucket{le=\"0.001\"} 50\nown_seconds_bucket{le=\"0.0125\"} 90\n\
        own_seconds_bucket{le=\"1\"} 99\nown_seconds_bucket{le=\"+Inf\"} 100\nown_seconds_sum 3.2\n\
        other_seconds_bucket{le=\"0.001\"} 7\n";

    #[test]
    fn the_median_lies_between_two_middles() {
        let spread = Spread::of([Milli(4), Milli(1), Milli(3), Milli(2)]);
        assert_eq!(spread, Spread { median: Milli(2), least: Milli(1), most: Milli(4) });
        assert_eq!(Spread::of([Milli(9), Milli(1), Milli(5)]).median, Milli(5));
        assert_eq!(Spread::of([]), Spread::default());
    }

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let sorted: Vec<u32> = (1..=1_000).collect();
        assert_eq!(percentile(&sorted, 5_000), 500);
        assert_eq!(percentile(&sorted, 9_900), 990);
        assert_eq!(percentile(&sorted, 9_990), 999);
        assert_eq!(percentile(&[7], 9_990), 7);
        assert_eq!(percentile(&[], 5_000), 0);
    }

    #[test]
    fn a_quantile_is_read_off_the_buckets() {
        let histogram = Histogram::read(PAGE, "own_seconds");
        assert_eq!(histogram.count(), 100);
        assert_eq!(histogram.quantile(2_500), 500);
        assert_eq!(histogram.quantile(5_000), 1_000);
        assert_eq!(histogram.quantile(7_000), 6_750);
        assert_eq!(histogram.quantile(10_000), 1_000_000);
        assert_eq!(Histogram::default().quantile(9_900), 0);
    }

    #[test]
    fn only_what_was_added_counts() {
        let later = Histogram::read(PAGE, "own_seconds");
        let earlier = Histogram::read("own_seconds_bucket{le=\"0.001\"} 40\n", "own_seconds");
        assert_eq!(later.since(&earlier).buckets[0], (Some(1_000), 10));
        assert_eq!(later.since(&later).count(), 0);
        assert_eq!(later.since(&Histogram::default()), later);
    }
}
