//! Names of hosts with ranges in them: `gpu[01:16]`, `rack-[a:f:2].example`.

/// What a pattern may stand for.
const NAMES_MOST: usize = 100_000;

/// The names that a pattern stands for, and the port behind it.
pub(super) fn expand(pattern: &str) -> Result<(Vec<String>, Option<u16>), String> {
    let (pattern, port) = with_port(pattern);
    Ok((ranges(pattern)?, port))
}

/// A port is the digits behind a colon that is the only one outside of brackets.
fn with_port(pattern: &str) -> (&str, Option<u16>) {
    let mut depth = 0;
    let mut colons = Vec::new();
    for (at, one) in pattern.char_indices() {
        match one {
            '[' => depth += 1,
            ']' => depth -= 1,
            ':' if depth == 0 => colons.push(at),
            _ => {}
        }
    }
    let [at] = colons[..] else { return (pattern, None) };
    match pattern[at + 1..].parse() {
        Ok(port) => (&pattern[..at], Some(port)),
        Err(_) => (pattern, None),
    }
}

fn ranges(pattern: &str) -> Result<Vec<String>, String> {
    if pattern.matches('[').count() != pattern.matches(']').count() {
        return Err(format!("{pattern}: a bracket has no second one"));
    }
    let bracketed = pattern.split_once('[').and_then(|(head, rest)| Some((head, rest.split_once(']')?)));
    let Some((head, (range, tail))) = bracketed.filter(|(_, (range, _))| range.contains(':')) else {
        return Ok(vec![pattern.to_owned()]);
    };
    // An IPv6 address in its brackets.
    if head.is_empty() && range.parse::<std::net::Ipv6Addr>().is_ok() {
        return Ok(vec![range.to_owned()]);
    }
    let tails = ranges(tail)?;
    let inner =
        members(range).ok_or_else(|| format!("[{range}] is no range: write [1:9], [01:16:2] or [a:f]"))?;
    if inner.len() * tails.len() > NAMES_MOST {
        return Err(format!("{pattern} stands for more than {NAMES_MOST} hosts"));
    }
    Ok(inner.iter().flat_map(|one| tails.iter().map(move |tail| format!("{head}{one}{tail}"))).collect())
}

/// The members of a range, its end included.
fn members(range: &str) -> Option<Vec<String>> {
    let mut parts = range.split(':');
    let (from, to, step) = (parts.next()?, parts.next()?, parts.next().unwrap_or("1"));
    let step: usize = step.parse().ok().filter(|step| *step > 0)?;
    if parts.next().is_some() {
        return None;
    }
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|one| one.is_ascii_digit());
    let from = if from.is_empty() { "0" } else { from };
    if is_number(from) && is_number(to) {
        let (first, last): (usize, usize) = (from.parse().ok()?, to.parse().ok()?);
        let width = if from.len() > 1 && from.starts_with('0') { from.len() } else { 0 };
        return (first <= last && last - first <= NAMES_MOST)
            .then(|| (first..=last).step_by(step).map(|one| format!("{one:0width$}")).collect());
    }
    let (&[first], &[last]) = (from.as_bytes(), to.as_bytes()) else { return None };
    let is_range = first.is_ascii_alphabetic() && last.is_ascii_alphabetic() && first <= last;
    is_range.then(|| (first..=last).step_by(step).map(|one| char::from(one).to_string()).collect())
}

#[cfg(test)]
mod tests {
    use super::expand;

    #[test]
    fn patterns_stand_for_names() {
        for (pattern, names, port) in [
            ("a", vec!["a"], None),
            ("a:22", vec!["a"], Some(22)),
            ("g[08:10]", vec!["g08", "g09", "g10"], None),
            ("g[1:5:2]:23", vec!["g1", "g3", "g5"], Some(23)),
            ("r[a:b]-[0:1].x", vec!["ra-0.x", "ra-1.x", "rb-0.x", "rb-1.x"], None),
            ("[fd00::1]:22", vec!["fd00::1"], Some(22)),
            ("fd00::1", vec!["fd00::1"], None),
            ("a:b", vec!["a:b"], None),
        ] {
            let expected = (names.into_iter().map(str::to_owned).collect(), port);
            assert_eq!(expand(pattern), Ok(expected), "{pattern}");
        }
        for wrong in ["g[5:1]", "g[a:5]", "g[1:2:0]", "g[1:2:3:4]", "g[0:99999999]", "[g"] {
            assert!(expand(wrong).is_err(), "{wrong}");
        }
    }
}
