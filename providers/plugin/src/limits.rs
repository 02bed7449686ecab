//! How long a provider may take to answer.
//!
//! Invariant: every call has a limit.

use formwork_sdk::duration_ms;
use std::ffi::OsString;
use std::time::Duration;

/// The variable that says how long a call may take that changes nothing.
pub(crate) const CALL_VARIABLE: &str = "FORMWORK_PROVIDER_CALL_LIMIT";
/// The variable that says how long a change may take whose block has no `timeouts` for it.
pub(crate) const APPLY_VARIABLE: &str = "FORMWORK_PROVIDER_APPLY_LIMIT";

/// The start of a provider.
const START: Duration = Duration::from_mins(1);
/// What a provider answers out of itself.
const OWN: Duration = Duration::from_mins(5);
/// What a provider asks its target for. The older kit gives itself twenty minutes.
const ASKED: Duration = Duration::from_mins(30);
/// A change. Databases and clusters are known that take most of a day.
const CHANGE: Duration = Duration::from_hours(24);
/// What a provider gets beyond the time that `timeouts` give: it ends a call by itself then, and says why.
const MARGIN: Duration = Duration::from_mins(5);

/// The limits of a run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limits {
    call: Option<Duration>,
    change: Option<Duration>,
}

impl Limits {
    /// As the environment says. The error is a whole sentence.
    pub(crate) fn of(variables: &[(OsString, OsString)]) -> Result<Self, String> {
        let given = |name: &str| {
            let found = variables.iter().find(|(one, _)| one == name).map(|(_, text)| text.to_string_lossy());
            let Some(text) = found.filter(|text| !text.is_empty()) else { return Ok(None) };
            let limit_ms = duration_ms(&text).filter(|limit_ms| *limit_ms > 0);
            let limit_ms =
                limit_ms.ok_or_else(|| format!("{name} is {text:?}, which is no time such as 90s or 1h30m."));
            limit_ms.map(|limit_ms| Some(Duration::from_millis(limit_ms)))
        };
        Ok(Self { call: given(CALL_VARIABLE)?, change: given(APPLY_VARIABLE)? })
    }

    /// Of the start: until a provider says where it listens.
    pub(crate) fn of_start(self) -> Duration {
        self.call.map_or(START, |call| call.min(START))
    }

    /// Of a call that changes nothing, by the name that version 6 has for it.
    pub(crate) fn of_call(self, method: &str) -> Duration {
        let is_own = matches!(
            method,
            "GetProviderSchema"
                | "GetResourceIdentitySchemas"
                | "UpgradeResourceState"
                | "UpgradeResourceIdentity"
                | "MoveResourceState"
                | "CallFunction"
                | "GenerateResourceConfig"
        ) || method.starts_with("Validate");
        self.call.unwrap_or(if is_own { OWN } else { ASKED })
    }

    /// Of a read whose `timeouts` may say more.
    pub(crate) fn of_read(self, method: &str, given_ms: Option<u64>) -> Duration {
        let usual = self.of_call(method);
        given_ms.map_or(usual, |given_ms| usual.max(beyond(given_ms)))
    }

    /// Of a change: what its `timeouts` say and a margin, else what the setting says.
    pub(crate) fn of_change(self, given_ms: Option<u64>) -> Duration {
        given_ms.map_or_else(|| self.change.unwrap_or(CHANGE), beyond)
    }
}

fn beyond(given_ms: u64) -> Duration {
    Duration::from_millis(given_ms).saturating_add(MARGIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(call: &str, change: &str) -> Result<Limits, String> {
        Limits::of(&[(CALL_VARIABLE.into(), call.into()), (APPLY_VARIABLE.into(), change.into())])
    }

    #[test]
    fn every_call_has_its_limit() {
        let (minute, hour) = (60, 3600);
        for (call, change, method, given_s, expected) in [
            ("", "", "GetProviderSchema", None, 5 * minute),
            ("", "", "ValidateResourceConfig", None, 5 * minute),
            ("", "", "PlanResourceChange", None, 30 * minute),
            ("", "", "ReadDataSource", Some(hour), hour + 5 * minute),
            ("", "", "ReadDataSource", Some(minute), 30 * minute),
            ("", "", "ApplyResourceChange", None, 24 * hour),
            ("", "", "ApplyResourceChange", Some(30 * hour), 30 * hour + 5 * minute),
            ("90s", "", "GetProviderSchema", None, 90),
            ("90s", "", "ReadResource", None, 90),
            ("90s", "", "ApplyResourceChange", None, 24 * hour),
            ("", "1h30m", "ApplyResourceChange", None, 90 * minute),
            ("", "1h30m", "ApplyResourceChange", Some(10 * minute), 15 * minute),
        ] {
            let limits = limits(call, change).expect("limits");
            let given_ms = given_s.map(|seconds: u64| seconds * 1000);
            let found = match method {
                "ApplyResourceChange" => limits.of_change(given_ms),
                "ReadDataSource" => limits.of_read(method, given_ms),
                other => limits.of_call(other),
            };
            assert_eq!(found.as_secs(), expected, "{method} with {call:?}, {change:?}, {given_s:?}");
        }
        for text in ["5", "soon", "0s"] {
            let error = limits(text, "").expect_err(text);
            assert!(error.contains(CALL_VARIABLE) && error.contains(text), "{error}");
        }
    }
}
