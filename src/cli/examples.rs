//! Examples that the help of each command ends with.
//!
//! In: nothing. Out: texts for clap. A test parses every line as the shell would hand it over, so that none grows stale.

/// Of the program itself.
pub const ALL: &str = "\
Examples:
  adtrace analyze bundle.tar.gz                     what happened, and what helps
  adtrace analyze logs/ audit.log --format json     the same for a program
  adtrace state bundle.tar.gz --at 10:00:00         what everybody believed then
  adtrace timeline bundle.tar.gz --volume data-0    every change of it, lane by lane
  adtrace why bundle.tar.gz kubelet.log:258         what that line follows from
  adtrace whatif bundle.tar.gz --at 10:00:00        what an act would have done
  adtrace inputs bundle.tar.gz                      what is in there, and how it was understood
  adtrace facts bundle.tar.gz | jq .kind            what was read, one JSON object a line
  adtrace explain --list                            the known ways in which the states part
  adtrace explain status-update-failure-drops-report

Exit status: 0 clean, 1 diverged, 2 could not be done, 3 insufficient evidence.";

pub const ANALYZE: &str = "\
Examples:
  adtrace analyze bundle.tar.gz                     the verdict, why, and what helps
  adtrace analyze kcm.log kubelet.log audit.log     single files, read as one recording
  kubectl logs kcm -n kube-system | adtrace analyze -
  adtrace analyze bundle.tar.gz --html page.html    also a page with the timeline of every volume
  adtrace analyze bundle.tar.gz --redact --format markdown    for a ticket, without your names
  adtrace analyze bundle.tar.gz --format trace > trace.json   for ui.perfetto.dev

Exit status: 0 clean, 1 diverged, 2 could not be done, 3 insufficient evidence.";

pub const STATE: &str = "\
Examples:
  adtrace state bundle.tar.gz --at 10:00:00
  adtrace state bundle.tar.gz --at 2026-11-23T10:00:00.250Z --volume data-0 --node node-1";

pub const TIMELINE: &str = "\
Examples:
  adtrace timeline bundle.tar.gz --volume data-0
  adtrace timeline bundle.tar.gz --node node-1 --format json";

pub const WHY: &str = "\
Examples:
  adtrace why bundle.tar.gz nodes/node-1/kubelet.log:258
  adtrace why bundle.tar.gz kubelet.log:258 --format json";

pub const WHATIF: &str = "\
Examples:
  adtrace whatif bundle.tar.gz                      from the end, for what the report found
  adtrace whatif bundle.tar.gz --divergence D1 --at 10:00:00
  adtrace whatif bundle.tar.gz --action restart-controller --kubernetes-version 1.23.13";

pub const GRAPH: &str = "\
Examples:
  adtrace graph bundle.tar.gz --volume data-0 | dot -Tsvg > causes.svg
  adtrace graph bundle.tar.gz --node node-1 --format mermaid";

pub const CAPTURE: &str = "\
Examples:
  adtrace capture bundle.tar.gz -o incident.adtrace.zst
  adtrace capture bundle.tar.gz --shrink --redact -o incident.adtrace
  adtrace capture bundle.tar.gz --pod app/web-0 --since 2026-11-23T10:00:00Z -o -";

pub const REDACT: &str = "\
Examples:
  adtrace redact bundle.tar.gz -o for-the-vendor
  adtrace redact bundle.tar.gz -o for-the-vendor --key 'a phrase' --mapping names.tsv";

pub const EXPECT: &str = "\
Examples:
  adtrace expect incident.adtrace                   writes incident.expect.yaml
  adtrace expect incident.adtrace --force";

pub const CHECK: &str = "\
Examples:
  adtrace check incidents/
  adtrace check incidents/ --format junit > adtrace.xml
  adtrace check incidents/ --kubernetes-version 1.31";

pub const DIFF: &str = "\
Examples:
  adtrace diff before.adtrace after.adtrace
  adtrace diff monday.tar.gz tuesday.tar.gz --format json";

pub const DOCTOR: &str = "\
Examples:
  adtrace doctor bundle.tar.gz
  adtrace doctor --print-audit-policy > audit-policy.yaml";

pub const FACTS: &str = "\
Examples:
  adtrace facts bundle.tar.gz | jq -r .kind | sort | uniq -c
  adtrace facts bundle.tar.gz > facts.jsonl         for DuckDB: SELECT * FROM 'facts.jsonl'";

pub const INPUTS: &str = "\
Examples:
  adtrace inputs bundle.tar.gz
  adtrace inputs bundle.tar.gz --show-not-understood";

pub const EXPLAIN: &str = "\
Examples:
  adtrace explain --list
  adtrace explain detach-backoff-drops-report-as-attached";

pub const MODEL: &str = "\
Examples:
  adtrace model profile 1.27.6
  adtrace model diff 1.20 1.36
  adtrace model explore --kubernetes-version 1.20.2
  adtrace model verify fixtures/vectors/1.20.2";

pub const COMPLETIONS: &str = "\
Examples:
  adtrace completions bash > ~/.local/share/bash-completion/completions/adtrace
  adtrace completions zsh > ~/.zfunc/_adtrace
  adtrace completions fish > ~/.config/fish/completions/adtrace.fish
  adtrace completions powershell >> $PROFILE";

pub const MAN: &str = "\
Examples:
  adtrace man | man -l -
  adtrace man analyze > adtrace-analyze.1";

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::super::Cli;

    /// An example as the shell hands it over: what stands before a pipe or a redirection, without the words beside it.
    fn arguments(line: &str) -> Vec<String> {
        let line = line
            .rsplit(" | ")
            .find(|part| part.trim().starts_with("adtrace "))
            .expect("a call");
        let call = line.split("    ").next().expect("a call");
        let call = call.split(" >").next().expect("a call");
        let quoted = call.split('\'').enumerate().flat_map(|(at, part)| match at % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        });
        quoted.collect()
    }

    #[test]
    fn every_command_has_examples_that_are_understood() {
        let program = Cli::command();
        for command in program.get_subcommands() {
            let help = command.get_after_help().expect("examples").to_string();
            let calls = help
                .lines()
                .filter(|line| line.contains("adtrace ") && line.starts_with("  "));
            let mut own = 0;
            for line in calls {
                let arguments = arguments(line.trim());
                own += usize::from(arguments.get(1).is_some_and(|name| name == command.get_name()));
                if let Err(refused) = Cli::try_parse_from(&arguments) {
                    panic!("{line}: {refused}");
                }
            }
            assert!(own > 0, "{}", command.get_name());
        }
    }
}
