//! The steps of a world: who can do what, and what comes of it.
//!
//! In: a [`World`]. Out: the [`Step`]s that it can take, and the world after one, with what the controller did and which
//! safety rules broke. Steps take no time; time passes in steps of its own.

use super::around::Chooser;
use super::operate::{give_up, operate, operation};
use super::pass::pass;
use super::rules::{Breach, Rule};
use super::setup::{Fault, Setup};
use super::world::{Health, Move, NOW, Object, World};
use crate::model::outside::Note;
use crate::model::{Cell, NodeId};
use crate::time::Span;

/// How long the controller waits for an attachment to be carried out.
pub const ATTACHER_WAIT: Span = Span::secs(120);
/// Waits longer than this come only where nobody has anything to do.
const SHORT: Span = Span::secs(10);

/// The answer that makes a pass walk in the opposite order.
pub const BACKWARDS: u8 = 1;

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// A pod comes or goes.
    Move(Move),
    /// The reconciler makes a pass; how its patches are answered.
    Pass(Vec<u8>),
    /// The controller's operation on the pair does the next thing: a call, or a look at what came of it.
    Operate(Cell),
    /// The same, and the API refuses the call.
    OperateRefused(Cell),
    /// The operation has waited for 2 min.
    GiveUp(Cell),
    /// The attacher works on the pair's `VolumeAttachment`.
    Attacher(Cell),
    /// The same, and the driver refuses.
    AttacherRefused(Cell),
    /// The driver stops answering for the pair.
    Hang(Cell),
    /// It answers again.
    Answer(Cell),
    /// The kubelet mounts and unmounts.
    Mount(NodeId),
    /// The kubelet writes the node's status.
    Status(NodeId),
    /// The kubelet gets nothing mounted or unmounted any more.
    Stick(NodeId),
    /// The node dies.
    Die(NodeId),
    /// The node works again.
    Recover(NodeId),
    /// The controller's informer stops hearing of the node.
    Lag(NodeId),
    /// It hears of it again.
    CatchUp(NodeId),
    /// The controller's process ends, another starts.
    Restart,
    /// Time passes until a back-off ends.
    Retry,
    /// A minute passes: attachments are to be checked.
    Check,
    /// Time passes until the 6 min timers of the controller are over.
    Timer,
}

impl Step {
    /// Whether it is time that passes, which it does not at every moment.
    #[must_use]
    pub const fn is_wait(&self) -> bool {
        matches!(self, Step::GiveUp(_) | Step::Retry | Step::Check | Step::Timer)
    }
}

/// What the controller did in a step, for the story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A decision or an operation's step.
    Did(Note),
    /// A pod came or went in the middle of it.
    Moved(Move),
}

/// What came of a step.
#[derive(Clone, Debug)]
pub struct After {
    /// The world.
    pub world: World,
    /// What the controller did.
    pub heard: Vec<Heard>,
    /// Safety rules that the step broke.
    pub breaches: Vec<Breach>,
}

/// A step with its outcome, and whether it is one that a party does by itself and at once.
pub struct Taken {
    /// The step.
    pub step: Step,
    /// What came of it.
    pub after: After,
    /// Nobody waits with it: no fault, no event from outside, no passing of time.
    pub prompt: bool,
}

/// Every step that the world can take, with what comes of it.
#[must_use]
pub fn all(world: &World, setup: &Setup) -> Vec<Taken> {
    let mut taken = Vec::new();
    let try_to = |taken: &mut Vec<Taken>, step: Step, prompt| {
        if let Some(after) = take(world, &step, setup) {
            taken.push(Taken { step, after, prompt });
        }
    };
    for step in prompt_steps(setup) {
        try_to(&mut taken, step, true);
    }
    for step in world
        .moves(setup)
        .into_iter()
        .map(Step::Move)
        .chain(faults_and_ends(setup))
    {
        try_to(&mut taken, step, false);
    }
    passes(world, setup, &mut taken);
    let at_rest = taken.iter().all(|taken| !taken.prompt || taken.after.world == *world);
    let mut wait = |step: Step| try_to(&mut taken, step, false);
    let soon = world.controller.until_retry(NOW).is_some_and(|span| span <= SHORT);
    if at_rest || soon {
        wait(Step::Retry);
    }
    if at_rest && !soon {
        wait(Step::Timer);
        wait(Step::Check);
        setup.all_cells().map(Step::GiveUp).for_each(wait);
    }
    taken
}

/// What parties do by themselves and at once, but the pass.
pub fn prompt_steps(setup: &Setup) -> impl Iterator<Item = Step> {
    let cells = setup
        .all_cells()
        .flat_map(|cell| [Step::Operate(cell), Step::Attacher(cell)]);
    let nodes = setup.all_nodes();
    cells.chain(nodes.flat_map(|node| [Step::CatchUp(node), Step::Mount(node), Step::Status(node)]))
}

