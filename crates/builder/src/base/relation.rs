//! Dependency fields (Debian Policy §7.1).

use std::cmp::Ordering;

use super::version::compare;

/// One thing that would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Relation {
    pub(super) name: String,
    bound: Option<(Op, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Less,
    LessEqual,
    Equal,
    GreaterEqual,
    Greater,
}

impl Relation {
    /// A package of any version.
    pub(super) fn any(name: &str) -> Self {
        Self { name: name.to_owned(), bound: None }
    }

    /// Whether a version would do; a virtual package without one only satisfies a relation without a bound (§7.5).
    pub(super) fn allows(&self, version: Option<&str>) -> bool {
        let Some((op, bound)) = &self.bound else { return true };
        let Some(version) = version else { return false };
        let order = compare(version, bound);
        match op {
            Op::Less => order == Ordering::Less,
            Op::LessEqual => order != Ordering::Greater,
            Op::Equal => order == Ordering::Equal,
            Op::GreaterEqual => order != Ordering::Less,
            Op::Greater => order == Ordering::Greater,
        }
    }

    fn parse(text: &str) -> Self {
        // Architecture and profile restrictions do not occur in binary packages.
        let (name, rest) = text.split_once('(').map_or((text, None), |(n, r)| (n, Some(r)));
        let name = name.trim().split(':').next().unwrap_or_default().trim().to_owned();
        let bound = rest.and_then(|r| {
            let r = r.split(')').next().unwrap_or_default().trim();
            let at = r.find(|c| !matches!(c, '<' | '>' | '=')).unwrap_or(r.len());
            let op = match &r[..at] {
                "<<" => Op::Less,
                "<=" | "<" => Op::LessEqual,
                "=" => Op::Equal,
                ">=" | ">" => Op::GreaterEqual,
                ">>" => Op::Greater,
                _ => return None,
            };
            Some((op, r[at..].trim().to_owned()))
        });
        Self { name, bound }
    }
}

/// All of these are needed, of each any one.
pub(super) fn groups(field: &str) -> Vec<Vec<Relation>> {
    let parts = field.split(',').filter(|g| !g.trim().is_empty());
    parts.map(|g| g.split('|').map(Relation::parse).collect()).collect()
}

/// Names in a `Provides` field, with the version each is provided as.
pub(super) fn provided(field: &str) -> Vec<(String, Option<String>)> {
    let all = groups(field).into_iter().flatten();
    all.map(|r| (r.name, r.bound.filter(|(op, _)| *op == Op::Equal).map(|(_, v)| v))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds() {
        for (relation, version, want) in [
            ("a", Some("1"), true),
            ("a", None, true),
            ("a (>= 2)", Some("2"), true),
            ("a (>= 2)", Some("2~"), false),
            ("a (>= 2)", None, false),
            ("a (<< 2)", Some("2"), false),
            ("a (<= 2)", Some("2"), true),
            ("a (= 2-1)", Some("2-1"), true),
            ("a (>>2)", Some("2.1"), true),
        ] {
            assert_eq!(Relation::parse(relation).allows(version), want, "{relation} {version:?}");
        }
    }

    #[test]
    fn alternatives_and_qualifiers() {
        let groups = groups("libc6 (>= 2.36), debconf (>= 0.5) | debconf-2.0, python3:any,");
        let names: Vec<Vec<_>> = groups.iter().map(|g| g.iter().map(|r| r.name.as_str()).collect()).collect();
        assert_eq!(names, [vec!["libc6"], vec!["debconf", "debconf-2.0"], vec!["python3"]]);
        assert_eq!(
            provided("debconf-2.0, x (= 1.2)"),
            [("debconf-2.0".to_owned(), None), ("x".to_owned(), Some("1.2".to_owned()))]
        );
    }
}
