//! Override files: what they say takes the place of what other files say of the same block.
//!
//! Invariant: arguments replace arguments; nested blocks of a type replace all of that type; what has no counterpart
//! is an error, since an override that overrides nothing most likely is misspelt.

use crate::syntax::{AttributeSyntax, BlockSyntax, BodySyntax};
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Diagnostics};

/// Blocks that belong to a module as a whole, or to a moment: there is no sense in overriding them.
const NOT_OVERRIDDEN: [&str; 5] = ["moved", "removed", "import", "check", "language"];

/// Merges an override file into the others. Where those could not be read whole, nothing is called missing.
pub(super) fn merge(
    bodies: &mut Vec<BodySyntax>,
    overriding: BodySyntax,
    is_incomplete: bool,
) -> Diagnostics {
    let mut merger = Merger { bodies, is_incomplete, diagnostics: Diagnostics::new() };
    let mut rest = BodySyntax {
        attributes: overriding.attributes,
        blocks: Vec::new(),
        span: overriding.span,
        is_incomplete: overriding.is_incomplete,
    };
    for block in overriding.blocks {
        match block.kind.as_str() {
            kind if NOT_OVERRIDDEN.contains(&kind) => merger.refuse(&block),
            "locals" => merger.locals(&block),
            "terraform" => rest.blocks.push(merger.settings(block)),
            _ => merger.block(block),
        }
    }
    let diagnostics = merger.diagnostics;
    bodies.push(rest);
    diagnostics
}

struct Merger<'a> {
    bodies: &'a mut Vec<BodySyntax>,
    is_incomplete: bool,
    diagnostics: Diagnostics,
}

impl Merger<'_> {
    fn refuse(&mut self, block: &BlockSyntax) {
        let kind = &block.kind;
        let summary = format!("Cannot override \"{kind}\" blocks");
        let detail = format!("A {kind} block belongs into a file that overrides nothing.");
        let diagnostic = Diagnostic::error("override", summary, detail).at(block.header);
        self.diagnostics.push(diagnostic.hint("Move it to another file of this folder."));
    }

    fn missing(&mut self, what: &str, block: &BlockSyntax) {
        if self.is_incomplete {
            return;
        }
        let summary = format!("Missing base {what} to override");
        let detail = format!("There is no {what} that this one could override.");
        let diagnostic = Diagnostic::error("override", summary, detail).at(block.header);
        self.diagnostics.push(
            diagnostic.hint("An override file only changes blocks that are declared in other files; correct the name, or declare it there."),
        );
    }

    fn locals(&mut self, block: &BlockSyntax) {
        for attribute in &block.body.attributes {
            let locals = self.bodies.iter_mut().flat_map(|body| &mut body.blocks);
            let locals = locals.filter(|one| one.kind == "locals").flat_map(|one| &mut one.body.attributes);
            match locals.into_iter().find(|one| one.name == attribute.name) {
                Some(base) => *base = attribute.clone(),
                None => self.missing(&format!("definition of local value \"{}\"", attribute.name), block),
            }
        }
    }

    /// Takes out of the others what an overriding `terraform` block says anew; gives what is left of it.
    fn settings(&mut self, left: BlockSyntax) -> BlockSyntax {
        let has_store = left.body.blocks.iter().any(is_store);
        let bases = self.bodies.iter_mut().flat_map(|body| &mut body.blocks);
        for base in bases.filter(|one| one.kind == "terraform") {
            base.body.attributes.retain(|one| left.body.attribute(&one.name).is_none());
            base.body.blocks.retain(|one| !(has_store && is_store(one)));
            for nested in base.body.blocks.iter_mut().filter(|one| one.kind == "required_providers") {
                let anew = left.body.blocks.iter().filter(|one| one.kind == "required_providers");
                let names: Vec<&ArcStr> =
                    anew.flat_map(|one| &one.body.attributes).map(|one| &one.name).collect();
                nested.body.attributes.retain(|one| !names.contains(&&one.name));
            }
            let is_anew = |base: &BlockSyntax| {
                base.kind != "required_providers"
                    && left.body.blocks.iter().any(|one| one.kind == base.kind && labels(one) == labels(base))
            };
            base.body.blocks.retain(|one| !is_anew(one));
        }
        left
    }

    fn block(&mut self, block: BlockSyntax) {
        let alias = alias(&block);
        let mut bases = self.bodies.iter_mut().flat_map(|body| &mut body.blocks);
        let is_base = |one: &&mut BlockSyntax| {
            one.kind == block.kind
                && labels(one) == labels(&block)
                && (block.kind != "provider" || self::alias(one) == alias)
        };
        if let Some(base) = bases.find(is_base) {
            merge_block(base, block, &mut self.diagnostics);
        } else if block.kind == "provider" && alias.is_none() {
            // A provider without a block has an empty one.
            match self.bodies.first_mut() {
                Some(body) => body.blocks.push(block),
                None => self.missing("configuration", &block),
            }
        } else {
            self.missing(&format!("declaration of {}", block.title()), &block);
        }
    }
}

/// Where the state is kept is said by one block of either kind.
fn is_store(block: &BlockSyntax) -> bool {
    matches!(block.kind.as_str(), "backend" | "cloud")
}

fn labels(block: &BlockSyntax) -> Vec<&ArcStr> {
    block.labels.iter().map(|(label, _)| label).collect()
}

fn alias(block: &BlockSyntax) -> Option<ArcStr> {
    block.body.attribute("alias")?.value.literal_string()
}

fn merge_block(base: &mut BlockSyntax, block: BlockSyntax, diagnostics: &mut Diagnostics) {
    for attribute in block.body.attributes {
        if attribute.name == "depends_on" {
            let detail = "The argument \"depends_on\" cannot be overridden.";
            let diagnostic = Diagnostic::error("override", "Unsupported override", detail);
            diagnostics
                .push(diagnostic.at(attribute.name_span).hint("Change it where the block is declared."));
            continue;
        }
        if attribute.json.is_some() {
            base.body.blocks.retain(|one| made_kind(one) != &attribute.name);
        }
        put(&mut base.body.attributes, attribute);
    }
    let (lifecycles, others): (Vec<BlockSyntax>, Vec<BlockSyntax>) =
        block.body.blocks.into_iter().partition(|one| one.kind == "lifecycle");
    for lifecycle in lifecycles {
        match base.body.blocks.iter_mut().find(|one| one.kind == "lifecycle") {
            Some(known) => merge_block(known, lifecycle, diagnostics),
            None => base.body.blocks.push(lifecycle),
        }
    }
    base.body.blocks.retain(|one| !others.iter().any(|other| made_kind(other) == made_kind(one)));
    base.body
        .attributes
        .retain(|one| one.json.is_none() || !others.iter().any(|other| made_kind(other) == &one.name));
    base.body.blocks.extend(others);
}

fn put(attributes: &mut Vec<AttributeSyntax>, attribute: AttributeSyntax) {
    match attributes.iter_mut().find(|one| one.name == attribute.name) {
        Some(base) => *base = attribute,
        None => attributes.push(attribute),
    }
}

/// The type of the blocks that a block is or makes.
fn made_kind(block: &BlockSyntax) -> &ArcStr {
    match block.labels.first() {
        Some((label, _)) if block.kind == "dynamic" => label,
        _ => &block.kind,
    }
}
