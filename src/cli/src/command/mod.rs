//! One file a command: arguments in, one engine call, rendering, an exit code out.

mod apply;
mod approval;
mod completion;
mod console;
mod destroy;
pub(crate) mod docs;
mod doctor;
mod force_unlock;
mod format;
mod get;
mod graph;
mod history;
mod import;
mod init;
mod lock;
mod metadata;
mod new;
mod output;
mod permissions;
mod plan;
mod providers;
mod providers_lock;
mod recover;
mod refresh;
mod rollback;
mod show;
mod state;
mod state_edit;
mod state_mend;
mod taint;
mod test;
mod validate;
mod version;
mod why;
pub(crate) mod workspace;

use crate::arguments::{Arguments, Verb};
use crate::failure::{Failure, Success};
use crate::terminal::Terminal;

/// The terminal as a command's own options want it.
pub(crate) fn terminal(verb: &Verb) -> Terminal {
    let (view, input) = match verb {
        Verb::Init(init) => (Some(&init.view), init.input.input),
        Verb::Validate(validate) => (Some(&validate.view), false),
        Verb::Format(format) => (Some(&format.view), false),
        Verb::Console(console) => (Some(&console.view), false),
        Verb::Providers(providers) => (Some(&providers.view), false),
        Verb::Get(get) => (Some(&get.view), false),
        Verb::Graph(graph) => (Some(&graph.view), false),
        Verb::Test(test) => (Some(&test.view), false),
        Verb::Plan(plan) => (Some(&plan.planning.view), plan.planning.input.input),
        Verb::Apply(apply) => (Some(&apply.planning.view), apply.planning.input.input),
        Verb::Why(why) => (Some(&why.planning.view), why.planning.input.input),
        Verb::Destroy(destroy) => (Some(&destroy.planning.view), destroy.planning.input.input),
        Verb::Show(show) => (Some(&show.view), false),
        Verb::Output(output) => (Some(&output.view), false),
        Verb::State(state) => (state::view(state), state::may_ask(state)),
        Verb::Metadata(_)
        | Verb::Workspace(_)
        | Verb::Lock(_)
        | Verb::Docs(_)
        | Verb::New(_)
        | Verb::Completion(_)
        | Verb::Complete(_)
        | Verb::Version(_) => (None, false),
        Verb::ForceUnlock(_) => (None, true),
        Verb::Recover(recover) => (Some(&recover.view), recover.input.input),
        Verb::History(history) => (Some(&history.view), false),
        Verb::Rollback(rollback) => (Some(&rollback.view), rollback.input.input),
        Verb::Doctor(doctor) => (Some(&doctor.view), false),
        Verb::Permissions(arguments) => (Some(&arguments.view), false),
        Verb::Import(import) => (Some(&import.view), import.input.input),
        Verb::Refresh(refresh) => (Some(&refresh.planning.view), refresh.planning.input.input),
        Verb::Taint(taint) | Verb::Untaint(taint) => (Some(&taint.view), false),
    };
    Terminal::detect(view.is_some_and(|view| view.no_color), input)
}

/// Does what the arguments say.
pub(crate) fn run(arguments: Arguments, terminal: Terminal) -> Result<Success, Failure> {
    let variables = arguments.variables;
    match arguments.verb {
        Verb::Init(init) => init::run(&init, &variables, terminal),
        Verb::Validate(validate) => validate::run(&validate, terminal),
        Verb::Format(format) => format::run(&format),
        Verb::Console(console) => console::run(&console, &variables, terminal),
        Verb::Metadata(metadata) => Ok(metadata::run(&metadata)),
        Verb::Providers(providers) => providers::run(&providers, &variables, terminal),
        Verb::Get(get) => get::run(&get, terminal),
        Verb::Graph(graph) => graph::run(&graph, &variables, terminal),
        Verb::Test(test) => test::run(&test, &variables, terminal),
        Verb::Plan(plan) => plan::run(&plan, &variables, terminal),
        Verb::Apply(apply) => apply::run(&apply, &variables, terminal),
        Verb::Destroy(destroy) => destroy::run(destroy, &variables, terminal),
        Verb::Show(show) => show::run(&show, terminal),
        Verb::Output(output) => output::run(&output, terminal),
        Verb::State(state) => state::run(&state, terminal),
        Verb::Why(why) => why::run(&why, &variables, terminal),
        Verb::Workspace(workspace) => workspace::run(&workspace, terminal),
        Verb::ForceUnlock(unlock) => force_unlock::run(&unlock, terminal),
        Verb::Recover(arguments) => recover::run(&arguments, &variables, terminal),
        Verb::History(arguments) => history::run(&arguments, terminal),
        Verb::Rollback(arguments) => rollback::run(&arguments, &variables, terminal),
        Verb::Lock(locking) => lock::run(&locking, terminal),
        Verb::Import(arguments) => import::run(&arguments, &variables, terminal),
        Verb::Refresh(arguments) => refresh::run(arguments, &variables, terminal),
        Verb::Taint(arguments) => taint::run(taint::Verb::Taint, &arguments, terminal),
        Verb::Untaint(arguments) => taint::run(taint::Verb::Untaint, &arguments, terminal),
        Verb::Doctor(doctor) => doctor::run(&doctor, &variables, terminal),
        Verb::Permissions(arguments) => permissions::run(&arguments, &variables, terminal),
        Verb::Docs(docs) => docs::run(&docs),
        Verb::New(new) => new::run(&new),
        Verb::Completion(completion) => Ok(completion::run(&completion)),
        Verb::Complete(words) => Ok(completion::complete(&words, terminal)),
        Verb::Version(version) => Ok(version::run(&version)),
    }
}
