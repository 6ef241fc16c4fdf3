//! `adtrace doctor`: what a recording lacked, and what to switch on for the next one.

use std::io::{self, Write};

use clap::Args;

use super::error::CliError;
use super::output::{Output, TextOrJson};
use super::reading::Input;
use crate::doctor::{Advice, policy::POLICY};
use crate::pipeline::{Case, Options};
use crate::report::text::{clean, wrap};

/// Columns of the text.
const WIDTH: usize = 98;

/// Say what the recording lacked, and which flags and audit policy would supply it next time
#[derive(Debug, Args)]
pub struct Doctor {
    #[command(flatten)]
    input: Input,
    /// Print an audit policy that records what a replay needs; takes no path
    #[arg(long, exclusive = true)]
    print_audit_policy: bool,
    /// How to show the answer
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = TextOrJson::Text)]
    format: TextOrJson,
}

impl Doctor {
    pub fn run(&self, output: &mut Output) -> Result<u8, CliError> {
        if self.print_audit_policy {
            output.writer().write_all(POLICY.as_bytes())?;
            return Ok(0);
        }
        let case = Case::of(self.input.read_one(output)?, &Options::default());
        let advice = Advice::of(&case, &case.verdict());
        match self.format {
            TextOrJson::Json => output.json(&advice)?,
            TextOrJson::Text => text(&advice, output.writer())?,
        }
        Ok(u8::from(!advice.is_empty()))
    }
}

fn text(advice: &Advice, out: &mut dyn Write) -> io::Result<()> {
    if advice.is_empty() {
        return writeln!(out, "Nothing was lacking.");
    }
    writeln!(out, "Lacking")?;
    for gap in &advice.gaps {
        paragraph(out, "  ", &format!("{}: {}", gap.what, gap.consequence))?;
        if let Some(supply) = &gap.supply {
            paragraph(out, "      ", &format!("supplied by: {supply}"))?;
        }
    }
    if !advice.settings.is_empty() {
        writeln!(out, "\nTo set before the next time")?;
        for setting in &advice.settings {
            paragraph(out, "  ", &format!("{}  {}", setting.component, setting.flag))?;
            paragraph(out, "      ", &format!("brings {}", setting.brings))?;
        }
    }
    if advice.audit_policy {
        writeln!(out, "\nadtrace doctor --print-audit-policy > adtrace-policy.yaml")?;
    }
    Ok(())
}

fn paragraph(out: &mut dyn Write, indent: &str, text: &str) -> io::Result<()> {
    let lines = wrap(&clean(text), WIDTH - indent.len());
    lines.iter().try_for_each(|line| writeln!(out, "{indent}{line}"))
}
