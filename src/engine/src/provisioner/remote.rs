//! Provisioners that work on other machines: what their settings and their `connection` blocks come to.

use super::{CONNECTION_SCHEMA, FILE, FILE_SCHEMA, REMOTE_EXEC, REMOTE_EXEC_SCHEMA, is_no_gap, suppressed};
use crate::evaluate::RowScope;
use crate::{Given, MachineWork};
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_lang::{Connection, Provisioner, duration_seconds};
use formwork_sdk::Machine;
use formwork_value::Value;

/// How long a machine is asked again where nothing is said.
const TIMEOUT_S: u64 = 300;

/// What is done where, and what may be told of it.
pub(crate) struct Remote {
    pub(crate) machine: Machine,
    pub(crate) work: MachineWork,
    /// What stands in place of all that it says, where something in its settings is secret.
    pub(crate) suppressed: Option<&'static str>,
}

/// Evaluates a provisioner that works on a machine. With an error there is nothing to do.
pub(crate) fn remote(
    provisioner: &Provisioner,
    of_resource: Option<&Connection>,
    scope: &RowScope<'_, '_>,
) -> (Option<Remote>, Diagnostics) {
    let schema = if provisioner.kind == REMOTE_EXEC { &REMOTE_EXEC_SCHEMA } else { &FILE_SCHEMA };
    let (settings, mut found) = provisioner.body.decode(schema, scope);
    let blocks = [provisioner.connection.as_ref(), of_resource].into_iter().flatten();
    let blocks: Vec<Value> = blocks
        .map(|block| {
            let (value, diagnostics) = block.body.decode(&CONNECTION_SCHEMA, scope);
            found.extend(diagnostics.into_iter().filter(is_no_gap));
            value
        })
        .collect();
    let wrong = |detail: &str| {
        Diagnostic::error("provisioner-settings", "Invalid provisioner settings", detail).at(provisioner.span)
    };
    if !found.has_errors() && !blocks.iter().chain([&settings]).all(Value::is_wholly_known) {
        found.push(wrong("A value in its settings is still unknown though everything it reads is done."));
    }
    if found.has_errors() {
        return (None, found);
    }
    // Keys and passwords of a connection are said by nobody.
    let suppressed = suppressed(&settings);
    let (settings, _) = settings.unmark_deep();
    let said = Said(blocks.into_iter().map(|block| block.unmark_deep().0).collect());
    match (said.machine(), work(provisioner, &settings)) {
        (Ok(machine), Ok(work)) => (Some(Remote { machine, work, suppressed }), found),
        (machine, work) => {
            found.extend([machine.err(), work.err()].into_iter().flatten().map(|detail| wrong(&detail)));
            (None, found)
        }
    }
}

fn text_of(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).map(ToString::to_string)
}

fn work(provisioner: &Provisioner, settings: &Value) -> Result<MachineWork, String> {
    let texts = |name: &str| {
        let items = settings.get(name).and_then(Value::items)?;
        Some(items.iter().filter_map(Value::as_str).map(ToString::to_string).collect::<Vec<_>>())
    };
    let text = |name: &str| text_of(settings, name);
    if provisioner.kind == FILE {
        let source = match (text("source"), text("content")) {
            (Some(path), None) => Given::Path(path),
            (None, Some(content)) => Given::Text(content),
            _ => return Err("One of source and content is needed, and not both.".to_owned()),
        };
        return Ok(MachineWork::Put { source, destination: text("destination").unwrap_or_default() });
    }
    match (texts("inline"), text("script"), texts("scripts")) {
        (Some(lines), None, None) => {
            let text = lines.join("\n") + "\n";
            let begins = text.starts_with("#!");
            Ok(MachineWork::Run(vec![Given::Text(if begins { text } else { format!("#!/bin/sh\n{text}") })]))
        }
        (None, Some(path), None) => Ok(MachineWork::Run(vec![Given::Path(path)])),
        (None, None, Some(paths)) => Ok(MachineWork::Run(paths.into_iter().map(Given::Path).collect())),
        _ => Err("One of inline, script and scripts is needed, and not more.".to_owned()),
    }
}

