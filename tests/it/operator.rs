//! What an operator types, as processes: what is asked, what is said, what is done, and what is written down of it.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use insta::assert_snapshot;

use super::black_box::{Town, countersign, filled_in};
use super::processes::text;
use crate::harness::says;

/// Runs it, and says this on its standard input.
fn answered(command: &mut Command, input: &str) -> Output {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Whoever reads nothing may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

impl Town {
    /// A command to which this is said on its standard input, which is no terminal.
    fn piped(&self, arguments: &[&str], input: &str) -> Output {
        let config = self.home("countersign.toml");
        answered(countersign().args(arguments).arg("--config").arg(config), input)
    }

    /// A command at a terminal, where a person types this; both of its outputs are what they see.
    #[cfg(target_os = "linux")]
    fn typed(&self, arguments: &[&str], input: &str) -> (Option<i32>, String) {
        let config = self.home("countersign.toml").display().to_string();
        let program = env!("CARGO_BIN_EXE_countersign");
        let words = [&[program], arguments, &["--config", &config]].concat();
        let words: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        let mut terminal = Command::new("script");
        let seen = answered(terminal.args(["-qec", &words.join(" "), "/dev/null"]), input);
        (seen.status.code(), text(&seen.stdout).replace("\r\n", "\n"))
    }
}

/// Whether a terminal can be had on this machine.
#[cfg(target_os = "linux")]
fn has_terminal() -> bool {
    let there = Command::new("script").arg("--version").output().is_ok_and(|done| done.status.success());
    assert!(there || std::env::var_os("COUNTERSIGN_REQUIRE_REAL").is_none(), "`script` is not installed");
    there
}

/// Without `--yes`.
const TAKE_AWAY: [&str; 5] = ["inventory", "--instance", "global", "--take-away", "orphans"];

#[tokio::test]
async fn orphans_are_not_taken_away_where_nobody_can_be_asked() {
    let town = Town::build_with("1", |_| {}).await;
    town.set_up();
    let (_, url, _) = town.hands_over(&filled_in()).await;
    let orphan = format!("{url}0");
    town.has_orphans(std::slice::from_ref(&orphan)).await;
    let asked = ["", "yes\n"].map(|said| town.piped(&TAKE_AWAY, said));
    for one in &asked {
        assert_eq!((one.status.code(), text(&one.stdout)), (Some(2), String::new()));
        assert_eq!(one.stderr, asked[0].stderr);
    }
    assert_snapshot!(text(&asked[0].stderr), @"
    --take-away asks before it takes anything away, and nobody is at the terminal

    hint: look at what `countersign inventory` shows, then add --yes
    ");
    assert_eq!(town.tokens(&orphan).await.len(), 1);
    assert!(!town.chain().contains("orphan.ordered"), "nothing was even intended");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn orphans_are_taken_away_when_the_person_at_the_terminal_says_yes_and_not_before() {
    if !has_terminal() {
        return;
    }
    let town = Town::build_with("1", |_| {}).await;
    town.set_up();
    let (_, url, _) = town.hands_over(&filled_in()).await;
    let orphan = format!("{url}0");
    town.has_orphans(std::slice::from_ref(&orphan)).await;
    for said in ["no\n", "\n", "y\n", "\u{4}"] {
        let (status, seen) = town.typed(&TAKE_AWAY, said);
        assert_eq!(status, Some(0), "{seen}");
        says(
            &seen,
            "Take away 1 orphan for good? Those that our own user did not make are left alone. [yes/no]",
        );
        says(&seen, "Nothing was taken away.");
        assert_eq!(town.tokens(&orphan).await.len(), 1, "{said:?} is no yes");
    }
    let (status, seen) = town.typed(&TAKE_AWAY, "yes\n");
    assert_eq!(status, Some(0), "{seen}");
    says(&seen, "\tgone\n");
    assert_eq!((town.tokens(&orphan).await.len(), town.tokens(&url).await.len()), (0, 1));
    says(&town.chain(), "orphan.ordered");
}
