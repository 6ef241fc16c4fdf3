//! A run to its findings: where the states parted for good, where data was at risk, and who merely waits.
//!
//! In: a replayed run. Out: [`Findings`]. The verdict comes out of the replay: the model is asked along the run whether
//! the states would come to agree if it were left alone ([`outlook`]); where they would not, the story is read off the
//! steps ([`story`]) and the catalogue names it ([`name`]). Knows no output format but the report's types ([`tell`]).

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use crate::fact::{Detail, Kind, SourceId};
use crate::graph::cast::Volume;
use crate::model::world::board::all_of;
use crate::model::world::{CellState, Va, World};
use crate::replay::{Cell, Deed, FactId, Replay, Run, Script, StepId};
use crate::time::{Span, Time};

pub mod catalogue;
pub mod coverage;
mod history;
mod late;
pub mod name;
pub mod outlook;
mod rival;
pub mod safety;
pub mod story;
pub mod tell;
pub mod waits;

use outlook::{Broken, Outlook};
use story::Story;
use waits::Waiting;

/// A wish may stay unmet that long before anybody asks why.
const PATIENCE: Span = Span::secs(12);

/// What a divergence means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Harm {
    /// It came back by itself, later than the machinery's own bounds allow.
    Slow,
    /// It does not come back by itself.
    Stuck,
    /// Data was at risk.
    Unsafe,
}

/// One divergence.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Where.
    pub cell: Cell,
    /// What it means.
    pub harm: Harm,
    /// The rule that stays broken; none where data was at risk all the same.
    pub rule: Option<Broken>,
    /// Its name in the catalogue.
    pub mechanism: &'static str,
    /// Operation, trigger, symptom and what lies between.
    pub story: Story,
    /// From when on.
    pub since: Time,
    /// When the states agreed again.
    pub until: Option<Time>,
    /// Whether a part of what led here was not recorded.
    pub is_torn: bool,
}

/// All that a run tells.
#[derive(Debug, Default)]
pub struct Findings {
    /// Divergences in causal order.
    pub divergences: Vec<Finding>,
    /// Waits.
    pub waits: Vec<Waiting>,
    /// Pairs whose wish stays unmet to the end for no reason that was recorded.
    pub riddles: Vec<Cell>,
    /// The first fact that shows that the API server's history was replaced by an older one.
    pub replaced: Option<FactId>,
}

impl Findings {
    /// Whether a pod waits to the end for a reason that nothing recorded tells: that is not well, whatever it is.
    #[must_use]
    pub fn leaves_riddle(&self) -> bool {
        !self.riddles.is_empty()
    }
}

/// Reads a run.
#[must_use]
pub fn diagnose(script: &Script, run: &Run, end: &World) -> Findings {
    let replaced = history::set_back(script.facts);
    // What was before a jump and what is after it belong to two histories.
    let divergences = if replaced.is_some() {
        Vec::new()
    } else {
        divergences(script, run, end)
    };
    let waits = waits::of(script, run, &divergences);
    let mut findings = Findings {
        divergences,
        waits,
        riddles: Vec::new(),
        replaced,
    };
    findings.riddles = riddles(run, &findings);
    findings
}

/// The divergences of a run, in causal order.
fn divergences(script: &Script, run: &Run, end: &World) -> Vec<Finding> {
    let suspects = suspects(run);
    let prospects = look_ahead(script, run, &suspects);
    let exclusive = |volume: Volume| end.is_exclusive(volume);
    let mut divergences = Vec::new();
    for (volume, looks) in &prospects {
        divergences.extend(dead(script, run, end, *volume, looks));
    }
    for breach in safety::breaches(run, script.lives, &exclusive) {
        add_breach(run, end, &breach, &mut divergences);
    }
    divergences.extend(late::all(run).iter().map(|late| slow(run, end, late)));
    for finding in &mut divergences {
        finding.is_torn = is_torn(script, run, finding);
    }
    divergences.retain(|finding| !is_passing(finding) && (!finding.is_torn || holds_out(script, run, finding)));
    divergences.sort_by_key(|finding| (finding.since, finding.cell));
    divergences
}

/// Whether a part of the history behind a finding is missing: lines that others must have followed, of any volume, or
/// the audit log or the controller's log of a time at which something happened to this one.
fn is_torn(script: &Script, run: &Run, finding: &Finding) -> bool {
    let volume = finding.cell.0;
    let harmed = finding.story.trigger.unwrap_or(finding.story.operation);
    let steps = run.back_from(harmed.max(finding.story.operation));
    let mut about = steps.filter(|(_, step)| step.volume == Some(volume));
    // Where lines of other volumes are missing, those of this one may be.
    !run.holes.is_empty() || about.any(|(_, step)| !script.lives.tells_of(step.at))
}