/// What `connection` blocks say, the provisioner's own first.
struct Said(Vec<Value>);

impl Said {
    fn value(&self, name: &str) -> Option<&Value> {
        self.0.iter().find_map(|block| block.get(name).filter(|value| !value.is_null()))
    }

    fn text(&self, name: &str) -> Option<String> {
        self.value(name).and_then(Value::as_str).map(ToString::to_string)
    }

    fn port(&self, name: &str) -> Option<u16> {
        self.value(name).and_then(Value::as_i64).and_then(|port| u16::try_from(port).ok())
    }

    fn machine(&self) -> Result<Machine, String> {
        if let Some(kind) = self.text("type").filter(|kind| kind != "ssh") {
            return Err(format!("Connections of type {kind:?} are not there: ssh is."));
        }
        if self.text("target_platform").is_some_and(|platform| platform != "unix") {
            return Err("A target_platform other than unix is not there.".to_owned());
        }
        if self.text("proxy_host").is_some() {
            return Err("A connection through proxy_host is not there: give a bastion_host.".to_owned());
        }
        let host = self.text("host").filter(|host| !host.is_empty());
        let timeout = self.text("timeout");
        let timeout_s = timeout.as_deref().map_or(Some(TIMEOUT_S), duration_seconds);
        let user = self.text("user").unwrap_or_else(|| "root".to_owned());
        let bastion = self.text("bastion_host").map(|host| {
            Box::new(Machine {
                host,
                port: self.port("bastion_port"),
                user: self.text("bastion_user").unwrap_or_else(|| user.clone()),
                password: self.text("bastion_password").or_else(|| self.text("password")),
                private_key: self.text("bastion_private_key").or_else(|| self.text("private_key")),
                certificate: self.text("bastion_certificate").or_else(|| self.text("certificate")),
                host_key: self.text("bastion_host_key"),
                agent: self.value("agent").and_then(Value::as_bool),
                ..Machine::default()
            })
        });
        Ok(Machine {
            host: host.ok_or("It has no machine to work on: give `host` in a connection block.")?,
            port: self.port("port"),
            user,
            password: self.text("password"),
            private_key: self.text("private_key"),
            certificate: self.text("certificate"),
            host_key: self.text("host_key"),
            agent: self.value("agent").and_then(Value::as_bool),
            timeout_s: timeout_s.ok_or("Its timeout is no length of time: write it as 5m or 1h30m.")?,
            script_path: self.text("script_path"),
            bastion,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Said;
    use formwork_value::Value;

    fn block(entries: &[(&str, &str)]) -> Value {
        Value::object(entries.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
    }

    #[test]
    fn a_provisioners_own_connection_goes_before_its_resources() {
        let said = Said(vec![
            block(&[("user", "own"), ("bastion_host", "b")]),
            block(&[("user", "other"), ("host", "h"), ("password", "p")]),
        ]);
        let machine = said.machine().ok().unwrap();
        assert_eq!((machine.user.as_str(), machine.host.as_str(), machine.timeout_s), ("own", "h", 300));
        let bastion = machine.bastion.unwrap();
        assert_eq!(
            (bastion.host.as_str(), bastion.user.as_str(), bastion.password.as_deref()),
            ("b", "own", Some("p"))
        );
    }

    #[test]
    fn what_is_not_there_is_said() {
        for (entries, expected) in [
            (vec![], "no machine to work on"),
            (vec![("host", "h"), ("type", "winrm")], "\"winrm\" are not there"),
            (vec![("host", "h"), ("timeout", "soon")], "no length of time"),
            (vec![("host", "h"), ("target_platform", "windows")], "target_platform"),
            (vec![("host", "h"), ("proxy_host", "p")], "bastion_host"),
        ] {
            let error = Said(vec![block(&entries)]).machine().err().unwrap();
            assert!(error.contains(expected), "{error}");
        }
    }
}
