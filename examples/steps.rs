use adtrace::fact::{self, Name};
use adtrace::graph::cast::Cast;
use adtrace::model::profile::Profile;
use adtrace::replay::{Lives, Replay, Script};
fn main() {
    let path = std::env::args().nth(1).unwrap();
    let version = std::env::args().nth(2).unwrap_or("1.20.2".into());
    let mut reading = fact::read(&[path.into()], &fact::ReadOptions::default()).unwrap();
    let cast = Cast::of(&reading.facts);
    let lives = Lives::of(&reading, &cast);
    let mut order: Vec<u32> = (0..reading.facts.len() as u32).collect();
    order.sort_by_key(|id| (reading.facts[*id as usize].at, reading.facts[*id as usize].source, reading.facts[*id as usize].line));
    let profile = Profile::of(version.parse().unwrap());
    let script = Script { facts: &reading.facts, order: &order, cast: &cast, lives: &lives, profile };
    println!("lives {:?}", lives.controllers);
    println!("window {} {}", lives.window.0, lives.window.1);
    for v in &cast.volumes { println!("volume {v:?}"); }
    for p in &cast.pods { println!("pod {p:?}"); }
    let t=std::time::Instant::now();
    let (run, _) = Replay::new(script).run();
    eprintln!("replayed {} facts in {:?}", reading.facts.len(), t.elapsed());
    let short = |n: &Name| n.chars().rev().take(14).collect::<String>().chars().rev().collect::<String>();
    for (i, s) in run.steps.iter().enumerate() {
        let ev: Vec<String> = s.evidence.iter().map(|f| { let f=&reading.facts[*f as usize]; format!("{}:{}", reading.sources[f.source.0 as usize].path.rsplit('/').next().unwrap(), f.line)}).collect();
        println!("{i:4} {} {:10} {:28} {} {} {} {}{}", &s.at.to_string()[11..26], s.actor.to_string().chars().take(10).collect::<String>(), s.deed.name(), s.volume.map_or(String::new(), |v| short(&cast.info(v).name)), s.node.map_or("", |n| cast.node_name(n)), s.pod.map_or("", |p| &cast.pod_info(p).name), if s.observed {""} else {"INFERRED "}, ev.join(" "));
        for (cell, track) in &run.track { for (at, st) in track { if *at == i as u32 { println!("        = {}@{} want={}/{} ctl={:?} list={:?} rep={:?} va={:?} use={:?} mnt={}", short(&cast.info(cell.0).name), cast.node_name(cell.1), st.desired as u8, st.wished as u8, st.controller, st.to_report, st.reported, st.attachment, st.in_use, st.mounted); } } }
    }
    for u in &run.unexplained { let f=&reading.facts[u.fact as usize]; println!("UNEXPLAINED {} {} {}:{} {}", f.at, f.kind.name(), reading.sources[f.source.0 as usize].path, f.line, u.why); }
    if std::env::args().nth(3).is_some() {
        let mut r = Replay::new(script); let mut n = 0;
        loop { let more = r.advance(); if r.steps() != n { n = r.steps(); for v in 0..cast.volumes.len() { let w = r.world.only(adtrace::graph::cast::Volume(v as u32)); let o = adtrace::diagnose::outlook::ask(&w); println!("LOOK {} v{v} settles={:?} broken={:?}", n-1, o.settles.map(|t| (t - w.now).0/1000000), o.broken); } } if !more {break} }
    }
    let _ = &mut reading;
}
