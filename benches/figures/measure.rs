//! Figures, and the small arithmetic behind them.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

/// One figure, beside what is to be reached.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    /// The letter and what it is.
    pub(crate) what: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    /// At least (`>=`) or less than (`<`), where something is to be reached.
    pub(crate) goal: Option<(&'static str, f64)>,
    pub(crate) detail: Value,
}

impl Figure {
    pub(crate) fn new(what: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { what: what.into(), value, unit, goal: None, detail: Value::Null }
    }

    pub(crate) fn at_least(self, goal: f64) -> Self {
        Self { goal: Some((">=", goal)), ..self }
    }

    pub(crate) fn at_most(self, goal: f64) -> Self {
        Self { goal: Some(("<=", goal)), ..self }
    }

    pub(crate) fn with(self, detail: Value) -> Self {
        Self { detail, ..self }
    }

    pub(crate) fn print(&self) {
        let goal = match self.goal {
            Some((">=", goal)) => {
                format!("{} (>= {goal})", if self.value >= goal { "reached" } else { "MISSED" })
            }
            Some((sign, goal)) => {
                format!("{} ({sign} {goal})", if self.value <= goal { "reached" } else { "MISSED" })
            }
            None => String::new(),
        };
        println!("  {:<72} {:>12.3} {:<6} {goal}", self.what, self.value, self.unit);
    }
}

/// The middle one of several.
pub(crate) fn median(values: &[f64]) -> f64 {
    percentile(values, 50.0)
}

pub(crate) fn percentile(values: &[f64], percent: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a list")]
    #[expect(clippy::cast_precision_loss, reason = "lists are short")]
    let place = ((sorted.len() as f64 - 1.0) * percent / 100.0).round() as usize;
    sorted[place]
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// What it was measured on.
pub(crate) fn machine() -> Value {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let memory = read("/proc/meminfo").lines().next().unwrap_or_default().to_owned();
    json!({
        "cpus": std::thread::available_parallelism().map_or(0, usize::from),
        "model": model.trim_start_matches([' ', '\t', ':']),
        "memory": memory, "kernel": read("/proc/version").trim(),
        "load_before": read("/proc/loadavg").trim(),
    })
}
