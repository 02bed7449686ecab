//! `removed` blocks: what becomes of objects whose block is gone.

use crate::graph::Graph;
use arcstr::ArcStr;
use formwork_lang::{Mode, Removed as Block};
use formwork_state::Address;

/// One `removed` block.
pub(crate) struct Removed {
    path: Vec<ArcStr>,
    resource: Option<(Mode, ArcStr, ArcStr)>,
    /// Whether its objects are destroyed; else they are forgotten.
    pub(crate) destroy: bool,
}

impl Removed {
    fn read(block: &Block, prefix: &[ArcStr]) -> Self {
        let below = block.from.modules.iter().map(|module| module.name.clone());
        let resource = block.from.resource.as_ref();
        Self {
            path: prefix.iter().cloned().chain(below).collect(),
            resource: resource.map(|one| (one.mode, one.type_name.clone(), one.name.clone())),
            destroy: block.destroy,
        }
    }

    /// Whether it is about this object.
    pub(crate) fn covers(&self, address: &Address) -> bool {
        let path = address.module().config_path();
        match &self.resource {
            None => path.starts_with(&self.path),
            Some((mode, type_name, name)) => {
                path == self.path
                    && super::mode_of(*mode) == address.mode()
                    && type_name == address.type_name()
                    && name == address.name()
            }
        }
    }
}

/// Whether a `removed` block of a module is about an object.
pub(crate) fn is_removed_by(block: &Block, module: &[ArcStr], address: &Address) -> bool {
    Removed::read(block, module).covers(address)
}

/// Every `removed` block of a configuration.
pub(super) fn removed_blocks(graph: &Graph) -> Vec<Removed> {
    let modules = graph.modules.iter().map(|node| &node.module);
    modules.flat_map(|module| module.removed.iter().map(|block| Removed::read(block, &module.path))).collect()
}
