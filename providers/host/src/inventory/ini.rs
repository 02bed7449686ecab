//! Inventories as INI files.

use super::{Inventory, literal, names};

/// What the lines of a section are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Hosts,
    Children,
    Variables,
}

pub(super) fn add(inventory: &mut Inventory, text: &str) -> Result<(), String> {
    let (mut group, mut section) = ("ungrouped".to_owned(), Section::Hosts);
    for (at, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let wrong = |why: &str| format!("line {at}: {why}");
        if let Some(header) = header(line) {
            let (name, kind) = header.split_once(':').unwrap_or((header, "hosts"));
            section = match kind {
                "hosts" => Section::Hosts,
                "children" => Section::Children,
                "vars" => Section::Variables,
                _ => return Err(wrong("a section is [NAME], [NAME:children] or [NAME:vars]")),
            };
            name.clone_into(&mut group);
            inventory.group(&group);
            continue;
        }
        match section {
            Section::Hosts => add_hosts(inventory, &group, line).map_err(|why| wrong(&why))?,
            Section::Children => {
                inventory.add_child(&group, line.split('#').next().unwrap_or_default().trim());
            }
            Section::Variables => {
                let (name, value) = line.split_once('=').ok_or_else(|| wrong("NAME=VALUE is expected"))?;
                let value = literal::read(value.trim());
                inventory.group(&group).variables.insert(name.trim().to_owned(), value);
            }
        }
    }
    Ok(())
}

/// What stands in the brackets of a section's line; a host may begin with a bracket, too, but goes on after it.
fn header(line: &str) -> Option<&str> {
    let (name, rest) = line.strip_prefix('[')?.split_once(']')?;
    let rest = rest.trim();
    (rest.is_empty() || rest.starts_with('#')).then_some(name.trim())
}

/// `PATTERN[:PORT] NAME=VALUE...`
fn add_hosts(inventory: &mut Inventory, group: &str, line: &str) -> Result<(), String> {
    let words = shlex::split(line).ok_or("a quotation mark has no second one")?;
    let Some((pattern, variables)) = words.split_first() else { return Ok(()) };
    let (names, port) = names::expand(pattern)?;
    for name in names {
        let own = inventory.add_host(group, &name);
        if let Some(port) = port {
            own.insert("ansible_port".to_owned(), port.into());
        }
        for variable in variables {
            let (name, value) =
                variable.split_once('=').ok_or_else(|| format!("NAME=VALUE is expected, not {variable}"))?;
            own.insert(name.to_owned(), literal::read(value));
        }
    }
    Ok(())
}
