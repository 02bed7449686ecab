//! What comes of a change whose answer never came.

use crate::fixture::{LIMIT, Manner, THING, WELL, calls, expect, hosting, run};

#[test]
fn nothing_is_made_twice_after_a_crash_of_the_provider() {
    let project = hosting(THING);
    let crash = Manner { faults: "crash-after@ApplyResourceChange", ..WELL };
    expect("apply", &run(&project, crash, "apply -auto-approve", LIMIT), 1, &["cannot be found out"]);
    let again = run(&project, WELL, "apply -auto-approve", LIMIT);
    expect("again", &again, 1, &["Nobody can say whether this was done", "import"]);
    assert_eq!(calls(&project, "ApplyResourceChange", "fixture_thing"), 1, "a second create was sent");
}
