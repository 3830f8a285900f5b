//! `doctor`: whether this machine can run apps, and what to do where not.

use anyhow::Result;
use serde::Serialize;

use crate::{
    FAILED, OK,
    settings::Settings,
    streams::{Paint, Streams},
};

/// What a look at one thing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It works, with something missing.
    Warn,
    /// Apps cannot run.
    Fail,
}

/// One look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at.
    pub name: String,
    /// What it came to.
    pub verdict: Verdict,
    /// What was found.
    pub detail: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Print the looks; fails when one of them did.
pub(crate) fn show(settings: &Settings, checks: &[Check], streams: &mut Streams) -> Result<u8> {
    let failed = checks.iter().filter(|c| c.verdict == Verdict::Fail).count();
    if settings.json {
        streams.out_json(&checks)?;
        return Ok(if failed == 0 { OK } else { FAILED });
    }
    let width = checks.iter().map(|c| c.name.chars().count()).max().unwrap_or(0);
    for check in checks {
        let (paint, word) = match check.verdict {
            Verdict::Ok => (Paint::Good, "ok  "),
            Verdict::Warn => (Paint::Warn, "warn"),
            Verdict::Fail => (Paint::Bad, "FAIL"),
        };
        let mark = streams.out_paint(paint, word);
        streams.out_line(&format!("{mark}  {:width$}  {}", check.name, check.detail))?;
        if let Some(hint) = &check.hint {
            streams.out_line(&format!("      {:width$}  hint: {hint}", ""))?;
        }
    }
    if failed > 0 {
        let things = if failed == 1 { "1 thing keeps".to_owned() } else { format!("{failed} things keep") };
        streams.out_line(&format!("\n{things} apps from running on this machine."))?;
        return Ok(FAILED);
    }
    Ok(OK)
}
