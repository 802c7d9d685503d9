//! Quick actions: lines that start with `/` and do something with the writer's rights.
//!
//! Only those are known that touch an access request. Lines inside a fenced block of code are text.

/// What the quick actions of a text ask for.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Commands {
    pub(crate) label: Vec<String>,
    pub(crate) unlabel: Vec<String>,
    pub(crate) unlabel_all: bool,
    pub(crate) close: Option<bool>,
    pub(crate) confidential: Option<bool>,
    pub(crate) title: Option<String>,
    /// How many lines were commands.
    pub(crate) count: usize,
}

/// The text without its commands, and the commands.
pub(crate) fn split(text: &str) -> (String, Commands) {
    let (mut kept, mut commands, mut fenced) = (Vec::new(), Commands::default(), false);
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        if fenced || !commands.take(line) {
            kept.push(line);
        }
    }
    match commands.count {
        0 => (text.to_owned(), commands),
        _ => (kept.join("\n").trim().to_owned(), commands),
    }
}

impl Commands {
    /// True where the line was a command.
    fn take(&mut self, line: &str) -> bool {
        let Some(command) = line.strip_prefix('/') else { return false };
        let (name, argument) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
        match name.trim_end() {
            "label" | "labels" => self.label.extend(references(argument)),
            "unlabel" | "remove_label" if argument.trim().is_empty() => self.unlabel_all = true,
            "unlabel" | "remove_label" => self.unlabel.extend(references(argument)),
            "close" => self.close = Some(true),
            "reopen" => self.close = Some(false),
            "confidential" => self.confidential = Some(true),
            "title" => self.title = Some(argument.trim().to_owned()),
            _ => return false,
        }
        self.count += 1;
        true
    }
}

/// `~bug ~"needs review" other`
fn references(argument: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = argument.trim();
    while !rest.is_empty() {
        rest = rest.strip_prefix('~').unwrap_or(rest);
        let (name, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        names.push(name.to_owned());
        rest = after.trim_start();
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_leave_the_text_and_labels_may_be_quoted() {
        let (text, commands) = split("Please\n/label ~\"manager approved\" ~bug\n/close\nthanks");
        assert_eq!(text, "Please\nthanks");
        assert_eq!(commands.label, ["manager approved", "bug"]);
        assert_eq!((commands.close, commands.count), (Some(true), 2));
    }

    #[test]
    fn code_and_unknown_commands_are_text() {
        let text = "```\n/label ~bug\n```\n/shrugs\n see /close";
        assert_eq!(split(text), (text.to_owned(), Commands::default()));
    }
}
