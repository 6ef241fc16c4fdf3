//! `adtrace explain`: the page of a mechanism, or the table of all.

use clap::{Args, ValueEnum};

use super::error::CliError;
use super::output::Output;
use crate::diagnose::catalogue::{self, Mechanism, Page};

/// Explain a known way in which the states part: what it is, who is affected, what heals it
#[derive(Debug, Args)]
pub struct Explain {
    /// Name of the mechanism, as a report gives it
    #[arg(value_name = "NAME", required_unless_present = "list")]
    name: Option<String>,
    /// List all mechanisms
    #[arg(long, conflicts_with = "name")]
    list: bool,
    /// Form of the output
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Format {
    /// Text for people
    #[default]
    Text,
    /// JSON: an object for one mechanism, a list for all
    Json,
}

impl Explain {
    pub fn run(&self, output: &mut Output) -> Result<u8, CliError> {
        let out = output.writer();
        match (&self.name, self.format) {
            (None, Format::Text) => out.write_all(catalogue::list().as_bytes())?,
            (None, Format::Json) => {
                let pages: Vec<Page> = catalogue::all().map(Page::from).collect();
                writeln!(
                    out,
                    "{}",
                    serde_json::to_string_pretty(&pages).map_err(std::io::Error::from)?
                )?;
            }
            (Some(name), Format::Text) => out.write_all(catalogue::page(row(name)?).as_bytes())?,
            (Some(name), Format::Json) => {
                let page = Page::from(row(name)?);
                writeln!(
                    out,
                    "{}",
                    serde_json::to_string_pretty(&page).map_err(std::io::Error::from)?
                )?;
            }
        }
        Ok(0)
    }
}

fn row(name: &str) -> Result<&'static Mechanism, CliError> {
    catalogue::find(name).ok_or_else(|| CliError::NoSuchMechanism {
        name: name.to_owned(),
        similar: catalogue::similar(name),
    })
}