fn faults_and_ends(setup: &Setup) -> impl Iterator<Item = Step> {
    let cells = setup.all_cells();
    let cells = cells.flat_map(|cell| {
        [
            Step::OperateRefused(cell),
            Step::AttacherRefused(cell),
            Step::Hang(cell),
            Step::Answer(cell),
        ]
    });
    let nodes = setup.all_nodes();
    let nodes = nodes.flat_map(|node| [Step::Lag(node), Step::Stick(node), Step::Die(node), Step::Recover(node)]);
    cells.chain(nodes).chain([Step::Restart])
}

/// A pass with every way in which its patches may be answered. Only the first way is prompt.
fn passes(world: &World, setup: &Setup, taken: &mut Vec<Taken>) {
    let mut answers = Some(Vec::new());
    while let Some(tried) = answers {
        let mut chooser = Chooser::new(&tried);
        let after = looked_at(pass(world, &mut chooser, setup), setup);
        let step = Step::Pass(chooser.answers().to_vec());
        answers = chooser.next();
        let prompt = after.world.cluster.happened == world.cluster.happened;
        taken.push(Taken { step, after, prompt });
    }
}

/// The world after a step of the search, its memories coarse; `None` where the step cannot be taken.
#[must_use]
pub fn take(world: &World, step: &Step, setup: &Setup) -> Option<After> {
    apply(world, step, setup).map(|after| looked_at(after, setup))
}

/// A step's end as the search sees it: memories coarse, and whether two operations run.
fn looked_at(mut after: After, setup: &Setup) -> After {
    after.world.controller.coarsen(NOW);
    two_operations(&mut after, setup);
    after
}

/// Two operations of the controller work on one exclusive volume at the same time.
fn two_operations(after: &mut After, setup: &Setup) {
    let running = after.world.controller.running();
    let others = |at: usize, volume| running.iter().take(at).any(|other| other.volume() == Some(volume));
    let mut second = running.iter().enumerate().filter_map(|(at, run)| {
        let volume = run.volume().filter(|&volume| setup.exclusive && others(at, volume))?;
        Some(Cell::new(volume, run.node()))
    });
    let second = second.next();
    after.breaches.extend(second.map(|cell| Breach {
        rule: Rule::TwoOperations,
        cell,
    }));
}

/// The world after a step; `None` where it cannot be taken.
#[must_use]
pub fn apply(world: &World, step: &Step, setup: &Setup) -> Option<After> {
    if let Step::Pass(answers) = step {
        return Some(pass(world, &mut Chooser::new(answers), setup));
    }
    let fault = fault_of(step);
    if fault.is_some_and(|kind| !world.cluster.allows(kind, setup)) || !may(world, step) {
        return None;
    }
    let mut after = After {
        world: world.clone(),
        heard: Vec::new(),
        breaches: Vec::new(),
    };
    if let Some(kind) = fault {
        after.world.cluster.spend(kind);
    }
    change(&mut after, step, setup).then(|| {
        after.world.deliver_changes(setup);
        after
    })
}

fn fault_of(step: &Step) -> Option<Fault> {
    match step {
        Step::OperateRefused(_) => Some(Fault::ApiCall),
        Step::AttacherRefused(_) => Some(Fault::DriverRefuses),
        Step::Hang(_) => Some(Fault::DriverHangs),
        Step::Stick(_) => Some(Fault::UnmountHangs),
        Step::Die(_) => Some(Fault::NodeDead),
        Step::Lag(_) => Some(Fault::NodeCacheLags),
        Step::Restart => Some(Fault::Restart),
        _ => None,
    }
}

/// Whether there is somebody to take the step, as far as that is told without taking it: most steps are nobody's.
fn may(world: &World, step: &Step) -> bool {
    match *step {
        Step::Operate(cell) | Step::OperateRefused(cell) | Step::GiveUp(cell) => operation(world, cell).is_some(),
        Step::Attacher(cell) | Step::AttacherRefused(cell) => {
            let link = world.cluster.link(cell);
            !link.hangs && matches!(link.object, Object::Asked { .. } | Object::Going { .. })
        }
        Step::Hang(cell) => !world.cluster.link(cell).hangs,
        Step::Answer(cell) => world.cluster.link(cell).hangs,
        Step::Mount(node) => world.cluster.node(node).health == Health::Works,
        Step::Recover(node) => world.cluster.node(node).health != Health::Works,
        Step::CatchUp(node) => world.cluster.node(node).lags,
        _ => true,
    }
}

