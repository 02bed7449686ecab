//! Random configurations and random edits of them. Whatever they are: a plan is performed as it was shown, planning
//! again finds nothing to do, every object stands once, and nobody goes before those who stand on it.
//!
//! `FORMWORK_FUZZ_PROGRAMS` says how many programs; a failure names the seed, and `FORMWORK_FUZZ_SEED` repeats it.

use crate::world::{World, block, expected_objects, text};
use formwork_engine::run;
use formwork_engine::{Action, Plan, RunMode, Work};
use formwork_provider_sim::calls;
use formwork_state::{Address, Key, ObjectKey, Record};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

const PROGRAMS: u64 = 200;
const EDITS_PER_PROGRAM: u32 = 5;
const BLOCKS_AT_MOST: usize = 8;

/// A small generator: the same seed gives the same program on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit.max(1)
    }

    fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap()
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repeat {
    Single,
    Count(u64),
    Keys(u64),
}

/// One resource block; its number stays, its name changes when it is moved.
#[derive(Debug, Clone)]
struct Block {
    number: usize,
    generation: u32,
    is_volume: bool,
    repeat: Repeat,
    literal: u64,
    trigger: u64,
    reads: BTreeSet<usize>,
    waits_for: BTreeSet<usize>,
    through_local: bool,
    create_before_destroy: bool,
}

impl Block {
    fn new(number: usize, random: &mut Random, earlier: &[Block]) -> Self {
        let mut block = Self {
            number,
            generation: 0,
            is_volume: random.one_in(2),
            repeat: repeat(random),
            literal: random.below(4),
            trigger: random.below(3),
            reads: BTreeSet::new(),
            waits_for: BTreeSet::new(),
            through_local: random.one_in(3),
            create_before_destroy: random.one_in(4),
        };
        for _ in 0..random.below(3) {
            if let Some(read) = pick(random, earlier) {
                block.reads.insert(read);
            }
        }
        if random.one_in(4)
            && let Some(read) = pick(random, earlier)
        {
            block.waits_for.insert(read);
        }
        block
    }

    fn name(&self) -> String {
        let kind = if self.is_volume { "sim_volume" } else { "terraform_data" };
        format!("{kind}.r{}_{}", self.number, self.generation)
    }

    /// The ids of all instances as one text.
    fn ids(&self) -> String {
        let name = self.name();
        match self.repeat {
            Repeat::Single => format!("{name}.id"),
            Repeat::Count(_) => format!("join(\",\", {name}[*].id)"),
            Repeat::Keys(_) => format!("join(\",\", values({name})[*].id)"),
        }
    }

    fn text(&self, program: &Program) -> String {
        let (kind, name) = self.name().split_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        let mut out = format!("resource \"{kind}\" \"{name}\" {{\n");
        let key = match self.repeat {
            Repeat::Single => "",
            Repeat::Count(count) => {
                let _ = writeln!(out, "  count = {count}");
                "${count.index}"
            }
            Repeat::Keys(bits) => {
                let keys: Vec<String> =
                    (0..3).filter(|bit| bits & (1 << bit) != 0).map(|bit| format!("\"k{bit}\"")).collect();
                let _ = writeln!(out, "  for_each = toset([{}])", keys.join(", "));
                "${each.key}"
            }
        };
        let reads: Vec<String> = self
            .reads
            .iter()
            .map(|read| {
                let target = program.block(*read);
                match (self.repeat, target.repeat) {
                    (Repeat::Count(own), Repeat::Count(other)) if own <= other => {
                        format!("{}[count.index].id", target.name())
                    }
                    _ if target.through_local => format!("local.l{read}"),
                    _ => target.ids(),
                }
            })
            .collect();
        let read = format!("${{substr(sha1(join(\",\", [{}])), 0, 6)}}", reads.join(", "));
        if self.is_volume {
            let _ = writeln!(out, "  name = \"v{}-{key}-{}-{read}\"", self.number, self.literal);
            let _ = writeln!(out, "  size_gb = 1");
            let class = ["hdd", "ssd", "nvme"][usize::try_from(self.trigger).unwrap()];
            let _ = writeln!(out, "  class = \"{class}\"");
        } else {
            let _ = writeln!(out, "  input = \"{key}-{}-{read}\"", self.literal);
            let _ = writeln!(out, "  triggers_replace = \"{}\"", self.trigger);
        }
        if !self.waits_for.is_empty() {
            let names: Vec<String> = self.waits_for.iter().map(|read| program.block(*read).name()).collect();
            let _ = writeln!(out, "  depends_on = [{}]", names.join(", "));
        }
        if self.create_before_destroy {
            out.push_str("  lifecycle {\n    create_before_destroy = true\n  }\n");
        }
        out.push_str("}\n");
        out
    }
}

