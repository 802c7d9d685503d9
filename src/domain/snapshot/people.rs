//! Whether the people whom an active credential rests on are still here, as the directory and GitLab say.
//!
//! Each says it for itself, and what could not be told is neither "here" nor "left".

/// Whether the people behind an active credential are still here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct People {
    /// Who has it.
    pub requester: Presence,
    /// Who approved it as the manager.
    pub manager: Presence,
}

/// What the directory and GitLab say of one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presence {
    /// The directory.
    pub directory: Standing,
    /// Their GitLab account.
    pub account: Standing,
}

impl Presence {
    /// Both say so.
    pub fn is_here(&self) -> bool {
        self.directory == Standing::Here && self.account == Standing::Here
    }
}

/// What one source says of one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// There, and active.
    Here,
    /// There, and switched off.
    Inactive,
    /// Not to be found.
    Absent,
    /// It could not be told.
    Unknown,
}
