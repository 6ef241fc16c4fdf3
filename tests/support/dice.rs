//! Runs at random that a number names for ever.
//!
//! In: a seed, and for long tests how many from which (`ADTRACE_RUNS`, `ADTRACE_FIRST_SEED`). Out: numbers.

use std::ops::Range;

/// A small generator of numbers, so that a seed names a run for ever.
pub struct Dice(u64);

impl Dice {
    pub fn of(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1))
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    pub fn id(&mut self, bound: u32) -> u32 {
        u32::try_from(self.below(u64::from(bound))).unwrap_or_default()
    }

    pub fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[usize::try_from(self.below(all.len() as u64)).unwrap_or_default()]
    }
}

/// The seeds that a script asks for.
pub fn seeds() -> Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("ADTRACE_FIRST_SEED").unwrap_or(0);
    first..first + number("ADTRACE_RUNS").unwrap_or(1000)
}