fn repeat(random: &mut Random) -> Repeat {
    match random.below(4) {
        0 | 1 => Repeat::Single,
        2 => Repeat::Count(random.below(4)),
        _ => Repeat::Keys(random.below(8)),
    }
}

fn pick(random: &mut Random, blocks: &[Block]) -> Option<usize> {
    (!blocks.is_empty()).then(|| blocks[random.index(blocks.len())].number)
}

/// A configuration.
#[derive(Debug, Clone, Default)]
struct Program {
    blocks: Vec<Block>,
    /// From and to, as written.
    moved: Vec<(String, String)>,
    forgotten: Vec<String>,
    next: usize,
}

impl Program {
    fn block(&self, number: usize) -> &Block {
        self.blocks.iter().find(|block| block.number == number).unwrap()
    }

    fn add(&mut self, random: &mut Random) {
        let block = Block::new(self.next, random, &self.blocks);
        self.next += 1;
        self.blocks.push(block);
    }

    fn text(&self) -> String {
        let mut out = String::from(
            "terraform {\n  required_providers {\n    sim = { source = \"formwork/sim\" }\n  }\n}\nprovider \"sim\" {}\n",
        );
        for block in &self.blocks {
            let _ = writeln!(out, "locals {{\n  l{} = {}\n}}", block.number, block.ids());
            out.push_str(&block.text(self));
        }
        for (from, to) in &self.moved {
            let _ = writeln!(out, "moved {{\n  from = {from}\n  to = {to}\n}}");
        }
        for from in &self.forgotten {
            let _ =
                writeln!(out, "removed {{\n  from = {from}\n  lifecycle {{\n    destroy = false\n  }}\n}}");
        }
        out
    }

    fn edit(&mut self, random: &mut Random) {
        if self.blocks.is_empty() || (self.blocks.len() < BLOCKS_AT_MOST && random.one_in(5)) {
            self.add(random);
            return;
        }
        let at = random.index(self.blocks.len());
        let earlier = self.blocks[..at].to_vec();
        let block = &mut self.blocks[at];
        match random.below(9) {
            0 => block.literal += 1,
            1 | 2 => block.trigger = (block.trigger + 1) % 3,
            3 => {
                block.create_before_destroy = !block.create_before_destroy;
                block.literal += 1;
            }
            4 => block.repeat = repeat(random),
            5 => {
                block.literal += 1;
                block.reads = pick(random, &earlier).into_iter().collect();
                block.waits_for = pick(random, &earlier).into_iter().collect();
            }
            6 => self.rename(at),
            7 => {
                let name = self.remove(at);
                if random.one_in(2) {
                    self.forgotten.push(name);
                }
            }
            _ => {
                self.remove(at);
            }
        }
    }

    fn rename(&mut self, at: usize) {
        let from = self.blocks[at].name();
        self.blocks[at].generation += 1;
        self.moved.push((from, self.blocks[at].name()));
    }

