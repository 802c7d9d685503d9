//! Which names look like ours: the template filled in with an issue of a watched project, or that issue's address
//! alone, which is what the process asks for where tokens are made by hand.
//!
//! Only a reason to look closer: what is ours is known by its id.

/// The naming standards of one instance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standards {
    /// The template of names.
    pub template: String,
    /// What the addresses of issues of watched projects begin with, up to their number.
    pub issues: Vec<String>,
}

impl Standards {
    /// The address of the issue that `name` was made for, if our template could have made it.
    pub fn issue_of(&self, name: &str) -> Option<String> {
        let found = self.issues.iter().find_map(|start| address(name, start))?;
        let fits = |template: &str| {
            let pattern = template.replace("{requester}", "*").replace("{expires_on}", "*");
            let literal: Vec<String> =
                pattern.split('*').map(|part| part.replace("{issue_url}", &found)).collect();
            fits_parts(&literal.iter().map(String::as_str).collect::<Vec<_>>(), name)
        };
        (fits(&self.template) || name == found).then_some(found)
    }
}

/// The first address in `name` that begins with `start` and goes on with a number; all of the number.
fn address(name: &str, start: &str) -> Option<String> {
    let at = name.find(start)?;
    let digits: String = name.get(at + start.len()..)?.chars().take_while(char::is_ascii_digit).collect();
    (!digits.is_empty()).then(|| format!("{start}{digits}"))
}

/// Whether the whole of `text` fits; `*` stands for any text, and case counts.
pub fn matches(pattern: &str, text: &str) -> bool {
    fits_parts(&pattern.split('*').collect::<Vec<_>>(), text)
}

/// Literal parts in their order, with anything in between; the first at the beginning and the last at the end.
fn fits_parts(parts: &[&str], text: &str) -> bool {
    let [first, middle @ .., last] = parts else { return parts.first() == Some(&text) };
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}
