//! Choices that are the same in every run: what failed once fails again.

/// A source of choices.
pub struct Random(u64);

impl Random {
    /// The source that begins with this number.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below another.
    pub fn below(&mut self, most: usize) -> usize {
        // Knuth's MMIX; the upper bits are the good ones.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % most
    }

    /// Yes or no.
    pub fn flip(&mut self) -> bool {
        self.below(2) == 0
    }

    /// One of several.
    pub fn pick<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[self.below(of.len())]
    }
}
