//! The provider's configuration, read once: where the world is kept and how it misbehaves.

use crate::finding::{Findings, check_choice, check_number, given, text, whole_number};
use formwork_sdk::{Attribute, Block};
use formwork_value::{Name, Path, Type, Value};
use std::path::{Path as FilePath, PathBuf};

const WORLD_DEFAULT: &str = "sim-world.json";
const PERCENT_MAX: i64 = 90;
const CRASH_POINTS: [&str; 2] = ["before-effect", "after-effect"];
const QUOTAS: [&str; 3] = ["machines", "gpus", "volume_gb"];

/// Where in a call the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrashPoint {
    /// The world has not seen the call.
    BeforeEffect,
    /// The world and the call log have it, the caller has no answer.
    AfterEffect,
}

/// The end of the process in one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crash {
    /// Which apply or poll of this process, counted from 1 over all connections.
    pub call: u64,
    /// Where in it.
    pub point: CrashPoint,
}

/// Misbehaviour that a test asks for beside the provider's configuration, which it overrides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// Ends the process.
    pub crash: Option<Crash>,
    /// Of a hundred applies so many lose their reply.
    pub lost_reply_percent: Option<u32>,
    /// Of a hundred applies and polls so many are refused for now.
    pub throttle_percent: Option<u32>,
}

/// How much of everything there may be.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Quota {
    pub(crate) machines: Option<i64>,
    pub(crate) gpus: Option<i64>,
    pub(crate) volume_gb: Option<i64>,
}

#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) world: PathBuf,
    pub(crate) calls: PathBuf,
    pub(crate) cluster: Option<String>,
    pub(crate) token: Option<String>,
    pub(crate) seed: u64,
    pub(crate) quota: Quota,
    pub(crate) latency_ms: u64,
    pub(crate) eventual_reads: u32,
    pub(crate) throttle_percent: u32,
    pub(crate) changes_at_once: Option<u64>,
    pub(crate) lost_reply_percent: u32,
    pub(crate) crash: Option<Crash>,
    pub(crate) fail_at_call: Option<u64>,
}

pub(crate) fn schema() -> Block {
    let quota = Type::object_with_optional(QUOTAS.map(|name| (name, Type::Number)), QUOTAS);
    Block::new([
        (
            "world",
            Attribute::optional(
                Type::String,
                "The world's file, from the working directory; `sim-world.json`.",
            ),
        ),
        (
            "calls",
            Attribute::optional(Type::String, "The log of calls; the world's file with `.calls` behind."),
        ),
        ("cluster", Attribute::optional(Type::String, "The id of the cluster that `sim_object` lives in.")),
        (
            "token",
            Attribute::optional(Type::String, "A `sim_token` that must be open; none is needed by itself.")
                .sensitive(),
        ),
        ("seed", Attribute::optional(Type::Number, "What decides ids and misfortune; 0.")),
        (
            "quota",
            Attribute::optional(quota, "How many machines, GPUs and gigabytes of volumes there may be."),
        ),
        (
            "latency_ms",
            Attribute::optional(Type::Number, "Milliseconds between two steps of what takes time; 0."),
        ),
        ("eventual_reads", Attribute::optional(Type::Number, "So many reads miss an object just made; 0.")),
        (
            "throttle_percent",
            Attribute::optional(Type::Number, "Of a hundred calls so many are refused for now; 0."),
        ),
        (
            "changes_at_once",
            Attribute::optional(
                Type::Number,
                "While so many objects are being made, changed or deleted, more are refused for now; no limit.",
            ),
        ),
        (
            "lost_reply_percent",
            Attribute::optional(Type::Number, "Of a hundred effects so many lose their reply; 0."),
        ),
        (
            "fail_at_call",
            Attribute::optional(
                Type::Number,
                "Refuses this apply to the world for good, counted by process from 1.",
            ),
        ),
        ("crash_at_call", Attribute::optional(Type::Number, "Ends the process in this apply or poll.")),
        ("crash_point", Attribute::optional(Type::String, "`before-effect` or `after-effect`, the default.")),
    ])
}

/// What is wrong with a configuration that may hold unknowns.
pub(crate) fn validate(configuration: &Value) -> Findings {
    let mut found = Findings::default();
    check_number(&mut found, configuration, "seed", 0, i64::MAX);
    check_number(&mut found, configuration, "latency_ms", 0, 3_600_000);
    check_number(&mut found, configuration, "eventual_reads", 0, 100);
    check_number(&mut found, configuration, "throttle_percent", 0, PERCENT_MAX);
    check_number(&mut found, configuration, "changes_at_once", 1, 1_000_000);
    check_number(&mut found, configuration, "lost_reply_percent", 0, PERCENT_MAX);
    check_number(&mut found, configuration, "crash_at_call", 1, i64::MAX);
    check_number(&mut found, configuration, "fail_at_call", 1, i64::MAX);
    check_choice(&mut found, configuration, "crash_point", "crash point", &CRASH_POINTS);
    for file in ["world", "calls", "cluster"] {
        if text(configuration, file).is_some_and(Name::is_empty) {
            found.refuse(file, format!("{file} is empty."));
        }
    }
    if let Some(quota) = given(configuration, "quota") {
        for name in QUOTAS {
            let Some(number) = given(quota, name).and_then(Value::as_number) else { continue };
            if number.to_i64().is_none_or(|whole| whole < 0) {
                let path = Path::root().attribute("quota").attribute(name);
                found.refuse_at(path, format!("{number} is no whole number from 0 on."));
            }
        }
    }
    found
}

impl Settings {
    /// From a valid configuration; files are named from the directory.
    pub(crate) fn new(configuration: &Value, directory: &FilePath, faults: Faults) -> Self {
        let number =
            |name: &str| whole_number(configuration, name).and_then(|number| u64::try_from(number).ok());
        let small = |name: &str| number(name).and_then(|number| u32::try_from(number).ok()).unwrap_or(0);
        let world = text(configuration, "world").map_or(WORLD_DEFAULT, |name| name.as_str());
        let calls =
            text(configuration, "calls").map_or_else(|| format!("{world}.calls"), ToString::to_string);
        let quota = given(configuration, "quota");
        let limit = |name: &str| quota.and_then(|quota| whole_number(quota, name));
        Self {
            world: directory.join(world),
            calls: directory.join(calls),
            cluster: text(configuration, "cluster").map(ToString::to_string),
            token: text(configuration, "token").map(ToString::to_string),
            seed: number("seed").unwrap_or(0),
            quota: Quota { machines: limit("machines"), gpus: limit("gpus"), volume_gb: limit("volume_gb") },
            latency_ms: number("latency_ms").unwrap_or(0),
            eventual_reads: small("eventual_reads"),
            throttle_percent: faults.throttle_percent.unwrap_or_else(|| small("throttle_percent")),
            changes_at_once: number("changes_at_once"),
            lost_reply_percent: faults.lost_reply_percent.unwrap_or_else(|| small("lost_reply_percent")),
            fail_at_call: number("fail_at_call"),
            crash: faults.crash.or_else(|| {
                let call = number("crash_at_call")?;
                let is_before =
                    text(configuration, "crash_point").is_some_and(|point| point == CRASH_POINTS[0]);
                let point = if is_before { CrashPoint::BeforeEffect } else { CrashPoint::AfterEffect };
                Some(Crash { call, point })
            }),
        }
    }
}