    fn remove(&mut self, at: usize) -> String {
        let gone = self.blocks.remove(at);
        for block in &mut self.blocks {
            block.reads.remove(&gone.number);
            block.waits_for.remove(&gone.number);
        }
        // A move to what is no longer there would only confuse those who read the failure.
        let prefix = format!(".r{}_", gone.number);
        self.moved.retain(|(_, to)| !to.contains(&prefix));
        gone.name()
    }
}

/// The number of a block by its address.
fn number(address: &Address) -> usize {
    let name = address.name();
    name.trim_start_matches('r').split('_').next().unwrap().parse().unwrap()
}

/// Steps that must be finished before each step, through whatever lies between.
fn before(plan: &Plan) -> Vec<BTreeSet<u32>> {
    let mut all: Vec<BTreeSet<u32>> = Vec::with_capacity(plan.steps.len());
    for step in &plan.steps {
        let mut own: BTreeSet<u32> = step.after.iter().copied().collect();
        for earlier in &step.after {
            own.extend(all[*earlier as usize].iter().copied());
        }
        all.push(own);
    }
    all
}

fn check_order(plan: &Plan, old: &Program, new: &Program) {
    let before = before(plan);
    let mut makes: Vec<(u32, &Address)> = Vec::new();
    let mut unmakes: Vec<(u32, &Address)> = Vec::new();
    for step in &plan.steps {
        let Some(change) = step.work.change() else { continue };
        let address = &plan.changes[change as usize].address;
        match step.work {
            Work::Create { .. } | Work::Update { .. } => makes.push((step.id, address)),
            Work::Delete { .. } => unmakes.push((step.id, address)),
            _ => {}
        }
    }
    let concerns = |program: &Program, reader: &Address, read: &Address| {
        let Some(block) = program.blocks.iter().find(|block| block.number == number(reader)) else {
            return false;
        };
        let Some(target) = program.blocks.iter().find(|block| block.number == number(read)) else {
            return false;
        };
        let is_by_index = matches!((block.repeat, target.repeat), (Repeat::Count(own), Repeat::Count(other)) if own <= other);
        block.waits_for.contains(&target.number)
            || (block.reads.contains(&target.number) && (!is_by_index || reader.key() == read.key()))
    };
    for (reader, reader_address) in &makes {
        for (read, read_address) in &makes {
            if concerns(new, reader_address, read_address) {
                assert!(
                    before[*reader as usize].contains(read),
                    "{reader_address} is made before {read_address}, which it reads"
                );
            }
        }
    }
    for (reader, reader_address) in &unmakes {
        for (read, read_address) in &unmakes {
            if concerns(old, reader_address, read_address) {
                assert!(
                    before[*read as usize].contains(reader),
                    "{read_address} is removed before {reader_address}, which stands on it"
                );
            }
        }
    }
}

/// What the datacentre has and what the state knows of it.
fn check_world(world: &World, forgotten: &BTreeSet<String>) {
    let Ok(made) = calls::read(&world.folder.path().join("sim-world.json.calls")) else { return };
    let summary = calls::Summary::new(&made);
    let text = std::fs::read_to_string(world.folder.path().join("terraform.tfstate")).unwrap_or_default();
    let known = if text.is_empty() { BTreeSet::new() } else { calls::ids_in_state(&text).unwrap() };
    let lost: Vec<_> = summary.lost(&known).filter(|id| !forgotten.contains(*id)).collect();
    assert!(lost.is_empty(), "made and lost: {lost:?}");
    let missing: Vec<_> = summary.missing(&known).collect();
    assert!(missing.is_empty(), "known and not there: {missing:?}");
}

/// Ids that the plan forgets, by what stands before it.
fn forgotten_ids(plan: &Plan) -> BTreeSet<String> {
    let forgotten = plan.changes.iter().filter(|change| change.action == Action::Forget);
    let ids = forgotten.filter_map(|change| change.before.get("id")?.as_str().map(ToString::to_string));
    ids.collect()
}

