//! Which node serves which key of a cluster.

use std::collections::BTreeSet;

use redis::Value;

use crate::address::HostPort;

/// Keys are spread over so many slots.
const SLOTS: u16 = 16384;

/// The slot of a key: CRC16 (XMODEM) of its hash tag, or of the whole key when it has none.
pub(crate) fn slot_of(key: &str) -> u16 {
    let tag = key
        .split_once('{')
        .and_then(|(_, rest)| rest.split_once('}'))
        .map(|(tag, _)| tag)
        .filter(|tag| !tag.is_empty())
        .unwrap_or(key);
    let crc = tag.bytes().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
            let carry = crc & 0x8000 != 0;
            (crc << 1) ^ if carry { 0x1021 } else { 0 }
        })
    });
    crc % SLOTS
}

/// A range of slots, and who serves it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) first: u16,
    pub(crate) last: u16,
    /// The primary, then its replicas.
    pub(crate) nodes: Vec<HostPort>,
}

/// Reads the answer to `CLUSTER SLOTS`, in order of slots.
pub(crate) fn ranges(answer: Value, asked: &HostPort) -> Option<Vec<Range>> {
    let Value::Array(ranges) = answer else {
        return None;
    };
    let mut ranges = ranges
        .into_iter()
        .map(|range| read_range(range, asked))
        .collect::<Option<Vec<Range>>>()?;
    ranges.sort_by_key(|range| range.first);
    // A node that has just started knows of none.
    (!ranges.is_empty()).then_some(ranges)
}

fn read_range(range: Value, asked: &HostPort) -> Option<Range> {
    let Value::Array(parts) = range else {
        return None;
    };
    let mut parts = parts.into_iter();
    let (Some(Value::Int(first)), Some(Value::Int(last))) = (parts.next(), parts.next()) else {
        return None;
    };
    let nodes: Vec<HostPort> = parts.filter_map(|node| read_node(node, asked)).collect();
    Some(Range {
        first: u16::try_from(first).ok()?,
        last: u16::try_from(last).ok()?,
        nodes: (!nodes.is_empty()).then_some(nodes)?,
    })
}

fn read_node(node: Value, asked: &HostPort) -> Option<HostPort> {
    let Value::Array(parts) = node else {
        return None;
    };
    let mut parts = parts.into_iter();
    let host = match parts.next()? {
        // Its own, as it was asked for.
        Value::Nil => asked.host.clone(),
        host => Some(redis::from_redis_value::<String>(host).ok()?)
            .filter(|host| !host.is_empty())
            .unwrap_or_else(|| asked.host.clone()),
    };
    let Value::Int(port) = parts.next()? else {
        return None;
    };
    Some(HostPort {
        host,
        port: u16::try_from(port).ok()?,
    })
}

/// The primaries of an answer to `CLUSTER SLOTS`.
pub(crate) fn primaries(answer: Value, asked: &HostPort) -> Option<BTreeSet<HostPort>> {
    let ranges = ranges(answer, asked)?;
    Some(
        ranges
            .into_iter()
            .filter_map(|range| range.nodes.into_iter().next())
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(slot_of("123456789"), 0x31c3);
        assert_eq!(slot_of("foo"), 12182);
        assert_eq!(slot_of("bar"), 5061);
        assert_eq!(slot_of("{foo}.bar"), slot_of("foo"));
        assert_eq!(slot_of("x{foo}{bar}"), slot_of("foo"));
        assert_eq!(slot_of("{{foo}}"), slot_of("{foo"));
        // No tag: the whole key counts.
        assert_ne!(slot_of("foo{}{bar}"), slot_of("bar"));
        assert_eq!(slot_of(""), 0);
    }
}
