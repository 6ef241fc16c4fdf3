use std::process::ExitCode;
fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    match args[1].as_str() {
        "facts" => { let r = adtrace::fact::read(&[args[2].clone().into()], &adtrace::fact::ReadOptions{fold:false,..Default::default()}).unwrap(); adtrace::fact::print(&r, &mut std::io::stdout().lock()).unwrap(); return ExitCode::SUCCESS }
        _ => {}
    }
    match adtrace::analyze(&[args[2].clone().into()], &adtrace::Options::default()) {
        Ok(r) => { println!("{}", serde_json::to_string(&r).unwrap()); ExitCode::from(r.verdict.exit_status()) }
        Err(e) => { eprintln!("{e}"); ExitCode::from(2) }
    }
}