/// Marks something to be replaced, or asks for it.
fn disturb(world: &World, random: &mut Random) -> Vec<Address> {
    let addresses: Vec<Address> =
        world.folded().state.objects().map(|(key, _)| key.address.clone()).collect();
    if addresses.is_empty() || !random.one_in(3) {
        return Vec::new();
    }
    let address = addresses[random.index(addresses.len())].clone();
    if random.one_in(2) {
        return vec![address];
    }
    let store = world.store();
    store.append(&Record::Tainted { key: ObjectKey::current(address) }).wait().unwrap();
    store.finish().unwrap();
    Vec::new()
}

fn run_program(seed: u64) {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut world = World::new("");
    let mut program = Program::default();
    for _ in 0..=random.below(5) {
        program.add(&mut random);
    }
    let mut old = Program::default();
    let mut forgotten = BTreeSet::new();
    for _ in 0..=EDITS_PER_PROGRAM {
        world.main(&program.text());
        let mut options = World::options(RunMode::Normal);
        options.replace = disturb(&world, &mut random);
        let configuration = world.configuration();
        let folded = world.folded();
        let planning = block(run::plan(&world.environment(), &configuration, &folded, &options));
        let found = text(&planning.diagnostics, &configuration.sources);
        assert!(!planning.diagnostics.has_errors(), "{found}\n{}", program.text());
        let plan = planning.plan;
        check_order(&plan, &old, &program);
        let expected = expected_objects(&world.addresses().into_iter().collect(), &plan);
        forgotten.extend(forgotten_ids(&plan));
        let outcome = world.apply_plan(&plan);
        let found = text(&outcome.diagnostics, &outcome.sources);
        assert!(!outcome.diagnostics.has_errors(), "{found}\n{}", program.text());
        let summary = plan.summary();
        assert_eq!((outcome.counts.added, outcome.counts.destroyed), (summary.add, summary.destroy));
        assert!(outcome.counts.changed <= summary.change);
        let after: BTreeSet<String> = world.addresses().into_iter().collect();
        assert_eq!(after, expected, "{}", program.text());
        check_world(&world, &forgotten);
        let again = world.plan();
        assert!(
            !again.has_changes(),
            "planned again: {:?}\n{}",
            crate::world::actions(&again),
            program.text()
        );
        let remembered = again.rewrites.iter().map(|(key, _)| key.to_string()).collect::<Vec<_>>();
        assert_eq!(
            remembered,
            Vec::<String>::new(),
            "remembered otherwise by the next plan\n{}",
            program.text()
        );
        old = program.clone();
        for _ in 0..=random.below(3) {
            program.edit(&mut random);
        }
        program.moved.retain(|(from, _)| !program.blocks.iter().any(|block| block.name() == *from));
    }
    let plan = world.plan_mode(RunMode::Destroy).unwrap_or_else(|found| panic!("{found}"));
    check_order(&plan, &old, &Program::default());
    world.destroy();
    assert!(world.addresses().is_empty());
    check_world(&world, &forgotten);
}

#[test]
fn random_programs_keep_the_promises() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number("FORMWORK_FUZZ_SEED") {
        run_program(seed);
        return;
    }
    let programs = number("FORMWORK_FUZZ_PROGRAMS").unwrap_or(PROGRAMS);
    let mut failures: BTreeMap<u64, String> = BTreeMap::new();
    for seed in 1..=programs {
        if let Err(panic) = std::panic::catch_unwind(|| run_program(seed)) {
            let words = panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic".to_owned());
            failures.insert(seed, words);
        }
    }
    println!("{programs} programs, {} with a finding", failures.len());
    assert!(failures.is_empty(), "seeds {:?}\n{}", failures.keys(), failures.values().next().unwrap());
}

/// Keys are compared by what they are, so that the test's own reading of addresses is looked at too.
#[test]
fn numbers_are_read_from_addresses() {
    let address: Address = "sim_volume.r12_3[1]".parse().unwrap();
    assert_eq!((number(&address), address.key()), (12, &Key::Int(1)));
}
