use super::outside;
use crate::model::{Action, Change, EnvelopeEntry, Plan, RunMode, Stage};
use formwork_diagnostic::Diagnostics;
use formwork_state::{DeposedKey, ProviderAddress, ProviderConfigAddress, State};
use formwork_value::{Type, Value};
use indexmap::IndexMap;
use std::collections::BTreeMap;

fn provider() -> ProviderConfigAddress {
    ProviderConfigAddress { module_path: Vec::new(), provider: ProviderAddress::formwork("sim"), alias: None }
}

fn change(address: &str, action: Action) -> Change {
    Change {
        address: address.parse().unwrap(),
        deposed: None,
        previous_address: None,
        provider: provider(),
        action,
        reason: None,
        before: Value::null(Type::Dynamic),
        after: Value::null(Type::Dynamic),
        replace_paths: Vec::new(),
        causes: Vec::new(),
        stage: 1,
        private: Vec::new(),
        importing: None,
        generated: None,
    }
}

fn later(changes: Vec<Change>) -> Plan {
    Plan {
        mode: RunMode::Normal,
        timestamp: String::new(),
        lineage: String::new(),
        base_serial: 1,
        files: BTreeMap::new(),
        variables: IndexMap::new(),
        ephemeral_variables: Vec::new(),
        changes,
        drift: Vec::new(),
        given: IndexMap::new(),
        relevant: Vec::new(),
        checks: Vec::new(),
        outputs: Vec::new(),
        steps: Vec::new(),
        stages: Vec::new(),
        targets: IndexMap::new(),
        recover: Vec::new(),
        warnings: Diagnostics::new(),
        errored: false,
        readings: Vec::new(),
        data: Vec::new(),
        focus: crate::focus::Focus::default(),
        moves: Vec::new(),
        rewrites: Vec::new(),
        prior_configurations: Vec::new(),
    }
}

fn stage(actions: &[Action], at_most: Option<u64>, may_touch: &[&str]) -> Stage {
    let entry = EnvelopeEntry {
        block: "sim_object.a".parse().unwrap(),
        provider: provider(),
        actions: actions.to_vec(),
        at_most,
        may_touch: may_touch.iter().map(|address| address.parse().unwrap()).collect(),
        expected: Vec::new(),
        reason: "provider_config_unknown".to_owned(),
    };
    Stage { awaits: String::new(), envelope: vec![entry] }
}

/// A stage, what a later plan does, and what is said about it.
type Case<'a> = (&'a Stage, &'a [(&'a str, Action)], &'a [&'a str]);

#[test]
fn what_keeps_to_the_envelope_and_what_does_not() {
    use Action::{Create, CreateThenDelete, Delete, DeleteThenCreate, Forget, NoOp, Read, Update};
    let open = stage(&[Create, Update, Delete, DeleteThenCreate, Forget], None, &["sim_object.a[0]"]);
    let creates = stage(&[Create], Some(2), &[]);
    let nothing = stage(&[], None, &[]);
    let cases: &[Case<'_>] = &[
        (&open, &[], &[]),
        (&open, &[("sim_object.a[0]", Delete), ("sim_object.a[1]", Create)], &[]),
        (&open, &[("sim_object.a[0]", Forget)], &[]),
        (&open, &[("sim_object.a[0]", DeleteThenCreate)], &[]),
        (&open, &[("sim_object.a[9]", NoOp), ("sim_object.other", NoOp)], &[]),
        (
            &open,
            &[("sim_object.a[1]", Delete), ("sim_object.a[2]", Update)],
            &[
                "sim_object.a[1] would be destroyed, and it is not among the objects that the approved plan says this stage may touch.",
                "sim_object.a[2] would be changed, and it is not among the objects that the approved plan says this stage may touch.",
            ],
        ),
        (
            &open,
            &[("sim_object.a[0]", CreateThenDelete)],
            &[
                "sim_object.a[0] would be created again and then destroyed; the approved plan allows only create, update, delete, replace (delete first) and forget for its block.",
            ],
        ),
        (
            &open,
            &[("module.m.sim_object.a[0]", Create)],
            &[
                "module.m.sim_object.a[0] would be created, and the approved plan expects nothing from its block in this stage.",
            ],
        ),
        (
            &creates,
            &[("sim_object.a[0]", Update)],
            &["sim_object.a[0] would be changed; the approved plan allows only create for its block."],
        ),
        (&creates, &[("sim_object.a[0]", Create), ("sim_object.a[1]", Create)], &[]),
        (
            &creates,
            &[("sim_object.a[0]", Create), ("sim_object.a[1]", Create), ("sim_object.a[2]", NoOp)],
            &["sim_object.a would have 3 instances; the approved plan allows 2 at most."],
        ),
        (
            &nothing,
            &[("sim_object.a", Read)],
            &["sim_object.a would be read; the approved plan allows nothing for its block."],
        ),
    ];
    for (stage, changes, expected) in cases {
        let plan = later(changes.iter().map(|(address, action)| change(address, *action)).collect());
        assert_eq!(outside(stage, &plan, &State::default()), *expected, "{changes:?}");
    }
}

#[test]
fn a_moved_object_may_be_named_by_its_former_address() {
    let stage = stage(&[Action::Update], None, &["sim_object.old"]);
    let mut moved = change("sim_object.a", Action::Update);
    assert_eq!(outside(&stage, &later(vec![moved.clone()]), &State::default()).len(), 1);
    moved.previous_address = Some("sim_object.old".parse().unwrap());
    assert!(outside(&stage, &later(vec![moved]), &State::default()).is_empty());
}

#[test]
fn what_is_adopted_may_be_changed_but_not_removed_unnamed() {
    let stage = stage(&[Action::Update, Action::Delete], None, &[]);
    for (action, sentences) in [(Action::Update, 0), (Action::Delete, 1)] {
        let mut adopted = change("sim_object.a", action);
        adopted.importing = Some(crate::model::Importing::Id("id-1".to_owned()));
        assert_eq!(outside(&stage, &later(vec![adopted]), &State::default()).len(), sentences, "{action:?}");
    }
}

#[test]
fn a_deposed_object_is_named_as_such_and_counts_as_no_instance() {
    let stage = stage(&[Action::Create, Action::Delete], Some(1), &[]);
    let mut deposed = change("sim_object.a", Action::Delete);
    deposed.deposed = Some(DeposedKey("1a2b3c4d".into()));
    let plan = later(vec![change("sim_object.a", Action::Create), deposed]);
    let found = outside(&stage, &plan, &State::default());
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("sim_object.a (deposed 1a2b3c4d) would be destroyed"), "{found:?}");
}