/// Whether it was over before anybody would have asked: what heals so soon was on its way, and not stuck.
fn is_passing(finding: &Finding) -> bool {
    let lasted = finding.until.map(|until| until - finding.since);
    finding.harm == Harm::Stuck && lasted.is_some_and(|lasted| lasted < PATIENCE)
}

/// Whether a finding on a volume with a gap in its history is worth a word all the same: somebody suffers to the end,
/// and a party's own words show the rule that is broken.
fn holds_out(script: &Script, run: &Run, finding: &Finding) -> bool {
    let (volume, node) = finding.cell;
    let after = run.steps.iter().skip(finding.story.operation as usize);
    let mut about = after.filter(|step| step.volume == Some(volume));
    let said = match finding.rule {
        Some(Broken::Unreported | Broken::ReportLost) => {
            about.any(|step| step.deed == Deed::VerifyFailed && step.node == Some(node))
        }
        Some(Broken::AttachmentForgotten) => {
            let track = run.track.get(&finding.cell).and_then(|track| track.last());
            let is_there = track.is_none_or(|(_, state)| state.attachment != Va::None);
            is_there
                && !is_gone(script, finding)
                && about.any(|step| matches!(step.deed, Deed::MultiAttach | Deed::AttachFailed | Deed::VaAttachError))
        }
        Some(Broken::AttachmentGone) => about.any(|step| step.deed == Deed::MountFailed && step.node == Some(node)),
        Some(Broken::BackEndForgotten) => {
            about.any(|step| matches!(step.deed, Deed::AttachFailed | Deed::VaAttachError))
        }
        Some(Broken::NotDesired | Broken::DetachNotAsked | Broken::MachineReplaced) => true,
        Some(Broken::WantedInVain | Broken::AttachNotAsked) | None => false,
    };
    finding.until.is_none() && finding.story.symptom.is_some() && finding.harm == Harm::Stuck && said
}

/// Whether somebody listed the `VolumeAttachment`s in the end, and this pair's was not among them, or was a later one.
fn is_gone(script: &Script, finding: &Finding) -> bool {
    let mut listed: BTreeMap<SourceId, Vec<bool>> = BTreeMap::new();
    for fact in script.facts.iter().filter(|fact| fact.kind == Kind::VaSeen) {
        let cell = (script.cast.volume(fact), script.cast.node(fact));
        let created = match &fact.detail {
            Detail::Attachment(detail) => detail.created,
            _ => None,
        };
        let is_later = created.is_some_and(|created| created > finding.since);
        let is_this = cell == (Some(finding.cell.0), Some(finding.cell.1)) && !is_later;
        listed.entry(fact.source).or_default().push(is_this);
    }
    // One alone may be all that was asked for.
    listed.values().any(|all| all.len() > 1) && !listed.values().flatten().any(|is_this| *is_this)
}

/// Pairs whose wish stays unmet to the end although nothing that was recorded explains it.
fn riddles(run: &Run, findings: &Findings) -> Vec<Cell> {
    let end = run.steps.last().map_or(Time::MIN, |step| step.at);
    let unmet = |track: &[(StepId, CellState)]| {
        let waits = |(_, state): &&(StepId, CellState)| state.wished && !state.mounted;
        let lasting = track.iter().rev().take_while(waits).last();
        let parted = track.last().is_some_and(|(_, state)| !state.agrees());
        parted && lasting.is_some_and(|(from, _)| end - run.at(*from) > PATIENCE)
    };
    let told = |cell: Cell| {
        findings.divergences.iter().any(|finding| finding.cell.0 == cell.0)
            || findings.waits.iter().any(|wait| wait.cell.0 == cell.0)
    };
    let cells = run.track.iter().filter(|(cell, track)| unmet(track) && !told(**cell));
    cells.map(|(cell, _)| *cell).collect()
}

/// Volumes about which the model has to be asked: their states differ at the end, a wish stayed unmet for long, or a
/// step was taken that no party's rules mend.
fn suspects(run: &Run) -> BTreeSet<Volume> {
    let mut suspects = BTreeSet::new();
    for (cell, track) in &run.track {
        if track.last().is_some_and(|(_, state)| !state.agrees()) || waited_long(run, track) {
            suspects.insert(cell.0);
        }
    }
    for step in &run.steps {
        let odd = matches!(
            step.deed,
            Deed::DetachRefused
                | Deed::DetachSkipped
                | Deed::ReportForgotten
                | Deed::ReportPatchEmpty
                | Deed::ReportEdited
                | Deed::VaDeletedByHand
                | Deed::VaStripped
                | Deed::SyncSkipped
        );
        if odd {
            suspects.extend(step.volume);
        }
    }
    suspects
}

