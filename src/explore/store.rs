//! Worlds as numbers: every part of a world is kept once, and a world is the numbers of its parts.
//!
//! In: a [`World`]. Out: its [`Key`], the same for equal worlds only, or the same for all worlds that differ in names
//! only. A part is renamed once, however many worlds have it; most steps change one part or two, so that millions of
//! worlds are made of thousands of parts.

use std::hash::Hash;

use rustc_hash::FxHashMap;

use super::setup::Setup;
use super::world::{Cluster, NOW, World};
use crate::model::asw::Actual;
use crate::model::dsw::Desired;
use crate::model::operations::Running;
use crate::model::pending::Pending;
use crate::model::{Controller, Names};

/// The numbers of a world's parts.
pub type Key = [u32; 5];

/// The operations under way, and whether the minutely check is due: what is left of a controller whose memories are
/// coarse once its views and its lock are told.
type Rest = (Vec<Running>, bool);

/// The parts of the worlds that were seen.
pub struct Store {
    setup: Setup,
    names: Vec<Names>,
    desired: Parts<Desired>,
    actual: Parts<Actual>,
    pending: Parts<Pending>,
    rest: Parts<Rest>,
    cluster: Parts<Cluster>,
}

impl Store {
    /// Has seen nothing yet.
    #[must_use]
    pub fn new(setup: &Setup) -> Store {
        Store {
            setup: *setup,
            names: setup.renamings(),
            desired: Parts::default(),
            actual: Parts::default(),
            pending: Parts::default(),
            rest: Parts::default(),
            cluster: Parts::default(),
        }
    }

    /// The same for worlds that differ in names only. Memories must be coarse.
    pub fn key(&mut self, world: &World) -> Key {
        let (names, setup, World { controller, cluster }) = (&self.names, &self.setup, world);
        let rest = rest(controller);
        let parts = [
            self.desired.number(&controller.desired, names, Desired::renamed),
            self.actual.number(&controller.actual, names, Actual::renamed),
            self.pending.number(&controller.pending, names, Pending::renamed),
            self.rest.number(&rest, names, renamed),
            self.cluster
                .number(cluster, names, |cluster, names| cluster.renamed(names, setup)),
        ];
        let rows = [
            self.desired.row(parts[0]),
            self.actual.row(parts[1]),
            self.pending.row(parts[2]),
            self.rest.row(parts[3]),
            self.cluster.row(parts[4]),
        ];
        let others = (0..names.len()).map(|at| rows.map(|row| row[at]));
        others.fold(parts, Key::min)
    }
}

fn rest(controller: &Controller) -> Rest {
    (controller.running().to_vec(), controller.check_due(NOW))
}

fn renamed(rest: &Rest, names: &Names) -> Rest {
    let mut running: Vec<Running> = rest.0.iter().map(|run| run.renamed(names)).collect();
    running.sort_by_key(|run| (run.volume(), run.node()));
    (running, rest.1)
}

/// The values of one part, numbered as they are met.
struct Parts<T> {
    numbers: FxHashMap<T, u32>,
    /// By number, the numbers under the other names, once they are asked for.
    rows: Vec<Box<[u32]>>,
}

impl<T> Default for Parts<T> {
    fn default() -> Parts<T> {
        Parts {
            numbers: FxHashMap::default(),
            rows: Vec::new(),
        }
    }
}

impl<T: Clone + Eq + Hash> Parts<T> {
    fn number(&mut self, part: &T, names: &[Names], renamed: impl Fn(&T, &Names) -> T) -> u32 {
        let number = self.plain(part);
        if self.row(number).len() < names.len() {
            let row = names.iter().map(|names| self.plain(&renamed(part, names))).collect();
            self.rows[number as usize] = row;
        }
        number
    }

    fn plain(&mut self, part: &T) -> u32 {
        if let Some(&number) = self.numbers.get(part) {
            return number;
        }
        let number = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        self.numbers.insert(part.clone(), number);
        self.rows.push(Box::default());
        number
    }

    fn row(&self, number: u32) -> &[u32] {
        &self.rows[number as usize]
    }
}
