//! Who serves what in a cluster, as of one answer.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use redis::ConnectionInfo;

use super::node::Node;
use super::slots::{Range, slot_of};
use crate::address::HostPort;

#[derive(Default)]
pub(crate) struct Map {
    // In order of slots.
    ranges: Vec<Range>,
    nodes: HashMap<HostPort, Arc<Node>>,
}

impl Map {
    pub(super) fn new(ranges: Vec<Range>, nodes: HashMap<HostPort, Arc<Node>>) -> Self {
        Self { ranges, nodes }
    }

    /// The primary of a key.
    pub(crate) fn primary(&self, key: &str) -> Option<&HostPort> {
        let slot = slot_of(key);
        let after = self.ranges.partition_point(|range| range.first <= slot);
        let range = self.ranges.get(after.checked_sub(1)?)?;
        (slot <= range.last).then(|| range.nodes.first())?
    }

    /// All primaries.
    pub(crate) fn primaries(&self) -> Vec<(HostPort, ConnectionInfo)> {
        let primaries = self.ranges.iter().filter_map(|range| range.nodes.first());
        let primaries: BTreeSet<&HostPort> = primaries.collect();
        primaries
            .into_iter()
            .filter_map(|host| Some((host.clone(), self.nodes.get(host)?.server()?.clone())))
            .collect()
    }

    pub(super) fn node(&self, host: &HostPort) -> Option<&Arc<Node>> {
        self.nodes.get(host)
    }

    pub(super) fn hosts(&self) -> impl Iterator<Item = &HostPort> {
        self.nodes.keys()
    }
}