/// Whether a wish on this pair stayed unmet for longer than the machinery needs.
fn waited_long(run: &Run, track: &[(StepId, CellState)]) -> bool {
    let mut since: Option<Time> = None;
    for (id, state) in track {
        match (state.wished && !state.mounted, since) {
            (true, None) => since = Some(run.at(*id)),
            (false, Some(from)) => {
                if run.at(*id) - from > PATIENCE {
                    return true;
                }
                since = None;
            }
            _ => {}
        }
    }
    let end = run.steps.last().map_or(Time::MIN, |step| step.at);
    since.is_some_and(|from| end - from > PATIENCE)
}

/// The model's outlook after every step that moved one of the suspects.
fn look_ahead(script: &Script, run: &Run, suspects: &BTreeSet<Volume>) -> BTreeMap<Volume, Vec<(StepId, Outlook)>> {
    if suspects.is_empty() {
        // Nothing to ask: no second replay.
        return BTreeMap::new();
    }
    let mut moved: BTreeMap<StepId, BTreeSet<Volume>> = BTreeMap::new();
    for (cell, track) in run.track.iter().filter(|(cell, _)| suspects.contains(&cell.0)) {
        for (id, _) in track {
            moved.entry(*id).or_default().insert(cell.0);
        }
    }
    for (index, step) in run.steps.iter().enumerate() {
        let broad = step.volume.is_none() && matches!(step.deed, Deed::ControllerStarted | Deed::ControllerStopped);
        let late = matches!(
            step.deed,
            Deed::VaAttachError
                | Deed::VaDetachError
                | Deed::DetachFailed
                | Deed::AttachFailed
                | Deed::MountFailed
                | Deed::SyncSkipped
        );
        let id = StepId::try_from(index).unwrap_or(StepId::MAX);
        if broad {
            moved.entry(id).or_default().extend(suspects.iter().copied());
        } else if late && step.volume.is_some_and(|volume| suspects.contains(&volume)) {
            moved.entry(id).or_default().extend(step.volume);
        }
    }
    let mut prospects = Prospects::default();
    let mut replay = Replay::new(*script);
    let mut seen = replay.steps();
    loop {
        let more = replay.advance();
        let now = replay.steps();
        let volumes: BTreeSet<Volume> = (seen..now)
            .filter_map(|index| moved.get(&StepId::try_from(index).ok()?))
            .flatten()
            .copied()
            .collect();
        let step = now.checked_sub(1).and_then(|index| StepId::try_from(index).ok());
        if let Some(step) = step {
            for volume in volumes {
                prospects.look(volume, step, replay.world.only(volume, &[]));
            }
        }
        seen = now;
        if !more {
            break;
        }
    }
    prospects.answers()
}

/// Questions that are asked at the same time.
const AT_ONCE: usize = 256;

/// Looks ahead that are to come, and those that were taken.
#[derive(Default)]
struct Prospects {
    /// The step, and the world that is new then; `None` where it is as at the look before.
    asked: Vec<(Volume, StepId, Option<World>)>,
    /// The last world of each volume.
    last: BTreeMap<Volume, World>,
    answered: BTreeMap<Volume, Vec<(StepId, Outlook)>>,
}

impl Prospects {
    fn look(&mut self, volume: Volume, step: StepId, world: World) {
        let same = self
            .last
            .get(&volume)
            .is_some_and(|before| before.same_but_time(&world));
        self.asked.push((volume, step, (!same).then(|| world.clone())));
        self.last.insert(volume, world);
        if self.asked.len() >= AT_ONCE {
            self.answer();
        }
    }

    fn answer(&mut self) {
        let asked = std::mem::take(&mut self.asked).into_par_iter();
        let answers: Vec<(Volume, StepId, Option<Outlook>)> = asked
            .map(|(volume, step, world)| (volume, step, world.map(outlook::ask)))
            .collect();
        for (volume, step, outlook) in answers {
            let looks = self.answered.entry(volume).or_default();
            let outlook = outlook.or_else(|| looks.last().map(|(_, before)| before.clone()));
            looks.extend(outlook.map(|outlook| (step, outlook)));
        }
    }

    fn answers(mut self) -> BTreeMap<Volume, Vec<(StepId, Outlook)>> {
        self.answer();
        self.answered
    }
}

/// A rule that stayed broken from one look on, and until when.
struct Spell {
    rule: Broken,
    cell: Cell,
    from: StepId,
    to: StepId,
}