/// Whether the step could be taken.
fn change(after: &mut After, step: &Step, setup: &Setup) -> bool {
    match *step {
        Step::Pass(_) => false,
        Step::Move(step) => {
            let can = after.world.moves(setup).contains(&step);
            if can {
                after.world.move_pod(step, setup);
            }
            can
        }
        Step::Operate(cell) => operate(after, cell, false, setup),
        Step::OperateRefused(cell) => operate(after, cell, true, setup),
        Step::GiveUp(cell) => give_up(after, cell, setup),
        Step::Attacher(cell) => attacher(after, cell, false, setup),
        Step::AttacherRefused(cell) => attacher(after, cell, true, setup),
        Step::Hang(cell) | Step::Answer(cell) => {
            let link = after.world.cluster.link_mut(cell);
            let hangs = matches!(step, Step::Hang(_));
            let works = matches!(link.object, Object::Asked { .. } | Object::Going { .. });
            let can = link.hangs != hangs && (works || !hangs);
            link.hangs = hangs;
            can
        }
        Step::Mount(node) => mount(after, node, setup),
        Step::Status(node) => status(after, node, setup),
        Step::Stick(node) => turn(after, node, Health::Stuck),
        Step::Die(node) => turn(after, node, Health::Dead),
        Step::Recover(node) => turn(after, node, Health::Works),
        Step::Lag(node) | Step::CatchUp(node) => {
            let node = after.world.cluster.node_mut(node);
            let lags = matches!(step, Step::Lag(_));
            let can = node.lags != lags;
            node.lags = lags;
            can
        }
        Step::Restart => {
            after.world.restart(setup);
            true
        }
        Step::Retry => retry(after),
        Step::Check => check(after),
        Step::Timer => timer(after),
    }
}

fn turn(after: &mut After, node: NodeId, health: Health) -> bool {
    let node = after.world.cluster.node_mut(node);
    let can = (node.health == Health::Works) != (health == Health::Works);
    node.health = health;
    can
}

/// Time passes until a back-off ends. Timers do not notice a short wait: the times of them all together are too many.
fn retry(after: &mut After) -> bool {
    let controller = &mut after.world.controller;
    let span = controller.until_retry(NOW);
    match span {
        Some(span) if span <= SHORT => controller.elapse_backoffs(span, NOW),
        Some(span) => controller.elapse(span, NOW),
        None => {}
    }
    span.is_some()
}

/// Time passes until the check is due.
fn check(after: &mut After) -> bool {
    let controller = &mut after.world.controller;
    let span = controller.until_check(NOW);
    if let Some(span) = span {
        controller.elapse(span, NOW);
    }
    span.is_some()
}

/// Time passes until the 6 min timers are over; checks on the way found nothing, and what backs off for long failed again
/// each time.
fn timer(after: &mut After) -> bool {
    let controller = &mut after.world.controller;
    let runs = controller.until_unmount_timeout(NOW).is_some();
    if let Some(span) = controller.until_retry(NOW) {
        controller.elapse_backoffs(span, NOW);
    }
    controller.elapse_requests(NOW);
    runs
}

/// The kubelet mounts what is wanted, in use by its node's status, and attached; it unmounts what is not wanted.
fn mount(after: &mut After, id: NodeId, setup: &Setup) -> bool {
    let cluster = &mut after.world.cluster;
    let node = *cluster.node(id);
    if node.health != Health::Works {
        return false;
    }
    let wanted = cluster.wanted_on(id, setup);
    for volume in setup.all_volumes() {
        let attached = cluster.link(Cell::new(volume, id)).object == Object::Attached;
        let may = node.mounted.has(volume) || (node.in_use.has(volume) && node.attached.has(volume) && attached);
        cluster.node_mut(id).mounted.set(volume, wanted.has(volume) && may);
    }
    cluster.node(id).mounted != node.mounted
}

/// The kubelet writes what it wants and has; the controller hears of the node even where nothing changed, since idle
/// kubelets write every few minutes.
fn status(after: &mut After, id: NodeId, setup: &Setup) -> bool {
    let cluster = &mut after.world.cluster;
    if cluster.node(id).health == Health::Dead {
        return false;
    }
    let wanted = cluster.wanted_on(id, setup);
    let node = cluster.node_mut(id);
    node.in_use = wanted.or(node.mounted);
    after.world.deliver(id);
    true
}

/// The attacher carries out what the `VolumeAttachment` asks for, unless the driver hangs. A driver never gives an
/// exclusive volume to a second node.
fn attacher(after: &mut After, cell: Cell, refuses: bool, setup: &Setup) -> bool {
    let cluster = &mut after.world.cluster;
    let link = cluster.link(cell);
    if link.hangs {
        return false;
    }
    let taken = cluster.elsewhere(cell, setup, |link| link.back_end);
    let lost = cluster.node(cell.node).mounted.has(cell.volume) && cluster.node(cell.node).health != Health::Dead;
    let link = cluster.link_mut(cell);
    match link.object {
        Object::Asked { .. } if refuses || taken => link.object = Object::Asked { error: true },
        Object::Asked { .. } => (link.object, link.back_end) = (Object::Attached, true),
        Object::Going { attached, .. } if refuses => link.object = Object::Going { attached, error: true },
        Object::Going { .. } => {
            (link.object, link.back_end) = (Object::None, false);
            if lost {
                after.breaches.push(Breach {
                    rule: Rule::DetachedWhileMounted,
                    cell,
                });
            }
        }
        Object::None | Object::Attached => return false,
    }
    true
}
