//! `provisioner` and `connection` blocks.

use super::Loader;
use crate::body::ESCAPE;
use crate::module::{Connection, Provisioner, ProvisionerCrash, ProvisionerFailure, ProvisionerWhen};
use crate::suggest;
use crate::syntax::{AttributeSyntax, BlockSyntax, BodySyntax};
use formwork_diagnostic::Diagnostic;

/// Arguments and blocks of a provisioner that are not its type's own.
const META: [&str; 7] = ["when", "on_failure", "on_crash", "connection", "lifecycle", "locals", ESCAPE];

impl Loader<'_> {
    pub(super) fn provisioners(&mut self, body: &BodySyntax) -> Vec<Provisioner> {
        let blocks = body.blocks.iter().filter(|block| block.kind == "provisioner");
        blocks.filter_map(|block| self.provisioner(block)).collect()
    }

    fn provisioner(&mut self, block: &BlockSyntax) -> Option<Provisioner> {
        let [kind] = self.labels(block, ["type"])?;
        let body = &block.body;
        let (create, destroy) = (ProvisionerWhen::Create, ProvisionerWhen::Destroy);
        let when = self.choice(body.attribute("when"), [("create", create), ("destroy", destroy)]);
        let (fail, go_on) = (ProvisionerFailure::Fail, ProvisionerFailure::Continue);
        let on_failure = self.choice(body.attribute("on_failure"), [("fail", fail), ("continue", go_on)]);
        let (again, ask) = (ProvisionerCrash::Again, ProvisionerCrash::Ask);
        let on_crash = self.choice(body.attribute("on_crash"), [("again", again), ("ask", ask)]);
        for nested in body.blocks.iter().filter(|one| matches!(one.kind.as_str(), "lifecycle" | "locals")) {
            let detail =
                format!("Blocks of type \"{}\" are not expected in provisioner blocks.", nested.kind);
            self.report("unsupported-block", "Unsupported block type", detail, nested.header);
        }
        Some(Provisioner {
            kind,
            when: when.unwrap_or_default(),
            on_failure: on_failure.unwrap_or_default(),
            on_crash: on_crash.unwrap_or_default(),
            connection: self.connection(body),
            body: self.body(body, block.header, &block.title().into(), &META),
            span: block.header,
        })
    }

    pub(super) fn connection(&mut self, body: &BodySyntax) -> Option<Connection> {
        let block = self.single(body, "connection")?;
        self.labels(block, []);
        let body = self.body(&block.body, block.header, &block.title().into(), &[]);
        Some(Connection { body, span: block.header })
    }

    /// One of a few keywords.
    fn choice<T: Copy, const N: usize>(
        &mut self,
        attribute: Option<&AttributeSyntax>,
        choices: [(&str, T); N],
    ) -> Option<T> {
        let attribute = attribute?;
        // Quotes around the keyword are how it was written before 0.12, and still is in examples.
        let quoted = attribute.value.literal_string();
        let given = attribute.value.keyword().or(quoted.as_deref()).unwrap_or_default();
        if let Some((_, value)) = choices.iter().find(|(keyword, _)| *keyword == given) {
            return Some(*value);
        }
        let keywords = choices.map(|(keyword, _)| keyword);
        let (name, span) = (&attribute.name, attribute.value.span);
        let detail = format!("The argument \"{name}\" is one of the keywords {}.", keywords.join(", "));
        let mut diagnostic =
            Diagnostic::error("keyword", format!("Invalid \"{name}\" keyword"), detail).at(span);
        diagnostic.hint = suggest::hint(given, keywords);
        self.diagnostics.push(diagnostic);
        None
    }
}
