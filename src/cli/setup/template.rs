//! The issue template, with this installation's instances, titles and marker.

use super::{Failure, Setup, UNCHANGED};
use crate::config::Config;
use crate::domain::form::INTEGRATION;
use crate::vendors::gitlab::setup::NewFile;

/// As it is shipped.
const SHIPPED: &str = include_str!("../../../deploy/gitlab/API_Token_Request.md");
/// Where GitLab looks for it.
const PATH: &str = ".gitlab/issue_templates/API_Token_Request.md";

impl Setup<'_> {
    pub(super) async fn template(&self, lines: &mut Vec<String>) -> Result<(), Failure> {
        let branch = self.project.default_branch.as_deref().unwrap_or("main");
        let present = self.gitlab.file(self.project.id, PATH, branch).await?;
        let marker = &self.config.form.marker;
        let done = match present {
            Some(text) if crate::domain::form::carries_marker(&text, marker) => UNCHANGED,
            Some(_) => {
                return Err(Failure::not_true(format!("{PATH} is there, but without the marker line"))
                    .hint(format!("add this line to it, or remove the file: {marker}")));
            }
            None => "created",
        };
        if done != UNCHANGED && !self.dry_run {
            let content = template(self.config);
            let message = "Add the API_Token_Request template of countersign";
            let file = NewFile { path: PATH, branch, content: &content, message };
            self.gitlab.create_file(self.project.id, file).await?;
        }
        self.line(lines, &format!("template {PATH}"), done);
        Ok(())
    }
}

/// The shipped template in this installation's words.
fn template(config: &Config) -> String {
    let titles = &config.form.titles;
    let first = |titles: &[String]| titles.first().cloned().unwrap_or_default();
    let headings = [
        ("Zendesk instance", first(&titles.instance)),
        ("Kind of credential", first(&titles.kind)),
        ("Business purpose", first(&titles.purpose)),
        ("Scopes", first(&titles.scopes)),
        ("Why admin access is needed", first(&titles.admin_access)),
        ("Remove on", first(&titles.remove_on)),
        ("Requester", first(&titles.requester)),
        ("Replaces", first(&titles.replaces)),
    ];
    let boxes: Vec<String> =
        config.instances.iter().map(|instance| format!("- [ ] {}", instance.name)).collect();
    let kinds = kinds(config);
    let line = |line: &str| match line {
        "<!-- countersign: API_Token_Request -->" => config.form.marker.clone(),
        "- [ ] Zendesk Global" => boxes.join("\n"),
        "- [ ] OAuth client" => kinds.join("\n"),
        other => match other
            .strip_prefix("### ")
            .and_then(|title| headings.iter().find(|(shipped, _)| *shipped == title))
        {
            Some((_, title)) => format!("### {title}"),
            None => other.to_owned(),
        },
    };
    let replaced =
        ["- [ ] Zendesk US Government", "- [ ] OAuth access token", "- [ ] Integration", "- [ ] API token"];
    let kept = SHIPPED.lines().filter(|line| !replaced.contains(line));
    kept.map(line).collect::<Vec<_>>().join("\n") + "\n"
}

/// A box for each kind that some instance offers, in the order of the configuration.
fn kinds(config: &Config) -> Vec<String> {
    let mut titles: Vec<&str> = Vec::new();
    let kinds = config.instances.iter().flat_map(|instance| instance.kinds.iter().map(|kind| kind.title()));
    let integrations = config.instances.iter().any(|instance| instance.integrations);
    for title in kinds.chain(integrations.then_some(INTEGRATION)) {
        if !titles.contains(&title) {
            titles.push(title);
        }
    }
    titles.iter().map(|title| format!("- [ ] {title}")).collect()
}