/// Dead disagreements of one volume.
fn dead(script: &Script, run: &Run, end: &World, volume: Volume, looks: &[(StepId, Outlook)]) -> Vec<Finding> {
    let mut spells: Vec<Spell> = Vec::new();
    for (step, outlook) in looks {
        for (of, node, rule) in &outlook.broken {
            let cell = (*of, *node);
            // The same wish in the same place: one spell, even if another rule is broken beside it or between.
            let open = spells
                .iter_mut()
                .rev()
                .find(|spell| spell.cell == cell && !agreed_between(run, volume, spell.to, *step));
            match open {
                Some(spell) => spell.to = *step,
                None => spells.push(Spell {
                    rule: *rule,
                    cell,
                    from: *step,
                    to: *step,
                }),
            }
        }
    }
    let mut found: Vec<Finding> = Vec::new();
    for spell in spells {
        let story = story::of(run, spell.cell, spell.rule, spell.from);
        let mechanism = name::of(run, script.profile, spell.cell, spell.rule, &story);
        let since = run.at(story.trigger.unwrap_or(story.operation).min(spell.from));
        // What a report lacks is mended once the states agree there, whatever else is left over.
        let of_report = matches!(spell.rule, Broken::NotDesired | Broken::Unreported | Broken::ReportLost);
        let until = if of_report {
            agreed_here(run, spell.cell, spell.to)
        } else {
            agreed_after(run, volume, spell.to, end)
        };
        if found.iter().any(|other| {
            other.story.operation == story.operation
                || other.cell.0 == volume && other.mechanism == mechanism && other.until == until
        }) {
            continue;
        }
        found.push(Finding {
            cell: spell.cell,
            harm: Harm::Stuck,
            rule: Some(spell.rule),
            mechanism,
            story,
            since,
            until,
            is_torn: false,
        });
    }
    found
}

/// Whether all pairs of a volume agreed at some moment between two steps.
fn agreed_between(run: &Run, volume: Volume, from: StepId, to: StepId) -> bool {
    (from + 1..to).any(|step| agrees_at(run, volume, step))
}

fn agrees_at(run: &Run, volume: Volume, step: StepId) -> bool {
    let cells = run.track.range(all_of(volume));
    cells
        .map(|(cell, _)| run.state_at(*cell, step))
        .all(|state| state.is_none_or(|state| state.agrees()))
}

/// When the states of a volume agree again after a step, for the rest of the recording or until somebody wants
/// something new; never, if at the given end the back-end still holds what it should not.
fn agreed_after(run: &Run, volume: Volume, from: StepId, end: &World) -> Option<Time> {
    let last = StepId::try_from(run.steps.len()).unwrap_or(StepId::MAX);
    if orphan(end, volume) {
        return None;
    }
    (from + 1..last)
        .find(|step| agrees_at(run, volume, *step))
        .map(|step| run.at(step))
}

/// When the states of one pair agree again after a step.
fn agreed_here(run: &Run, cell: Cell, from: StepId) -> Option<Time> {
    let track = run.track.get(&cell)?;
    let mut later = track.iter().filter(|(step, _)| *step > from);
    later.find(|(_, state)| state.agrees()).map(|(step, _)| run.at(*step))
}

/// Whether the back-end holds an exclusive volume where no `VolumeAttachment` says so, when the recording ends.
fn orphan(end: &World, volume: Volume) -> bool {
    let forgotten = |pair: &Cell| pair.0 == volume && !end.board.attachments.contains_key(pair);
    end.is_exclusive(volume) && end.driver.attached.iter().any(forgotten)
}

/// A broken bound as a finding.
fn slow(run: &Run, end: &World, late: &late::Late) -> Finding {
    Finding {
        cell: late.cell,
        harm: Harm::Slow,
        rule: None,
        mechanism: late.mechanism,
        story: story::tell(run, late.cell, late.operation, None),
        since: run.at(late.operation),
        until: agreed_after(run, late.cell.0, late.ended, end),
        is_torn: false,
    }
}

/// A breach of safety joins the divergence that it is part of, or stands for itself.
fn add_breach(run: &Run, end: &World, breach: &safety::Breach, found: &mut Vec<Finding>) {
    let volume = breach.cell.0;
    let same = found.iter_mut().find(|finding| {
        let part = finding.story.operation == breach.operation || finding.mechanism == breach.mechanism;
        let forgotten = breach.mechanism == "uncertain-volume-does-not-block-other-node";
        finding.cell.0 == volume && (part || forgotten)
    });
    if let Some(finding) = same {
        if finding.mechanism == breach.mechanism {
            finding.harm = Harm::Unsafe;
        }
        return;
    }
    let story = story::tell(run, breach.cell, breach.operation, breach.trigger);
    let since = run.at(breach.operation);
    let until = agreed_after(run, volume, breach.trigger.unwrap_or(breach.operation), end);
    found.push(Finding {
        cell: breach.cell,
        harm: Harm::Unsafe,
        rule: None,
        mechanism: breach.mechanism,
        story,
        since,
        until,
        is_torn: false,
    });
}
