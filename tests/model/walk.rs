//! A random walk through a small world, faults and restarts included.

use adtrace::explore::search::start;
use adtrace::explore::step::{After, Step, apply};
use adtrace::explore::world::World;
use adtrace::explore::{Fault, Faults, Setup};
use adtrace::model::{Cell, NodeId, Profile, VolumeId};

use super::dice::Dice;

/// Three nodes, two volumes, three pods, any fault at any time.
pub fn wide(version: &str, exclusive: bool) -> Setup {
    Setup {
        nodes: 3,
        volumes: 2,
        pods: 3,
        exclusive,
        faults: 1,
        kinds: Faults::of(&Fault::ALL),
        ..Setup::of(Profile::of(version.parse().unwrap()))
    }
}

pub fn cells(setup: &Setup) -> Vec<Cell> {
    let volumes = (0..u32::from(setup.volumes)).map(VolumeId);
    let cell = |volume| (0..u32::from(setup.nodes)).map(move |node| Cell::new(volume, NodeId(node)));
    volumes.flat_map(cell).collect()
}

/// A walk in progress.
pub struct Walk {
    pub setup: Setup,
    pub world: World,
    dice: Dice,
}

impl Walk {
    pub fn new(setup: Setup, seed: u64) -> Walk {
        Walk {
            setup,
            world: start(&setup),
            dice: Dice::new(seed),
        }
    }

    /// Takes one step, whichever the dice say and the world can take.
    pub fn go(&mut self) -> (Step, World, After) {
        loop {
            // Faults never run out, but one step has one only.
            self.world.cluster.budget = 1;
            let step = self.any();
            if let Some(after) = apply(&self.world, &step, &self.setup) {
                let before = std::mem::replace(&mut self.world, after.world.clone());
                return (step, before, after);
            }
        }
    }

    fn any(&mut self) -> Step {
        let cells = cells(&self.setup);
        let cell = cells[self.dice.of(cells.len())];
        let node = NodeId(u32::try_from(self.dice.of(usize::from(self.setup.nodes))).unwrap());
        match self.dice.of(100) {
            0..30 => Step::Pass((0..6).map(|_| self.answer()).collect()),
            30..50 => Step::Operate(cell),
            50..62 => Step::Attacher(cell),
            62..68 => Step::Mount(node),
            68..76 => Step::Status(node),
            76..82 => {
                let moves = self.world.moves(&self.setup);
                // Where all nodes are dead no pod can come.
                moves
                    .get(self.dice.of(moves.len().max(1)))
                    .map_or(Step::Recover(node), |step| Step::Move(*step))
            }
            82..87 => Step::Retry,
            87..88 => [Step::Check, Step::Timer][self.dice.of(2)].clone(),
            88..89 => Step::GiveUp(cell),
            89..91 => Step::OperateRefused(cell),
            91..93 => Step::AttacherRefused(cell),
            93..94 => Step::Hang(cell),
            94..95 => Step::Answer(cell),
            95..96 => [Step::Stick(node), Step::Die(node)][self.dice.of(2)].clone(),
            96..97 => Step::Recover(node),
            97..98 => Step::Lag(node),
            98..99 => Step::CatchUp(node),
            _ if self.dice.of(10) == 0 => Step::Restart,
            _ => Step::Status(node),
        }
    }

    /// Mostly the first answer: nothing is wrong.
    fn answer(&mut self) -> u8 {
        u8::try_from(self.dice.of(40)).map_or(0, |rolled| if rolled < 6 { rolled } else { 0 })
    }
}
