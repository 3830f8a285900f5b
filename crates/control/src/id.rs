//! Numbers that are never used twice within a state folder.

/// What is numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counter {
    Deploy,
    Build,
    Deployment,
    Instance,
    /// Starts of control; the upper half of a route table's generation.
    Epoch,
}

impl Counter {
    pub(crate) const ALL: [Self; 5] =
        [Self::Deploy, Self::Build, Self::Deployment, Self::Instance, Self::Epoch];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Build => "build",
            Self::Deployment => "deployment",
            Self::Instance => "instance",
            Self::Epoch => "epoch",
        }
    }
}

/// Numbers taken out of the store in blocks, so that starting an instance for a waiting request needs no disk.
#[derive(Debug)]
pub(crate) struct Block {
    next: u64,
    end: u64,
}

/// Numbers taken out at once.
pub(crate) const BLOCK: u64 = 256;

impl Block {
    /// Numbers from `start` on, of which the store knows that they are gone.
    pub(crate) fn new(start: u64) -> Self {
        Self { next: start, end: start + BLOCK }
    }

    pub(crate) fn take(&mut self) -> Option<u64> {
        (self.next < self.end).then(|| {
            self.next += 1;
            self.next - 1
        })
    }

    /// Where the next block ends, if it is time to take one out.
    pub(crate) fn low(&self) -> Option<u64> {
        (self.end - self.next < BLOCK / 2).then_some(self.end + BLOCK)
    }

    pub(crate) fn extend(&mut self, end: u64) {
        self.end = self.end.max(end);
    }
}
