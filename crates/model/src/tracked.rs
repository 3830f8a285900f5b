//! A map that knows which projects have been touched.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::Deref,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{InstanceId, ProjectName, ServiceKey};

/// Something that belongs to a project, together with what it is called.
pub trait InProject<K> {
    /// Whose it is.
    fn project<'a>(&'a self, key: &'a K) -> &'a ProjectName;
}

impl<V> InProject<ServiceKey> for V {
    fn project<'a>(&'a self, key: &'a ServiceKey) -> &'a ProjectName {
        &key.project
    }
}

impl InProject<InstanceId> for ServiceKey {
    fn project<'a>(&'a self, _key: &'a InstanceId) -> &'a ProjectName {
        &self.project
    }
}

/// A map in which all that belongs to a project is found without a look at the rest, and which remembers whom each change
/// concerned: whoever may change a value is taken to do so. Whose a value is never changes.
#[derive(Clone)]
pub struct Tracked<K, V> {
    all: BTreeMap<K, V>,
    of: BTreeMap<ProjectName, BTreeSet<K>>,
    touched: BTreeSet<ProjectName>,
}

fn project<'a, K, V: InProject<K>>(key: &'a K, value: &'a V) -> &'a ProjectName {
    InProject::<K>::project(value, key)
}

impl<K: Ord + Clone, V: InProject<K>> Tracked<K, V> {
    /// What belongs to a project.
    pub fn of_project(&self, project: &ProjectName) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.of.get(project).into_iter().flatten().filter_map(|key| self.all.get_key_value(key))
    }

    /// The projects that anything has been changed of since this was last asked.
    pub fn take_touched(&mut self) -> BTreeSet<ProjectName> {
        std::mem::take(&mut self.touched)
    }

    /// The value of a key, to change it.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let value = self.all.get_mut(key)?;
        self.touched.insert(project(key, &*value).clone());
        Some(value)
    }

    /// All values, to change them.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.touched.extend(self.of.keys().cloned());
        self.all.values_mut()
    }

    /// Give a key a value; what it had before is given back.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let of = project(&key, &value).clone();
        self.of.entry(of.clone()).or_default().insert(key.clone());
        self.touched.insert(of);
        self.all.insert(key, value)
    }

    /// Take a key's value out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let value = self.all.remove(key)?;
        let of = project(key, &value);
        self.touched.insert(of.clone());
        if let Some(keys) = self.of.get_mut(of) {
            keys.remove(key);
            if keys.is_empty() {
                self.of.remove(of);
            }
        }
        Some(value)
    }

    /// Take out what is not wanted.
    pub fn retain(&mut self, is_wanted: impl Fn(&K, &V) -> bool) {
        let gone: Vec<K> =
            self.all.iter().filter(|(k, v)| !is_wanted(k, v)).map(|(k, _)| k.clone()).collect();
        for key in gone {
            self.remove(&key);
        }
    }
}

impl<K: Ord + Clone, V: InProject<K> + Default> Tracked<K, V> {
    /// The value of a key, to change it; a new one where it had none.
    pub fn or_default(&mut self, key: &K) -> &mut V {
        if !self.all.contains_key(key) {
            self.insert(key.clone(), V::default());
        }
        self.touched.insert(project(key, &self.all[key]).clone());
        self.all.entry(key.clone()).or_default()
    }
}

impl<K, V> Deref for Tracked<K, V> {
    type Target = BTreeMap<K, V>;

    fn deref(&self) -> &BTreeMap<K, V> {
        &self.all
    }
}

impl<K: Ord + Clone, V: InProject<K>> FromIterator<(K, V)> for Tracked<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(all: I) -> Self {
        let mut out = Self::default();
        for (key, value) in all {
            out.insert(key, value);
        }
        out
    }
}

impl<K: Ord + Clone, V: InProject<K>> From<BTreeMap<K, V>> for Tracked<K, V> {
    fn from(all: BTreeMap<K, V>) -> Self {
        all.into_iter().collect()
    }
}

impl<K: Ord + Clone, V: InProject<K>, const N: usize> From<[(K, V); N]> for Tracked<K, V> {
    fn from(all: [(K, V); N]) -> Self {
        all.into_iter().collect()
    }
}

impl<'a, K, V> IntoIterator for &'a Tracked<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = std::collections::btree_map::Iter<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.all.iter()
    }
}

impl<K, V> Default for Tracked<K, V> {
    fn default() -> Self {
        Self { all: BTreeMap::new(), of: BTreeMap::new(), touched: BTreeSet::new() }
    }
}

/// What was touched says nothing about what is in it.
impl<K: PartialEq, V: PartialEq> PartialEq for Tracked<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.all == other.all
    }
}

impl<K: Eq, V: Eq> Eq for Tracked<K, V> {}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Tracked<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.all.fmt(f)
    }
}

impl<K: Serialize, V: Serialize> Serialize for Tracked<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.all.serialize(serializer)
    }
}

impl<'de, K: Deserialize<'de> + Ord + Clone, V: Deserialize<'de> + InProject<K>> Deserialize<'de>
    for Tracked<K, V>
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(BTreeMap::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn who_was_touched() {
        let key = |text: &str| text.parse::<ServiceKey>().unwrap();
        let mut map: Tracked<ServiceKey, u32> = [(key("shop/web"), 1), (key("blog/web"), 2)].into();
        let mut story = String::new();
        let mut tell = |what: &str, map: &mut Tracked<ServiceKey, u32>| {
            let touched: Vec<_> = map.take_touched().iter().map(ToString::to_string).collect();
            story += &format!("{what}: {}\n", touched.join(" "));
        };
        tell("made", &mut map);
        assert!(map.get(&key("shop/web")).is_some() && map.iter().count() == 2);
        tell("read", &mut map);
        *map.get_mut(&key("shop/web")).unwrap() += 1;
        assert!(map.get_mut(&key("none/web")).is_none());
        tell("one changed", &mut map);
        *map.or_default(&key("news/api")) += 1;
        tell("one new", &mut map);
        map.retain(|key, _| key.project.as_str() != "blog");
        map.remove(&key("none/web"));
        tell("one gone", &mut map);
        expect![[r#"
            made: blog shop
            read: 
            one changed: shop
            one new: news
            one gone: blog
        "#]]
        .assert_eq(&story);
        let of = |project: &str| map.of_project(&project.parse().unwrap()).count();
        assert_eq!([of("shop"), of("blog"), of("news")], [1, 0, 1]);
    }
}
